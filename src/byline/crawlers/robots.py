"""robots.txt (RFC 9309), with a policy for each kind of crawler."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from byline.core.settings import RobotsPolicy as Policy

PRIVATE = ("/v1/manage/", "/v1/auth/", "/v1/account", "/v1/previews/")
"""What no crawler has any use for. The rest of the API is read by those that run a page's scripts."""


@dataclass(frozen=True, slots=True)
class Crawlers:
    """One kind of crawlers. `tokens` are what they look for in a robots.txt, as their makers say in `sources`."""

    about: str
    tokens: tuple[str, ...]
    sources: tuple[str, ...]


SEARCH = Crawlers(
    "Search engines",
    (
        *("Googlebot", "Bingbot", "DuckDuckBot", "Applebot", "YandexBot", "Baiduspider", "Slurp", "Qwantbot"),
        *("SeznamBot", "Yeti", "PetalBot"),
    ),
    (
        "https://developers.google.com/search/docs/crawling-indexing/google-common-crawlers",
        "https://www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0",
        "https://duckduckgo.com/duckduckgo-help-pages/results/duckduckbot/",
        "https://support.apple.com/en-us/119829",
        "https://yandex.com/support/webmaster/robot-workings/check-yandex-robots.html",
        "https://help.baidu.com/question?prod_id=99&class=0&id=3001",
        "https://help.qwant.com/bot/",
        "https://o-seznam.cz/napoveda/vyhledavani/en/seznambot-crawler/",
    ),
)
ASSISTANTS = Crawlers(
    "Assistants: they read for a person who asks, and name what they read",
    (
        *("OAI-SearchBot", "ChatGPT-User", "Claude-SearchBot", "Claude-User", "PerplexityBot", "Perplexity-User"),
        *("DuckAssistBot", "MistralAI-User", "Meta-ExternalFetcher", "Google-CloudVertexBot"),
    ),
    (
        "https://platform.openai.com/docs/bots",
        "https://support.claude.com/en/articles/8896518",
        "https://docs.perplexity.ai/guides/bots",
        "https://duckduckgo.com/duckduckgo-help-pages/results/duckassistbot/",
        "https://docs.mistral.ai/robots/",
        "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers/",
        "https://developers.google.com/search/docs/crawling-indexing/google-common-crawlers",
    ),
)
TRAINING = Crawlers(
    "Collectors of texts to train models on",
    (
        *("GPTBot", "ClaudeBot", "anthropic-ai", "Google-Extended", "Applebot-Extended", "CCBot", "Bytespider"),
        *("Meta-ExternalAgent", "Amazonbot", "cohere-training-data-crawler", "AI2Bot", "Diffbot", "omgili"),
    ),
    (
        "https://platform.openai.com/docs/bots",
        "https://support.claude.com/en/articles/8896518",
        "https://developers.google.com/search/docs/crawling-indexing/google-common-crawlers",
        "https://support.apple.com/en-us/119829",
        "https://commoncrawl.org/ccbot",
        "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers/",
        "https://developer.amazon.com/amazonbot",
        "https://allenai.org/crawler",
        "https://docs.diffbot.com/docs/why-is-my-crawl-not-crawling-and-other-uncommon-crawl-problems",
    ),
)
OTHERS = Crawlers("All others", ("*",), ())


def write(policies: Sequence[tuple[Crawlers, Policy]], *, sitemap: str, extra: str) -> str:
    """A group of rules for each kind, since a crawler follows the group that names it, and no other (§2.2.1)."""
    groups = ["\n".join(_group(crawlers, policy)) for crawlers, policy in policies]
    return "\n\n".join([*groups, *([extra.strip()] if extra.strip() else []), f"Sitemap: {sitemap}"]) + "\n"


def _group(crawlers: Crawlers, policy: Policy) -> Iterator[str]:
    yield f"# {crawlers.about}"
    yield from (f"User-agent: {token}" for token in crawlers.tokens)
    yield from (f"Disallow: {path}" for path in (("/",) if policy == "deny" else PRIVATE))
