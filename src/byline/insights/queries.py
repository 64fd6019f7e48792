from datetime import date
from typing import Any

from sqlalchemy import Select, func, select

from byline.insights.models import UNNAMED, ClickCount, SearchCount

MOST_POSITIONS = 100

# Sums of bigint are numeric: as integers they are what the columns are.
_SEARCHES = func.sum(SearchCount.searches).cast(SearchCount.searches.type)
_WITHOUT_HIT = func.sum(SearchCount.without_hit).cast(SearchCount.without_hit.type)
_CLICKS = func.sum(ClickCount.clicks).cast(ClickCount.clicks.type)


def by_day(first: date, last: date) -> Select[Any]:
    clicks = select(ClickCount.day, _CLICKS.label("clicks")).where(ClickCount.day.between(first, last))
    by_day = clicks.group_by(ClickCount.day).subquery()
    searched = select(SearchCount.day, _SEARCHES.label("searches"), _WITHOUT_HIT.label("without_hit"))
    searched = searched.where(SearchCount.day.between(first, last)).group_by(SearchCount.day)
    days = searched.subquery()
    counted = select(days, func.coalesce(by_day.c.clicks, 0).label("clicks"))
    return counted.outerjoin(by_day, by_day.c.day == days.c.day).order_by(days.c.day)


def top(first: date, last: date, limit: int) -> Select[Any]:
    positions = func.sum(ClickCount.clicks * ClickCount.position) / func.sum(ClickCount.clicks)
    clicks = select(ClickCount.query, _CLICKS.label("clicks"), positions.label("mean_position"))
    by_query = clicks.where(ClickCount.day.between(first, last)).group_by(ClickCount.query).subquery()
    searched = select(SearchCount.query, _SEARCHES.label("searches"), _WITHOUT_HIT.label("without_hit"))
    searched = searched.where(SearchCount.day.between(first, last), SearchCount.query != UNNAMED)
    named = searched.group_by(SearchCount.query).order_by(_SEARCHES.desc(), SearchCount.query).limit(limit).subquery()
    counted = select(named, func.coalesce(by_query.c.clicks, 0).label("clicks"), by_query.c.mean_position)
    joined = counted.outerjoin(by_query, by_query.c.query == named.c.query)
    return joined.order_by(named.c.searches.desc(), named.c.query)


def without_hit(first: date, last: date, limit: int) -> Select[Any]:
    in_vain = SearchCount.day.between(first, last), SearchCount.without_hit > 0, SearchCount.query != UNNAMED
    last_day = func.max(SearchCount.day).label("last_day")
    statement = select(SearchCount.query, _WITHOUT_HIT.label("searches"), last_day).where(*in_vain)
    return statement.group_by(SearchCount.query).order_by(_WITHOUT_HIT.desc(), SearchCount.query).limit(limit)


def positions(first: date, last: date) -> Select[Any]:
    statement = select(ClickCount.position, _CLICKS.label("clicks")).where(ClickCount.day.between(first, last))
    return statement.group_by(ClickCount.position).order_by(ClickCount.position).limit(MOST_POSITIONS)
