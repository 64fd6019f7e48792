"""Adding up, and forgetting what only few asked."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from byline.insights.models import UNNAMED, ClickCount, SearchCount

MOST_A_DAY = 10_000
"""Different queries of one day that are kept by name."""
FEW = 3
"""Searches, in all. What was asked fewer times is forgotten: it may be about somebody."""

Asked = tuple[date, str]


@dataclass(slots=True)
class Counts:
    """By day and query; clicks by position too."""

    searches: Counter[Asked] = field(default_factory=Counter)
    without_hit: Counter[Asked] = field(default_factory=Counter)
    clicks: Counter[tuple[date, str, int]] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.searches or self.clicks)

    def add(self, others: "Counts") -> None:
        self.searches += others.searches
        self.without_hit += others.without_hit
        self.clicks += others.clicks


async def add(session: AsyncSession, counts: Counts) -> None:
    """To what is there. Of a day that has too many queries, new ones are counted without their names."""
    asked = [*counts.searches, *((day, query) for day, query, _ in counts.clicks)]
    named = await _named(session, dict.fromkeys(asked))
    searches: Counter[Asked] = Counter()
    without_hit: Counter[Asked] = Counter()
    clicks: Counter[tuple[date, str, int]] = Counter()
    for (day, query), count in counts.searches.items():
        key = day, query if (day, query) in named else UNNAMED
        searches[key] += count
        without_hit[key] += counts.without_hit[day, query]
    for (day, query, position), count in counts.clicks.items():
        clicks[day, query if (day, query) in named else UNNAMED, position] += count
    await _upsert(session, searches, without_hit, clicks)


async def _named(session: AsyncSession, asked: Iterable[Asked]) -> set[Asked]:
    """Those of them that have a row, or may have one."""
    by_day: dict[date, list[str]] = {}
    for day, query in asked:
        by_day.setdefault(day, []).append(query)
    named: set[Asked] = set()
    for day, wanted in by_day.items():
        of_day = SearchCount.day == day
        known = set(await session.scalars(select(SearchCount.query).where(of_day, SearchCount.query.in_(wanted))))
        there = await session.scalar(select(func.count()).select_from(SearchCount).where(of_day)) or 0
        new = [query for query in wanted if query not in known][: max(0, MOST_A_DAY - there)]
        named |= {(day, query) for query in (*known, *new)}
    return named


async def _upsert(
    session: AsyncSession,
    searches: Counter[Asked],
    without_hit: Counter[Asked],
    clicks: Counter[tuple[date, str, int]],
) -> None:
    """In one order everywhere, so that two processes never wait for each other in turn."""
    rows = [
        {"day": day, "query": query, "searches": count, "without_hit": without_hit[day, query]}
        for (day, query), count in sorted(searches.items())
    ]
    if rows:
        counted = insert(SearchCount).values(rows)
        sums = {name: getattr(SearchCount, name) + counted.excluded[name] for name in ("searches", "without_hit")}
        await session.execute(counted.on_conflict_do_update(constraint="pk_search_counts", set_=sums))
    rows = [
        {"day": day, "query": query, "position": position, "clicks": count}
        for (day, query, position), count in sorted(clicks.items())
    ]
    if rows:
        clicked = insert(ClickCount).values(rows)
        sums = {"clicks": ClickCount.clicks + clicked.excluded["clicks"]}
        await session.execute(clicked.on_conflict_do_update(constraint="pk_search_clicks", set_=sums))


async def forget(session: AsyncSession, before: date) -> None:
    """The words of what few have asked, of days before this one; the counts stay, without a name."""
    searches: Counter[Asked] = Counter()
    without_hit: Counter[Asked] = Counter()
    clicks: Counter[tuple[date, str, int]] = Counter()
    often = select(SearchCount.query).group_by(SearchCount.query).having(func.sum(SearchCount.searches) >= FEW)
    # The clicks first: what is rare is told by the searches.
    rare_clicks = ClickCount.day < before, ClickCount.query != UNNAMED, ClickCount.query.not_in(often)
    gone_clicks = (
        delete(ClickCount).where(*rare_clicks).returning(ClickCount.day, ClickCount.position, ClickCount.clicks)
    )
    for day, position, count in await session.execute(gone_clicks):
        clicks[day, UNNAMED, position] += count
    rare = SearchCount.day < before, SearchCount.query != UNNAMED, SearchCount.query.not_in(often)
    gone = delete(SearchCount).where(*rare).returning(SearchCount.day, SearchCount.searches, SearchCount.without_hit)
    for day, count, in_vain in await session.execute(gone):
        searches[day, UNNAMED] += count
        without_hit[day, UNNAMED] += in_vain
    await _upsert(session, searches, without_hit, clicks)
