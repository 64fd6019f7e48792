"""A page of hits, checked against the database: the index says what was found, the database what may be shown."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.errors import BylineError, Invalid
from byline.core.pagination import decode_cursor, encode_cursor
from byline.posts.models import Post
from byline.posts.schemas import PostSummary
from byline.search import queries
from byline.search.analysis import WRITTEN, words
from byline.search.asking import Filters, Found, Question, ask
from byline.search.parsing import parse
from byline.search.schemas import DEEPEST, FacetCount, Facets, Passage, SearchAnswer, SearchHit, SearchQuery
from byline.search.snippets import Snippet, best_passage, mark
from byline.search.store import Opened

RESERVE = 20
"""Hits beyond the page, for those that are not published any more and not yet out of the index."""


class SearchNotReady(BylineError):
    status = 503
    code = "search_not_ready"
    title = "The search index is being made"
    headers = {"Retry-After": "5"}  # noqa: RUF012


class PageTooDeep(Invalid):
    code = "page_too_deep"
    title = f"Search shows the first {DEEPEST:,} hits: narrow it down"


async def answer(
    session: AsyncSession, opened: Opened, query: SearchQuery, *, secret: str, site_url: str
) -> SearchAnswer:
    """Raises InvalidCursor, PageTooDeep."""
    offset = _offset(query, secret)
    newest = query.sort != "relevance"
    filters = await _filters(session, query)
    if filters is None:
        return _NOTHING
    languages = [query.language] if query.language is not None else opened.languages
    question = Question(opened, parse(query.q), languages)
    found = await asyncio.to_thread(
        ask, question, filters, newest=newest, offset=offset, limit=query.limit + RESERVE + 1
    )
    rows, used = await _rows(session, [row_id for row_id, _ in found.hits], query.limit)
    scores = dict(found.hits)
    passages = await _passages(session, rows, question.wanted)
    data = [_hit(row, scores[row.id], passages[row.id], question.wanted, site_url) for row in rows]
    following = offset + used
    cursor = encode_cursor(f"search:{query.sort}", None, following, secret) if used < len(found.hits) else None
    return SearchAnswer(
        data=data,
        next_cursor=cursor,
        total=found.total,
        facets=await _facets(session, found),
        did_you_mean=_did_you_mean(query.q, question),
    )


_NOTHING = SearchAnswer(
    data=[], next_cursor=None, total=0, facets=Facets(tags=[], authors=[], languages=[], years=[]), did_you_mean=None
)


def _offset(query: SearchQuery, secret: str) -> int:
    if query.cursor is None:
        return 0
    offset = int(decode_cursor(query.cursor, f"search:{query.sort}", secret)[1])
    if offset + query.limit > DEEPEST:
        raise PageTooDeep(pointer="/query/cursor")
    return offset


async def _filters(session: AsyncSession, query: SearchQuery) -> Filters | None:
    """None where nothing has the tag, author or series that was asked for."""
    ids: dict[str, UUID | None] = {}
    for name in ("tag", "author", "series"):
        slug = getattr(query, name)
        ids[name] = None if slug is None else await session.scalar(queries.id_of(name, slug))
        if slug is not None and ids[name] is None:
            return None
    return Filters(
        kind=query.kind,
        **ids,
        language=query.language,
        published_after=query.published_after,
        published_before=query.published_before,
    )


async def _rows(session: AsyncSession, ids: Sequence[UUID], limit: int) -> tuple[list[Post], int]:
    """The first so many that readers' lists show, in this order, and how many were looked at for them."""
    rows: list[Post] = []
    used = 0
    while len(rows) < limit and used < len(ids):
        looked_at = ids[used : used + limit - len(rows)]
        statement = queries.hits(looked_at, datetime.now(UTC))
        there = {row.id: row for row in await session.scalars(statement)}
        rows += [there[row_id] for row_id in looked_at if row_id in there]
        used += len(looked_at)
    return rows, used


async def _passages(session: AsyncSession, rows: Sequence[Post], wanted: set[str]) -> dict[UUID, Snippet]:
    languages = {row.id: row.language for row in rows}
    texts = (await session.execute(queries.texts(list(languages)))).all()
    return await asyncio.to_thread(
        lambda: {row_id: best_passage(text, toc, wanted, languages[row_id]) for row_id, text, toc in texts}
    )


def _hit(row: Post, score: float | None, passage: Snippet, wanted: set[str], site_url: str) -> SearchHit:
    summary = PostSummary.of(row, site_url=site_url)
    return SearchHit.model_construct(  # of what is validated
        **dict(summary),
        score=score,
        title_snippet=mark(row.title, wanted, row.language),
        snippet=passage.html or escape(row.excerpt),
        heading=None if passage.heading is None else Passage(id=passage.heading["id"], text=passage.heading["text"]),
    )


async def _facets(session: AsyncSession, found: Found) -> Facets:
    named: dict[str, list[FacetCount]] = {}
    for kind, statement in (("tags", queries.tags), ("authors", queries.authors)):
        counts = {UUID(value): count for value, count in found.facets[kind]}
        rows = {row.id: row for row in await session.execute(statement(list(counts)))} if counts else {}
        named[kind] = [
            FacetCount(value=rows[row_id].slug, name=rows[row_id].name, count=count)
            for row_id, count in counts.items()
            if row_id in rows
        ]
    plain = {
        kind: [FacetCount(value=str(value), name=str(value), count=count) for value, count in found.facets[kind]]
        for kind in ("languages", "years")
    }
    return Facets(**named, **plain)


def _did_you_mean(typed: str, question: Question) -> str | None:
    """The same, with what is spelled wrongly replaced."""
    if not question.corrected:
        return None

    def replaced(match: re.Match[str]) -> str:
        found = words(match[0])
        return question.corrected.get(found[0], match[0]) if len(found) == 1 else match[0]

    return WRITTEN.sub(replaced, typed)
