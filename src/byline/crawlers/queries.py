"""What is public and has its place here, in the order in which it was made, cut into parts by what it weighs."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Subquery, and_, case, cast, func, literal, or_, select
from sqlalchemy.orm import load_only

from byline.authors.models import Author
from byline.posts import queries as posts
from byline.posts.models import Kind, Post, PostAuthor, PostTag, path_of
from byline.series.models import Series
from byline.tags.models import Tag

CHANGED = func.greatest(Post.published_at, Post.updated_at)
"""When it became what readers see: what was written ahead changed last when it appeared."""

_UNIT = 500
"""Bytes. So 50,000 units of addresses and dates are 25 MB: half of what a sitemap may have."""


class Room(StrEnum):
    POSTS = "posts"
    PAGES = "pages"
    AUTHORS = "authors"
    TAGS = "tags"
    SERIES = "series"


_KINDS = {Room.POSTS: Kind.POST, Room.PAGES: Kind.PAGE}


def kind_in(room: Room) -> str:
    """As `path_of` takes it."""
    return {**_KINDS, Room.AUTHORS: "author", Room.TAGS: "tag", Room.SERIES: "series"}[room]


def at_home(kind: Kind, now: datetime, site_url: str) -> Select[Post]:
    """What readers' lists show and has no canonical address elsewhere."""
    folder = path_of(kind, "")
    own = literal(folder) + Post.slug, literal(site_url + folder) + Post.slug
    return posts.listed(kind, now).where(or_(Post.canonical_url.is_(None), Post.canonical_url.in_(own)))


def entries(room: Room, now: datetime, site_url: str) -> Select[Any]:
    """`id`, `slug` and `changed`: of an author, a tag or a series when it, or what it has, changed last."""
    if room in _KINDS:
        return at_home(_KINDS[room], now, site_url).with_only_columns(Post.id, Post.slug, CHANGED.label("changed"))
    live = posts.listed(Kind.POST, now).with_only_columns(Post.id, Post.series_id, CHANGED.label("changed")).subquery()
    newest = func.max(live.c.changed)
    match room:
        case Room.AUTHORS:
            columns = Author.id, Author.slug, func.greatest(Author.updated_at, newest).label("changed")
            written = select(*columns).join(PostAuthor, PostAuthor.author_id == Author.id)
            return written.join(live, live.c.id == PostAuthor.post_id).group_by(Author.id)
        case Room.TAGS:
            columns = Tag.id, Tag.slug, func.greatest(Tag.updated_at, newest).label("changed")
            tagged = select(*columns).join(PostTag, PostTag.tag_id == Tag.id)
            return tagged.join(live, live.c.id == PostTag.post_id).group_by(Tag.id)
        case _:
            columns = Series.id, Series.slug, func.greatest(Series.updated_at, newest).label("changed")
            return select(*columns).join(live, live.c.series_id == Series.id).group_by(Series.id)


def parts(found: Select[Any], capacity: int, site_url: str) -> Select[Any]:
    """Each part that there is, by its number, and when something in it changed last."""
    placed = _placed(found, capacity, site_url)
    return select(placed.c.part, func.max(placed.c.changed)).group_by(placed.c.part).order_by(placed.c.part)


def rows(found: Select[Any], capacity: int, site_url: str, number: int) -> Select[Any]:
    """What one part has: `id`, `slug` and `changed`."""
    placed = _placed(found, capacity, site_url)
    return select(placed.c.id, placed.c.slug, placed.c.changed).where(placed.c.part == number).order_by(placed.c.id)


def _placed(found: Select[Any], capacity: int, site_url: str) -> Subquery:
    """By their running weight: no part has more than `capacity` entries, nor, but for its first, units of bytes."""
    entry = found.subquery()
    # An address has at most three bytes for each byte of a slug (RFC 3986 §2.1); 150 for the elements around it.
    weight = (func.octet_length(entry.c.slug) * 3 + len(site_url.encode()) * 3 + 150 + _UNIT - 1) / literal(_UNIT)
    units = cast(func.floor(weight), Integer)
    run = func.sum(units).over(order_by=entry.c.id)
    return select(entry, (func.div(run - 1, capacity) + 1).label("part")).subquery()


def pictured(ids: Iterable[UUID]) -> Select[Any]:
    """The group, the cover and, where there are pictures in it, the HTML of posts."""
    html = case((Post.html.contains("<img "), Post.html), else_=None)
    return select(Post.id, Post.article_id, Post.cover, html).where(Post.id.in_(ids))


def members(kind: Kind, groups: Iterable[UUID], now: datetime) -> Select[Post]:
    """What readers' lists show of these groups of translations, the original or who is its oldest first."""
    columns = load_only(Post.kind, Post.slug, Post.language, Post.translation_of, raiseload=True)
    ids = list(groups)
    belong = or_(Post.translation_of.in_(ids), and_(Post.translation_of.is_(None), Post.id.in_(ids)))
    return posts.listed(kind, now).where(belong).options(columns).order_by(Post.id)
