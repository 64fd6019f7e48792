from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import SeriesReader, SeriesWriter
from byline.core.deps import PreconditionDep, SessionDep
from byline.series import queries
from byline.series.models import Series
from byline.series.service import SeriesNotFound


async def get_public_series(slug: str, session: SessionDep) -> Series:
    series = await session.scalar(queries.series_with_slug(slug))
    if series is None:
        raise SeriesNotFound()
    return series


async def get_managed_series(series_id: UUID, caller: SeriesReader, session: SessionDep) -> Series:
    series = await session.get(Series, series_id)
    if series is None:
        raise SeriesNotFound()
    return series


async def get_editable_series(
    series_id: UUID, caller: SeriesWriter, precondition: PreconditionDep, session: SessionDep
) -> Series:
    """Locked until the transaction ends, so that of two saves of one version the second is refused."""
    series = await session.get(Series, series_id, with_for_update=True)
    if series is None:
        raise SeriesNotFound()
    precondition.check(series.version)
    return series


PublicSeries = Annotated[Series, Depends(get_public_series)]
ManagedSeriesRow = Annotated[Series, Depends(get_managed_series)]
EditableSeries = Annotated[Series, Depends(get_editable_series)]
