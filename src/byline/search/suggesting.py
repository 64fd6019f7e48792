"""What is meant by the beginning of a title or a name."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import tantivy
from sqlalchemy.ext.asyncio import AsyncSession
from tantivy import Occur, Query

from byline.core.schemas import public_address
from byline.search import queries
from byline.search.analysis import words
from byline.search.directory import Opened
from byline.search.documents import read_key, schema
from byline.search.schemas import Suggestion, Suggestions, SuggestionType, SuggestQuery
from byline.search.spelling import corrections

ENDINGS = 50
"""Of the last word, how many ways in which it may go on are tried."""

MOST_MENDED = 10
"""Words, of which each may have a slip in it."""


async def suggest(session: AsyncSession, opened: Opened, query: SuggestQuery, *, site_url: str) -> Suggestions:
    found = await asyncio.to_thread(_find, opened.searcher, words(query.q), query.limit)
    rows: dict[UUID, Any] = {}
    for kind in get_args(SuggestionType):
        if ids := [row_id for of_kind, row_id in found if of_kind == kind]:
            rows |= {row.id: row for row in await session.scalars(queries.suggested(kind, ids, datetime.now(UTC)))}
    data = [_suggestion(kind, rows[row_id], site_url) for kind, row_id in found if row_id in rows]
    return Suggestions(data=data)


def _find(searcher: tantivy.Searcher, typed: Sequence[str], limit: int) -> list[tuple[SuggestionType, UUID]]:
    """Tags and authors first: there are few that fit, and each leads to many articles."""
    for whole in (_beginning(searcher, typed), _mended(searcher, typed)):
        if whole is None:
            continue
        found: list[tuple[SuggestionType, UUID]] = []
        for kinds in (("tag", "author"), ("post", "page")):
            of_kind = Query.const_score_query(Query.term_set_query(schema(), "kind", kinds), 0)
            query = Query.boolean_query([(Occur.Must, whole), (Occur.Must, of_kind)])
            hits = searcher.search(query, limit - len(found), count=False).hits if len(found) < limit else []
            found += [read_key(searcher.doc(address)) for _, address in hits]
        if found:
            return found
    return []


def _beginning(searcher: tantivy.Searcher, typed: Sequence[str]) -> Query | None:
    if not typed:
        return None
    *before, last = typed
    endings = [term for term, _ in searcher.terms_with_prefix("suggest", last, limit=ENDINGS)]
    return _all(before, endings) if endings else None


def _mended(searcher: tantivy.Searcher, typed: Sequence[str]) -> Query | None:
    """With one slip mended in each word that is not there."""
    if len(typed) > MOST_MENDED:
        return None
    ways = [[word] if searcher.doc_freq("words", word) else corrections(searcher, word) for word in typed]
    return Query.boolean_query([(Occur.Must, _one_of(way)) for way in ways]) if ways and all(ways) else None


def _all(before: Sequence[str], endings: Sequence[str]) -> Query:
    return Query.boolean_query([(Occur.Must, _one_of(way)) for way in (*([word] for word in before), endings)])


def _one_of(terms: Sequence[str]) -> Query:
    return Query.boolean_query([(Occur.Should, Query.term_query(schema(), "suggest", term)) for term in terms])


def _suggestion(kind: SuggestionType, row: Any, site_url: str) -> Suggestion:
    text = row.name if kind in {"tag", "author"} else row.title
    return Suggestion(type=kind, id=row.id, slug=row.slug, text=text, url=public_address(row.path, site_url))
