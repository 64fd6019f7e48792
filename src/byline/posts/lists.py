"""The lists that readers get: statements compiled once for each kind of question, and sent past the session."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import getitem
from typing import Any

from fastapi import Request
from sqlalchemy import ColumnElement, DateTime, Select, Text, bindparam, literal_column
from sqlalchemy.types import TypeEngine

from byline.core.pagination import Rows, column_of, counted, cut, last_of, ordered
from byline.core.plain import Query, Row, compiled
from byline.posts import queries
from byline.posts.columns import NOW
from byline.posts.documents import documented
from byline.posts.models import Kind, Post
from byline.posts.schemas import PostFilters, PostQuery, PostSummary

_MOMENT = DateTime(timezone=True)
_FILTERS: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("tag", "author", "series", "language"), Text()),
    **dict.fromkeys(("published_after", "published_before"), _MOMENT),
}

_LAST = ("last_value", "last_id")
"""Of the page before."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a question all that its statement depends on: the values that it is asked with are no part of it."""

    kind: Kind
    filters: frozenset[str]
    featured: bool | None
    sort: str
    fields: frozenset[str]
    limit: int
    is_first: bool

    @classmethod
    def of(cls, kind: Kind, query: PostQuery) -> "Shape":
        filters = frozenset(name for name in _FILTERS if getattr(query, name) is not None)
        is_first = query.cursor is None
        return cls(kind, filters, query.featured, query.sort, query.names, query.limit, is_first)

    @property
    def asked(self) -> PostFilters:
        """The filters, with a place for each value."""
        named: dict[str, Any] = {name: bindparam(name, type_=_FILTERS[name]) for name in self.filters}
        return PostFilters.model_construct(**named, featured=self.featured)


async def page(request: Request, kind: Kind, query: PostQuery) -> Rows[Row]:
    """Of each article its `document`. Raises InvalidCursor."""
    state = request.app.state
    secret = state.settings.secret_key.get_secret_value()
    shape = Shape.of(kind, query)
    values: dict[str, Any] = {name: getattr(query, name) for name in shape.filters} | {"now": datetime.now(UTC)}
    shown = {"site_url": state.settings.site_url}
    last: dict[str, Any] = {}
    if query.cursor is not None:
        last = dict(zip(_LAST, last_of(query.cursor, query.sort, queries.SORTS, secret), strict=True))
    found = await state.readers.rows(request, _page(shape), values | shown | last)
    total = await state.readers.rows(request, _number(shape), values) if query.count else None
    number = None if total is None else total[0]["total"]
    return cut(found, query, query.sort, queries.SORTS, secret, number, value=getitem)


@lru_cache(maxsize=500)
def _page(shape: Shape) -> Query:
    sort = column_of(shape.sort, queries.SORTS)
    last = None
    if not shape.is_first:
        last = bindparam(_LAST[0], type_=sort.type), bindparam(_LAST[1], type_=Post.id.type)
    keys = {column.key: column.label(column.key) for column in (Post.id, sort)}  # by which a page is cut
    statement = documented(_matching(shape), PostSummary, shape.fields, keys.values())
    # Said in SQL itself: a plan that is to serve any number would be made for a tenth of the archive.
    limit: ColumnElement[int] = literal_column(str(shape.limit + 1))
    return compiled(ordered(statement, shape.sort, queries.sorts(shape.asked), last).limit(limit))


@lru_cache(maxsize=500)
def _number(shape: Shape) -> Query:
    return compiled(counted(_matching(shape), shape.sort, queries.SORTS))


def _matching(shape: Shape) -> Select[Post]:
    return queries.listed(shape.kind, NOW).where(*queries.matching(shape.asked))
