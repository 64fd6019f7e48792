from typing import Annotated

from fastapi import APIRouter, Query

from byline.core.deps import ReadPaginatorDep, SettingsDep
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.series import queries
from byline.series.deps import PublicSeries
from byline.series.schemas import SeriesOut, SeriesQuery
from byline.series.service import SeriesNotFound

router = APIRouter(prefix="/v1/series", tags=["Series"])


@router.get("", responses=problems(InvalidCursor))
async def list_series(
    query: Annotated[SeriesQuery, Query()], paginator: ReadPaginatorDep, settings: SettingsDep
) -> Page[SeriesOut]:
    """All series, by title."""
    page = await paginator.page(queries.all_series(), query, query.sort, queries.SORTS)
    return Page[SeriesOut].of(page, site_url=settings.site_url)


@router.get("/{slug}", responses=problems(SeriesNotFound))
async def get_series(series: PublicSeries, settings: SettingsDep) -> SeriesOut:
    """One series."""
    return SeriesOut.of(series, site_url=settings.site_url)
