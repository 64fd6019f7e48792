"""A page of hits, checked against the database: the index says what was found, the database what may be shown."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.errors import BylineError, Invalid
from byline.core.pagination import decode_cursor, encode_cursor
from byline.posts.models import Post
from byline.posts.schemas import PostSummary
from byline.search import queries
from byline.search.analysis import WRITTEN, words
from byline.search.asking import RESERVE, Filters, Found, Question, ask
from byline.search.directory import Opened
from byline.search.documents import read_key
from byline.search.schemas import DEEPEST, FacetCount, Facets, Passage, SearchAnswer, SearchHit, SearchQuery
from byline.search.snippets import Snippet, best_passage, mark, spelling


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
    question, found = await asyncio.to_thread(ask, opened, query.q, languages, filters, newest=newest)
    hits = found.hits[offset : offset + query.limit + RESERVE + 1]
    scores = {read_key(opened.searcher.doc(address))[1]: None if newest else score for score, address in hits}
    rows, used = await _rows(session, list(scores), query.limit)
    data = await asyncio.to_thread(_hits, rows, scores, question.wanted, site_url)
    following = offset + used
    cursor = encode_cursor(f"search:{query.sort}", None, following, secret) if used < len(hits) else None
    return SearchAnswer(
        data=data,
        next_cursor=cursor,
        total=found.total,
        facets=await _facets(session, found),
        did_you_mean=_did_you_mean(query.q, question, rows),
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


Row = tuple[Post, str, list[dict[str, Any]]]
"""A hit, its text and its headings."""


async def _rows(session: AsyncSession, ids: Sequence[UUID], limit: int) -> tuple[list[Row], int]:
    """The first so many that readers' lists show, in this order, and how many were looked at for them."""
    rows: list[Row] = []
    used = 0
    while len(rows) < limit and used < len(ids):
        looked_at = ids[used : used + limit - len(rows)]
        found = await session.execute(queries.hits(), {"ids": looked_at, "now": datetime.now(UTC)})
        there = {post.id: (post, text, toc) for post, text, toc in found}
        rows += [there[row_id] for row_id in looked_at if row_id in there]
        used += len(looked_at)
    return rows, used


def _hits(rows: Sequence[Row], scores: Mapping[UUID, float | None], wanted: set[str], site_url: str) -> list[SearchHit]:
    return [
        _hit(post, scores[post.id], best_passage(text, toc, wanted, post.language), wanted, site_url)
        for post, text, toc in rows
    ]


def _hit(post: Post, score: float | None, passage: Snippet, wanted: set[str], site_url: str) -> SearchHit:
    summary = PostSummary.of(post, site_url=site_url)
    return SearchHit.model_construct(  # of what is validated
        **dict(summary),
        score=score,
        title_snippet=mark(post.title, wanted, post.language),
        snippet=passage.html or escape(post.excerpt),
        heading=None if passage.heading is None else Passage(id=passage.heading["id"], text=passage.heading["text"]),
    )


async def _facets(session: AsyncSession, found: Found) -> Facets:
    counts = {kind: {UUID(value): count for value, count in found.facets[kind]} for kind in ("tags", "authors")}
    rows = {
        row.id: row for row in await session.execute(queries.names(), {kind: list(counts[kind]) for kind in counts})
    }
    named = {
        kind: [
            FacetCount(value=rows[row_id].slug, name=rows[row_id].name, count=count)
            for row_id, count in counts[kind].items()
            if row_id in rows
        ]
        for kind in counts
    }
    plain = {
        kind: [FacetCount(value=str(value), name=str(value), count=count) for value, count in found.facets[kind]]
        for kind in ("languages", "years")
    }
    return Facets(**named, **plain)


def _did_you_mean(typed: str, question: Question, rows: Sequence[Row]) -> str | None:
    """The same, with what is spelled wrongly replaced, as the hits of this page spell it most often."""
    if not question.corrected:
        return None

    def replaced(match: re.Match[str]) -> str:
        found = words(match[0])
        meant = question.corrected.get(found[0]) if len(found) == 1 else None
        return match[0] if meant is None else spellings[meant]

    texts = [(f"{post.title}\n{text}", post.language) for post, text, _ in rows]
    spellings = {word: spelling(word, texts) for word in question.corrected.values()}
    return WRITTEN.sub(replaced, typed)
