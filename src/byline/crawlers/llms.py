"""llms.txt (https://llmstxt.org) and llms-full.txt: what is here, and all of it, in Markdown and within a budget.

A budget is in bytes; of English prose four of them are about one token. What does not fit is said at the end.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only, selectinload, undefer

from byline.core.schemas import public_address
from byline.core.settings import Settings
from byline.core.uris import uri
from byline.posts import queries as posts
from byline.posts.models import Kind, Post

MOST_FEATURED = 100
MOST = 2000
"""Articles that are considered at all."""

_BREAKS = re.compile(r"\s+")
_MARKUP = re.compile(r"([\\\[\]<>*_`])")
_FOLDERS = {Kind.POST: "posts", Kind.PAGE: "pages"}
_COLUMNS = (Post.kind, Post.slug, Post.title, Post.excerpt, Post.published_at, Post.language)


async def overview(session: AsyncSession, settings: Settings, now: datetime) -> str:
    """A line for each article, with its address as Markdown: featured ones, pages, then the newest posts."""
    ids, total = await _candidates(session, now)
    found = {post.id: post for post in await session.scalars(_loaded(ids))}
    articles = [found[post_id] for post_id in ids]
    sections = [
        ("Featured", [post for post in articles if post.featured]),
        ("Pages", [post for post in articles if post.kind == Kind.PAGE and not post.featured]),
        ("Posts", [post for post in articles if post.kind == Kind.POST and not post.featured]),
    ]
    written = _Budget(settings.llms_txt_bytes, reserved=1000)
    _head(written, settings)
    count = 0
    for title, members in sections:
        for place, post in enumerate(members):
            line = _line(post, settings.site_url)
            if not written.add(f"{'' if place else f'{chr(10)}## {title}{chr(10)}{chr(10)}'}{line}\n"):
                break
            count += 1
    return written.text() + _optional(settings.site_url, total - count)


async def full(session: AsyncSession, settings: Settings, now: datetime) -> str:
    """Whole articles, as many as fit: featured ones, pages, then the newest posts. None is cut."""
    ids, total = await _candidates(session, now)
    sizes = select(Post.id, func.octet_length(Post.markdown)).where(Post.id.in_(ids))
    size_of: dict[UUID, int] = dict((await session.execute(sizes)).all())
    written = _Budget(settings.llms_full_bytes, reserved=1000)
    _head(written, settings)
    chosen, left = list[UUID](), written.left
    for post_id in ids:
        if size_of[post_id] <= left:
            chosen.append(post_id)
            left -= size_of[post_id]
    loaded = await session.scalars(_loaded(chosen).options(undefer(Post.markdown)))
    found = {post.id: post for post in loaded}
    count = sum(written.add(_article(found[post_id], settings.site_url)) for post_id in chosen)
    return written.text() + _optional(settings.site_url, total - count)


class _Budget:
    """Text of so many bytes in UTF-8 at the most, of which some are reserved for what comes last."""

    def __init__(self, limit: int, *, reserved: int) -> None:
        self.left = limit - reserved
        self._parts: list[str] = []

    def add(self, text: str) -> bool:
        """Whether it fitted."""
        size = len(text.encode())
        if size > self.left:
            return False
        self.left -= size
        self._parts.append(text)
        return True

    def text(self) -> str:
        return "".join(self._parts)


async def _candidates(session: AsyncSession, now: datetime) -> tuple[list[UUID], int]:
    """In the order of their rank, each once; and how many there are in all."""
    newest = Post.published_at.desc(), Post.id.desc()
    kinds = [posts.listed(kind, now).with_only_columns(Post.id) for kind in (Kind.POST, Kind.PAGE)]
    featured = [kind.where(Post.featured).order_by(*newest).limit(MOST_FEATURED) for kind in kinds]
    ranked = [*featured, *(kind.order_by(*newest).limit(MOST) for kind in reversed(kinds))]
    ids = [post_id for statement in ranked for post_id in await session.scalars(statement)]
    counts = [await session.scalar(select(func.count()).select_from(kind.subquery())) or 0 for kind in kinds]
    return list(dict.fromkeys(ids)), sum(counts)


def _loaded(ids: Sequence[UUID]) -> Select[Post]:
    columns = load_only(*_COLUMNS, Post.featured, raiseload=True)
    return select(Post).where(Post.id.in_(ids)).options(columns, selectinload(Post.authors))


def _head(written: _Budget, settings: Settings) -> None:
    written.add(f"# {_inline(settings.site_title)}\n")
    if settings.site_description:
        written.add(f"\n> {_inline(settings.site_description)}\n")


def _line(post: Post, site_url: str) -> str:
    address = uri(public_address(f"/v1/{_FOLDERS[Kind(post.kind)]}/{post.slug}.md", site_url))
    excerpt = _inline(post.excerpt)
    return f"- [{_inline(post.title)}]({address})" + (f": {excerpt}" if excerpt else "")


def _article(post: Post, site_url: str) -> str:
    by = ", ".join(author.name for author in post.authors)
    date = post.published_at.date().isoformat() if post.published_at else ""
    facts: Iterable[tuple[str, str]] = (
        ("Source", uri(public_address(post.path, site_url))),
        ("Published", date),
        ("Language", post.language),
        ("By", _inline(by)),
    )
    head = "\n".join(f"- {name}: {value}" for name, value in facts if value)
    return f"\n---\n\n# {_inline(post.title)}\n\n{head}\n\n{post.markdown.strip()}\n"


def _optional(site_url: str, left_out: int) -> str:
    """What a reader in a hurry may leave aside, and what is not here."""
    lines = [
        "\n## Optional\n",
        f"- [All addresses]({uri(f'{site_url}/sitemap.xml')}): the sitemap",
        f"- [Changes]({uri(f'{site_url}/feed.xml')}): the newest posts as RSS",
    ]
    if left_out > 0:
        lines.append(f"\nNot in this file, for want of room: {left_out:,} more. The sitemap has them.")
    return "\n".join(lines) + "\n"


def _inline(text: str) -> str:
    """Words that stand in Markdown for themselves, on one line."""
    return _MARKUP.sub(r"\\\1", _BREAKS.sub(" ", text).strip())
