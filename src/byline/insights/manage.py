from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from byline.accounts.deps import SearchReader
from byline.core.deps import SessionDep, SettingsDep
from byline.insights import queries
from byline.insights.schemas import (
    Counted,
    DayCounts,
    InsightsQuery,
    InVain,
    PositionCounts,
    QueryCounts,
    SearchInsights,
)

router = APIRouter(prefix="/search", tags=["Search"])


@router.get("/insights")
async def get_search_insights(
    query: Annotated[InsightsQuery, Query()], caller: SearchReader, session: SessionDep, settings: SettingsDep
) -> SearchInsights:
    """What readers search for, what they do not find, and which hits they open. A few seconds old at most."""
    first, last = query.span(datetime.now(settings.zone).date())
    days = [DayCounts.model_validate(row) for row in await session.execute(queries.by_day(first, last))]
    top = await session.execute(queries.top(first, last, query.limit))
    in_vain = await session.execute(queries.without_hit(first, last, query.limit))
    positions = await session.execute(queries.positions(first, last))
    return SearchInsights(
        first_day=first,
        last_day=last,
        totals=Counted(
            searches=sum(day.searches for day in days),
            without_hit=sum(day.without_hit for day in days),
            clicks=sum(day.clicks for day in days),
        ),
        days=days,
        top_queries=[QueryCounts(**row, click_rate=row["clicks"] / row["searches"]) for row in top.mappings()],
        queries_without_hit=[InVain.model_validate(row) for row in in_vain],
        positions=[PositionCounts.model_validate(row) for row in positions],
    )
