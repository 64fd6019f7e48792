"""robots.txt, read by Python's own parser as each crawler would."""

from urllib.robotparser import RobotFileParser

import httpx
import pytest

from byline.core.settings import Settings
from byline.crawlers.robots import ASSISTANTS, SEARCH, TRAINING, Crawlers
from tests.crawlers.test_sitemaps import Configure

KINDS = {"robots_search": SEARCH, "robots_assistants": ASSISTANTS, "robots_training": TRAINING}


async def parsed(client: httpx.AsyncClient) -> RobotFileParser:
    answer = await client.get("/robots.txt")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    parser = RobotFileParser()
    parser.parse(answer.text.splitlines())
    return parser


async def test_by_default_all_may_read_what_is_public(client: httpx.AsyncClient) -> None:
    robots = await parsed(client)
    assert robots.site_maps() == ["https://blog.example/sitemap.xml"]
    for token in (*SEARCH.tokens, *ASSISTANTS.tokens, *TRAINING.tokens, "Somebody"):
        assert robots.can_fetch(token, "https://blog.example/posts/how-to-measure")
        assert robots.can_fetch(token, "https://blog.example/v1/posts/how-to-measure.md")
        assert not robots.can_fetch(token, "https://blog.example/v1/manage/posts")
        assert not robots.can_fetch(token, "https://blog.example/v1/previews/abc.html")


@pytest.mark.parametrize("denied", KINDS)
async def test_each_kind_has_a_policy_of_its_own(client: httpx.AsyncClient, configure: Configure, denied: str) -> None:
    configure(**{denied: "deny"})
    robots = await parsed(client)
    for name, crawlers in KINDS.items():
        for token in crawlers.tokens:
            assert robots.can_fetch(token, "https://blog.example/posts/a") == (name != denied), token
    assert robots.can_fetch("Somebody", "https://blog.example/posts/a")


async def test_all_others_may_be_denied(client: httpx.AsyncClient, configure: Configure) -> None:
    configure(robots_others="deny")
    robots = await parsed(client)
    assert not robots.can_fetch("Somebody", "https://blog.example/posts/a")
    assert robots.can_fetch("Googlebot", "https://blog.example/posts/a")


async def test_rules_of_the_operator(client: httpx.AsyncClient, configure: Configure) -> None:
    configure(robots_extra="User-agent: Nosy\nDisallow: /posts/\n")
    robots = await parsed(client)
    assert not robots.can_fetch("Nosy", "https://blog.example/posts/a")
    assert robots.site_maps() == ["https://blog.example/sitemap.xml"]


def test_settings_are_allow_or_deny() -> None:
    with pytest.raises(ValueError, match="robots_training"):
        Settings(_env_file=None, robots_training="perhaps")


@pytest.mark.parametrize("crawlers", [SEARCH, ASSISTANTS, TRAINING])
def test_tokens_are_product_tokens(crawlers: Crawlers) -> None:
    """RFC 9309 §2.2.1 has letters, `-` and `_`; AI2Bot and CCBot's makers take digits too."""
    assert all(token.replace("-", "").replace("_", "").isalnum() for token in crawlers.tokens)
    assert len(set(crawlers.tokens)) == len(crawlers.tokens)
    assert all(source.startswith("https://") for source in crawlers.sources)
