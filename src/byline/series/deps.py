from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import SeriesReader, SeriesWriter
from byline.core.deps import PreconditionDep, ReadSessionDep, SessionDep, by_id, current
from byline.series import queries
from byline.series.models import Series
from byline.series.service import SeriesNotFound


async def get_public_series(slug: str, session: ReadSessionDep) -> Series:
    series = await session.scalar(queries.series_with_slug(slug))
    if series is None:
        raise SeriesNotFound()
    return series


async def get_managed_series(series_id: UUID, caller: SeriesReader, session: SessionDep) -> Series:
    return await by_id(session, Series, series_id, SeriesNotFound)


async def get_editable_series(
    series_id: UUID, caller: SeriesWriter, precondition: PreconditionDep, session: SessionDep
) -> Series:
    return await current(session, Series, series_id, SeriesNotFound, precondition)


PublicSeries = Annotated[Series, Depends(get_public_series)]
ManagedSeriesRow = Annotated[Series, Depends(get_managed_series)]
EditableSeries = Annotated[Series, Depends(get_editable_series)]
