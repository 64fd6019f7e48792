from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, bindparam, func, or_, select, union_all
from sqlalchemy.orm import load_only

from byline.authors.models import Author
from byline.core.events import EventLog
from byline.core.plain import Query, compiled
from byline.posts import queries as posts
from byline.posts.columns import NOW, columns
from byline.posts.models import Kind, Post, PostAuthor, PostTag
from byline.posts.schemas import PostSummary
from byline.series.models import Series
from byline.tags.models import Tag

TEXT_LOOKED_AT = 100_000
"""Characters of an article in which its best passage is looked for."""


def articles(kind: Kind, ids: Collection[UUID], now: datetime) -> Select[Any]:
    """What the index holds of those of them that readers' lists show now."""
    tags = func.array(select(PostTag.tag_id).where(PostTag.post_id == Post.id).scalar_subquery())
    authors = func.array(select(PostAuthor.author_id).where(PostAuthor.post_id == Post.id).scalar_subquery())
    columns = (Post.id, Post.kind, Post.title, Post.subtitle, Post.text, Post.toc, Post.language, Post.published_at)
    return (
        posts.listed(kind, now)
        .where(Post.id.in_(ids))
        .with_only_columns(*columns, Post.series_id, tags.label("tags"), authors.label("authors"))
    )


def unannounced(now: datetime) -> Select[UUID]:
    """What readers see since its time has come, and no worker has told of yet."""
    return posts.due(now).with_only_columns(Post.id)


def tags(ids: Collection[UUID]) -> Select[UUID, str, str, list[str]]:
    return select(Tag.id, Tag.slug, Tag.name, Tag.aliases).where(Tag.id.in_(ids))


def authors(ids: Collection[UUID]) -> Select[UUID, str, str]:
    return select(Author.id, Author.slug, Author.name).where(Author.id.in_(ids))


def event_at(sequence: int) -> Select[UUID]:
    return select(EventLog.id).where(EventLog.sequence == sequence)


_NAMED: dict[str, type[Tag] | type[Author] | type[Series]] = {"tag": Tag, "author": Author, "series": Series}


@cache
def id_of(name: str) -> Query:
    """Of the tag, author or series with this `slug`."""
    table = _NAMED[name]
    return compiled(select(table.id).where(table.slug == bindparam("slug")))


@cache
def hits() -> Query:
    """Those of `ids` that readers' lists show `now`, with their texts and headings."""
    shown = [condition for kind in Kind if (condition := posts.listed(kind, NOW).whereclause) is not None]
    text = func.left(Post.text, TEXT_LOOKED_AT).label("text")
    return compiled(select(*columns(PostSummary), text, Post.toc).where(Post.id == _any_of("ids"), or_(*shown)))


@cache
def names() -> Query:
    """Of the tags in `tags` and the authors in `authors`."""
    found = [
        select(table.id, table.slug, table.name).where(table.id == _any_of(ids))
        for table, ids in ((Tag, "tags"), (Author, "authors"))
    ]
    return compiled(select(union_all(*found).subquery()))


def _any_of(ids: str) -> ColumnElement[Any]:
    """One of a parameter that is a list: the same statement for any number of them."""
    return any_(bindparam(ids, type_=ARRAY(Uuid())))


def suggested(kind: str, ids: Collection[UUID], now: datetime) -> Select[Any]:
    if kind in _NAMED:
        table = _NAMED[kind]
        return select(table).where(table.id.in_(ids))
    columns = load_only(Post.kind, Post.slug, Post.title, raiseload=True)
    return posts.listed(Kind(kind), now).where(Post.id.in_(ids)).options(columns)
