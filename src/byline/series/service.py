from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from byline.core import events
from byline.core.errors import Conflict, NotFound
from byline.core.slugs import free_slug, slug_from
from byline.redirects import service as redirects
from byline.series.models import Series
from byline.series.schemas import SeriesCreate, SeriesUpdate


class SeriesNotFound(NotFound):
    code = "series_not_found"
    title = "There is no such series"


class SeriesSlugTaken(Conflict):
    code = "series_slug_taken"
    title = "Another series has this slug"
    constraints = ("uq_series_slug",)


async def create(session: AsyncSession, new: SeriesCreate) -> Series:
    """Raises SeriesSlugTaken, for a slug that was asked for."""
    fields: dict[str, Any] = new.model_dump()
    if new.slug is None:
        fields["slug"] = await free_slug(session, Series.slug, slug_from(new.title, fallback="series"))
    series = Series(**fields)
    session.add(series)
    await session.flush()
    await redirects.take(session, series.path)
    _record(session, "series.created", series, events.created(series, *fields))
    return series


async def update(session: AsyncSession, series: Series, changes: SeriesUpdate) -> Series:
    """Raises SeriesSlugTaken."""
    former_path = series.path
    _record(session, "series.updated", series, series.change(changes.model_dump()))
    await session.flush()
    await redirects.rename(session, series.id, former_path, series.path)
    return series


async def delete(session: AsyncSession, series: Series) -> None:
    """Its articles stay, without a series."""
    _record(session, "series.deleted", series, events.deleted(series, *SeriesCreate.model_fields))
    await session.delete(series)
    await session.flush()
    await redirects.forget(session, series.id)


def _record(session: AsyncSession, type: str, series: Series, changes: events.Changes) -> None:
    events.record(session, type, series, changes, shown=events.shown("series", series, changes))
