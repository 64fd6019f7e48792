"""An oEmbed provider (https://oembed.com): what another site shows in place of a link to an article here."""

import re
import unicodedata
from html import escape
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from byline.core.errors import BylineError
from byline.core.schemas import public_address
from byline.core.settings import Settings
from byline.core.text import printable
from byline.core.uris import uri
from byline.crawlers.schemas import Oembed, OembedQuery
from byline.posts.models import Kind, Post

CACHE_SECONDS = 3600
WIDTH, HEIGHT = 600, 240
LEAST_WIDTH, LEAST_HEIGHT = 220, 120
"""Below these there is no room for words."""

_PATH = re.compile(r"/(?:(posts)/)?([^/]+)/?")
_MOST_WORDS = 300
"""Characters of the excerpt."""


class FormatNotSupported(BylineError):
    status = 501
    code = "format_not_supported"
    title = "There is JSON and XML, and no other format"


def article_at(address: str, site_url: str) -> tuple[Kind, str] | None:
    """What an address of the site names: a kind and a slug. http and https are the same, a query does not count."""
    try:
        asked, site = urlsplit(address), urlsplit(site_url)
        path = unquote(asked.path, errors="strict")
    except ValueError:
        return None
    base = unquote(site.path)
    if (
        asked.scheme not in {"http", "https"}
        or asked.netloc.lower() != site.netloc.lower()
        or not path.startswith(base)
    ):
        return None
    found = _PATH.fullmatch(path.removeprefix(base))
    if found is None or "\0" in path:
        return None
    return (Kind.POST if found[1] else Kind.PAGE), unicodedata.normalize("NFC", found[2])


def write(post: Post, query: OembedQuery, settings: Settings) -> Oembed:
    author = post.authors[0] if post.authors else None
    width, height = min(query.maxwidth or WIDTH, WIDTH), min(query.maxheight or HEIGHT, HEIGHT)
    is_rich = width >= LEAST_WIDTH and height >= LEAST_HEIGHT
    rich: dict[str, Any] = {"html": _html(post, settings, width, height), "width": width, "height": height}
    return Oembed(
        type="rich" if is_rich else "link",
        title=post.title,
        author_name=author.name if author else None,
        author_url=uri(public_address(author.path, settings.site_url)) if author else None,
        provider_name=settings.site_title,
        provider_url=uri(f"{settings.site_url}/"),
        cache_age=CACHE_SECONDS,
        **(rich if is_rich else {}),
    )


def as_xml(answer: Oembed) -> bytes:
    root = Element("oembed")
    for name, value in answer.members().items():
        SubElement(root, name).text = printable(str(value))
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _html(post: Post, settings: Settings, width: int, height: int) -> str:
    """A quotation with a link: words only, all of them escaped."""
    address = escape(uri(public_address(post.path, settings.site_url)))
    words = post.excerpt if len(post.excerpt) <= _MOST_WORDS else f"{post.excerpt[: _MOST_WORDS - 1].rstrip()}…"
    by = ", ".join(author.name for author in post.authors[:3])
    source = " · ".join(filter(None, (by, settings.site_title)))
    style = f"max-width:{width}px;max-height:{height}px;overflow:hidden;box-sizing:border-box;margin:0"
    return (
        f'<blockquote lang="{escape(post.language)}" cite="{address}" style="{style}">'
        f'<p><a href="{address}">{escape(post.title)}</a></p><p>{escape(words)}</p>'
        f"<footer>{escape(source)}</footer></blockquote>"
    )
