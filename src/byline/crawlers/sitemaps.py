"""Sitemaps (https://www.sitemaps.org/protocol.html), with pictures and translations as Google reads them.

Always an index of parts, so that an address that a search engine was told stays the same however much is published.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.errors import NotFound
from byline.core.schemas import public_address
from byline.core.settings import Settings
from byline.core.text import printable
from byline.core.uris import absolute, uri
from byline.crawlers import queries
from byline.crawlers.queries import Room
from byline.posts import translations
from byline.posts.models import Kind, Post, path_of

MOST_BYTES = 50_000_000
"""Of one part; the protocol allows 52,428,800."""
MOST_PICTURES = 1000
"""Of one page, as Google counts them."""
AT_ONCE = 200
"""Articles whose HTML is held at a time."""

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_EXTENSIONS = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1" xmlns:xhtml="http://www.w3.org/1999/xhtml"'
_PICTURE = re.compile(r'<img(?: [a-z-]+="[^"]*")*? src="([^"]*)"')  # as `core.sanitize` writes it


class NoSuchPart(NotFound):
    code = "no_such_part"
    title = "The sitemap has no such part"


@dataclass(frozen=True, slots=True)
class Page:
    address: str
    changed_at: datetime
    languages: Sequence[tuple[str, str]] = ()
    pictures: Sequence[str] = ()


async def index(session: AsyncSession, settings: Settings, now: datetime) -> bytes:
    """All parts, each with the time of its newest change."""
    lines = [_DECLARATION, f"<sitemapindex {_NAMESPACE}>\n"]
    for room in Room:
        found = queries.entries(room, now, settings.site_url)
        for number, changed_at in await session.execute(queries.parts(found, settings.sitemap_urls, settings.site_url)):
            address = uri(f"{settings.site_url}/sitemaps/{room}-{number}.xml")
            lines.append(f"<sitemap><loc>{escape(address)}</loc><lastmod>{_time(changed_at)}</lastmod></sitemap>\n")
    return "".join([*lines, "</sitemapindex>\n"]).encode()


async def part(session: AsyncSession, settings: Settings, room: Room, number: int, now: datetime) -> bytes:
    """Raises NoSuchPart. Pictures and languages have the half that addresses leave them; what is beyond is left out."""
    found = queries.entries(room, now, settings.site_url)
    statement = queries.rows(found, settings.sitemap_urls, settings.site_url, number)
    rows = (await session.execute(statement)).all()
    if not rows:
        raise NoSuchPart()
    written = bytearray(f"{_DECLARATION}<urlset {_NAMESPACE} {_EXTENSIONS}>\n".encode())
    left = MOST_BYTES // 2
    for start in range(0, len(rows), AT_ONCE):
        for page in await _pages(session, settings.site_url, room, rows[start : start + AT_ONCE], now):
            more = "".join(_more(page)).encode()
            more = more if len(more) <= left else b""
            left -= len(more)
            loc = f"<url><loc>{escape(page.address)}</loc><lastmod>{_time(page.changed_at)}</lastmod>"
            written += loc.encode() + more + b"</url>\n"
    return bytes(written + b"</urlset>\n")


async def _pages(
    session: AsyncSession, site_url: str, room: Room, rows: Sequence[Any], now: datetime
) -> Iterable[Page]:
    kind = queries.kind_in(room)
    addresses = {row.id: uri(public_address(path_of(kind, row.slug), site_url)) for row in rows}
    if kind not in set(Kind):
        return [Page(addresses[row.id], row.changed) for row in rows]
    details = {found[0]: found[1:] for found in await session.execute(queries.pictured(addresses))}
    groups = await _groups(session, Kind(kind), {group for group, _, _ in details.values()}, now)
    return [
        Page(
            addresses[row.id],
            row.changed,
            translations.links(_members(groups[group], row.id, site_url)),
            pictures(cover, html or "", base=addresses[row.id]),
        )
        for row in rows
        for group, cover, html in [details[row.id]]
    ]


async def _groups(session: AsyncSession, kind: Kind, ids: Iterable[UUID], now: datetime) -> dict[UUID, list[Post]]:
    found: dict[UUID, list[Post]] = defaultdict(list)
    for post in await session.scalars(queries.members(kind, ids, now)):
        found[post.article_id].append(post)
    return found


def _members(posts: Sequence[Post], post_id: UUID, site_url: str) -> Iterable[tuple[str, str, bool]]:
    """That post first."""
    for post in sorted(posts, key=lambda post: post.id != post_id):
        yield post.language, public_address(post.path, site_url), post.is_original


def pictures(cover: dict[str, Any] | None, html: str, *, base: str) -> list[str]:
    """The addresses of the cover and of what is in sanitised HTML, each once; pictures in the page itself have none."""
    named = [] if cover is None else [str(cover["url"])]
    found = (absolute(address, base=base) for address in [*named, *map(unescape, _PICTURE.findall(html))])
    whole = (uri(address) for address in found if address.startswith(("http://", "https://")))
    return list(dict.fromkeys(whole))[:MOST_PICTURES]


def _more(page: Page) -> Iterable[str]:
    for language, address in page.languages:
        yield f'<xhtml:link rel="alternate" hreflang="{language}" href="{escape(address)}"/>'
    for picture in page.pictures:
        yield f"<image:image><image:loc>{escape(printable(picture))}</image:loc></image:image>"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
