"""What else there is to read for whoever has read this post: like it by its words, its tags, its series, its authors.

The words are those that set the post apart: which it has often, and few others have. All of it is asked of the index;
what readers see of what it finds is asked of the database.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from heapq import nlargest
from math import log
from uuid import UUID

import tantivy
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tantivy import Occur, Query

from byline.posts import queries as posts
from byline.posts.models import Kind, Post, PostTag
from byline.posts.schemas import PostSummary
from byline.search.analysis import stems, words
from byline.search.directory import Opened
from byline.search.documents import read_key, schema
from byline.search.queries import TEXT_LOOKED_AT

TERMS = 25
IN_TITLE = 3  # times that a word of the title counts
TAG, SERIES, AUTHOR = 0.5, 1.0, 0.1
"""How much it counts to share one, beside the words: as much as this part of the best that a word could."""
RESERVE = 20
"""Posts beyond those wanted, for those that are not published any more or are translations of this one."""


async def related(session: AsyncSession, opened: Opened | None, post: Post, limit: int) -> Sequence[Post]:
    """Without an index, those that share most tags.

    The post has its tags, authors and `translation_of`.
    """
    now = datetime.now(UTC)
    if opened is None:
        return (await session.scalars(_by_tags(post, now).limit(limit))).all()
    text = await session.scalar(select(func.left(Post.text, TEXT_LOOKED_AT)).where(Post.id == post.id)) or ""
    ids = await asyncio.to_thread(_find, opened.searcher, post, text, limit + RESERVE)
    return (await session.scalars(_in_order(post, ids, now).limit(limit))).all()


def _others(post: Post, now: datetime) -> Select[Post]:
    """What readers' lists show, without the post and its translations."""
    others = posts.listed(Kind.POST, now).where(Post.id != post.id, Post.article_id != post.article_id)
    return others.options(*posts.shown(PostSummary))


def _in_order(post: Post, ids: Sequence[UUID], now: datetime) -> Select[Post]:
    return _others(post, now).where(Post.id.in_(ids)).order_by(func.array_position(list(ids), Post.id))


def _by_tags(post: Post, now: datetime) -> Select[Post]:
    own = [tag.id for tag in post.tags]
    shared = select(func.count()).where(PostTag.post_id == Post.id, PostTag.tag_id.in_(own)).scalar_subquery()
    same_language = func.split_part(func.lower(Post.language), "-", 1) == _primary(post.language)
    statement = _others(post, now).where(shared > 0, same_language)
    return statement.order_by(shared.desc(), Post.published_at.desc(), Post.id)


def _primary(language: str) -> str:
    return language.lower().partition("-")[0]


def _find(searcher: tantivy.Searcher, post: Post, text: str, limit: int) -> list[UUID]:
    """The best first. It blocks."""
    title = words(f"{post.title}\n{post.subtitle or ''}")
    counts = Counter(stems(title * (IN_TITLE - 1) + title + words(text), post.language))
    weights = characteristic(searcher, counts)
    best = max(weights.values(), default=1.0)
    alike = [Query.boost_query(_term("body", term), weight / best) for term, weight in weights.items()]
    kinds = (("tags", TAG, [tag.id for tag in post.tags]), ("authors", AUTHOR, [author.id for author in post.authors]))
    named = [("series", SERIES, post.series_id)] if post.series_id else []
    named += [(name, share, row_id) for name, share, ids in kinds for row_id in ids]
    for name, share, row_id in named:
        rarity = _rarity(searcher, name, row_id.hex)
        alike.append(Query.const_score_query(_term(name, row_id.hex), share * rarity))
    conditions = [_term("kind", Kind.POST), Query.regex_query(schema(), "language", f"{_primary(post.language)}(-.*)?")]
    query = Query.boolean_query(
        [
            (Occur.Must, Query.boolean_query([(Occur.Should, like) for like in alike])),
            *((Occur.Must, Query.const_score_query(condition, 0)) for condition in conditions),
            (Occur.MustNot, _term("key", f"{Kind.POST}:{post.id}")),
        ]
    )
    return [read_key(searcher.doc(address))[1] for _, address in searcher.search(query, limit, count=False).hits]


def characteristic(searcher: tantivy.Searcher, counts: Counter[str]) -> dict[str, float]:
    """The terms that set a text apart, with their weights: the more often it has one, and the fewer others do."""
    weights = {
        term: (1 + log(count)) * rarity
        for term, count in counts.items()
        if (rarity := _rarity(searcher, "body", term)) > 0
    }
    return {term: weights[term] for term in nlargest(TERMS, weights, key=weights.__getitem__)}


def _rarity(searcher: tantivy.Searcher, field: str, term: str) -> float:
    """0 for what nothing else has."""
    found = searcher.doc_freq(field, term)
    return log(1 + searcher.num_docs / found) if found > 1 else 0


def _term(field: str, value: str) -> Query:
    return Query.term_query(schema(), field, value)
