from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from byline.accounts.deps import SeriesReader, SeriesWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.series import queries, service
from byline.series.deps import EditableSeries, ManagedSeriesRow
from byline.series.schemas import ManagedSeries, SeriesCreate, SeriesQuery, SeriesUpdate

router = APIRouter(prefix="/series", tags=["Manage series"], route_class=IdempotentRoute)


@router.get("", responses=problems(InvalidCursor))
async def list_managed_series(
    query: Annotated[SeriesQuery, Query()], caller: SeriesReader, paginator: PaginatorDep, settings: SettingsDep
) -> Page[ManagedSeries]:
    """All series, with what only editors see."""
    page = await paginator.page(queries.all_series(), query, query.sort, queries.SORTS)
    return Page[ManagedSeries].of(page, site_url=settings.site_url)


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(service.SeriesSlugTaken))
async def create_series(
    new: SeriesCreate, caller: SeriesWriter, session: SessionDep, settings: SettingsDep, response: Response
) -> ManagedSeries:
    """Add a series."""
    series = await service.create(session, new)
    response.headers["ETag"] = version_etag(series.version)
    response.headers["Location"] = f"/v1/manage/series/{series.id}"
    return ManagedSeries.of(series, site_url=settings.site_url)


@router.get("/{series_id}", responses=problems(service.SeriesNotFound))
async def get_managed_series(series: ManagedSeriesRow, settings: SettingsDep, response: Response) -> ManagedSeries:
    """One series, with what only editors see."""
    response.headers["ETag"] = version_etag(series.version)
    return ManagedSeries.of(series, site_url=settings.site_url)


@router.patch(
    "/{series_id}",
    responses=problems(service.SeriesNotFound, service.SeriesSlugTaken, StaleVersion, VersionRequired),
)
async def update_series(
    series: EditableSeries, changes: SeriesUpdate, session: SessionDep, settings: SettingsDep, response: Response
) -> ManagedSeries:
    """Change a series. Fields left out stay as they are."""
    series = await service.update(session, series, changes)
    response.headers["ETag"] = version_etag(series.version)
    return ManagedSeries.of(series, site_url=settings.site_url)


@router.delete(
    "/{series_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(service.SeriesNotFound, StaleVersion, VersionRequired),
)
async def delete_series(series: EditableSeries, session: SessionDep) -> None:
    """Delete a series. Its articles stay."""
    await service.delete(session, series)
