"""A page of hits, checked against the database: the index says what was found, the database what may be shown."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any
from uuid import UUID

from byline.core.errors import BylineError, Invalid
from byline.core.pagination import decode_cursor, encode_cursor
from byline.core.plain import Query, Row
from byline.search import queries
from byline.search.analysis import WRITTEN, words
from byline.search.asking import RESERVE, Filters, Found, Hit, Question, ask
from byline.search.directory import Opened
from byline.search.documents import read_key
from byline.search.schemas import DEEPEST, FacetCount, Facets, SearchAnswer, SearchHit, SearchQuery
from byline.search.snippets import best_passage, mark, spelling


class SearchNotReady(BylineError):
    status = 503
    code = "search_not_ready"
    title = "The search index is being made"
    headers = {"Retry-After": "5"}  # noqa: RUF012


class PageTooDeep(Invalid):
    code = "page_too_deep"
    title = f"Search shows the first {DEEPEST:,} hits: narrow it down"


Read = Callable[[Query, Mapping[str, Any]], Awaitable[list[Row]]]
"""Sends a query with its values to the database."""


async def answer(read: Read, opened: Opened, query: SearchQuery, *, secret: str, site_url: str) -> SearchAnswer:
    """Raises InvalidCursor, PageTooDeep."""
    offset = _offset(query, secret)
    newest = query.sort != "relevance"
    filters = await _filters(read, query)
    if filters is None:
        return _NOTHING
    languages = [query.language] if query.language is not None else opened.languages
    question, found = await asyncio.to_thread(ask, opened, query.q, languages, filters, newest=newest)
    hits = found.hits[offset : offset + query.limit + RESERVE + 1]
    rows, used = await _rows(read, opened, hits, query.limit, scored=not newest)
    data = await asyncio.to_thread(_hits, rows, question.wanted, site_url)
    cursor = encode_cursor(f"search:{query.sort}", None, offset + used, secret) if used < len(hits) else None
    return SearchAnswer(
        data=data,
        next_cursor=cursor,
        total=found.total,
        facets=await _facets(read, found),
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


async def _filters(read: Read, query: SearchQuery) -> Filters | None:
    """None where nothing has the tag, author or series that was asked for."""
    ids: dict[str, UUID] = {}
    for name in ("tag", "author", "series"):
        slug = getattr(query, name)
        if slug is not None:
            found = await read(queries.id_of(name), {"slug": slug})
            if not found:
                return None
            ids[name] = found[0]["id"]
    return Filters(
        kind=query.kind,
        **ids,
        language=query.language,
        published_after=query.published_after,
        published_before=query.published_before,
    )


async def _rows(read: Read, opened: Opened, hits: Sequence[Hit], limit: int, *, scored: bool) -> tuple[list[Row], int]:
    """The first so many that readers' lists show, each with its `score`, and how many were looked at for them."""
    rows: list[Row] = []
    used = 0
    while len(rows) < limit and used < len(hits):
        looked_at = hits[used : used + limit - len(rows)]
        scores = {read_key(opened.searcher.doc(address))[1]: score if scored else None for score, address in looked_at}
        found = await read(queries.hits(), {"ids": list(scores), "now": datetime.now(UTC)})
        there = {row["id"]: row for row in found}
        rows += [{**there[row_id], "score": score} for row_id, score in scores.items() if row_id in there]
        used += len(looked_at)
    return rows, used


def _hits(rows: Sequence[Row], wanted: set[str], site_url: str) -> list[SearchHit]:
    return [_hit(row, wanted, site_url) for row in rows]


def _hit(row: Row, wanted: set[str], site_url: str) -> SearchHit:
    passage = best_passage(row["text"], row["toc"], wanted, row["language"])
    shown = {
        "title_snippet": mark(row["title"], wanted, row["language"]),
        "snippet": passage.html or escape(row["excerpt"]),
        "heading": passage.heading,
    }
    return SearchHit.of(row | shown, site_url=site_url)


async def _facets(read: Read, found: Found) -> Facets:
    ids = {kind: [UUID(value) for value, _ in found.facets[kind]] for kind in ("tags", "authors")}
    names = {row["id"].hex: row for row in await read(queries.names(), ids)} if any(ids.values()) else {}
    named = {
        kind: [
            FacetCount(value=names[value]["slug"], name=names[value]["name"], count=count)
            for value, count in found.facets[kind]
            if value in names
        ]
        for kind in ids
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

    texts = [(f"{row['title']}\n{row['text']}", row["language"]) for row in rows]
    spellings = {word: spelling(word, texts) for word in question.corrected.values()}
    return WRITTEN.sub(replaced, typed)
