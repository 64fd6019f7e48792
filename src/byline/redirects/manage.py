from typing import Annotated

from fastapi import APIRouter, Body, Query, Response, status
from sqlalchemy import select

from byline.accounts.deps import RedirectReader, RedirectWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.redirects import queries, service, table
from byline.redirects.deps import EditableRedirect, ManagedRedirect
from byline.redirects.models import Redirect
from byline.redirects.schemas import (
    ImportQuery,
    RedirectCreate,
    RedirectImport,
    RedirectOut,
    RedirectQuery,
    RedirectUpdate,
)

router = APIRouter(prefix="/redirects", tags=["Manage redirects"], route_class=IdempotentRoute)

_WRITING = (service.RedirectExists, service.RedirectLoop, service.UnfitTarget)
_CONCURRENCY = (service.RedirectNotFound, StaleVersion, VersionRequired)


class CsvResponse(Response):
    media_type = "text/csv"


@router.get("", responses=problems(InvalidCursor))
async def list_redirects(
    query: Annotated[RedirectQuery, Query()], caller: RedirectReader, paginator: PaginatorDep, settings: SettingsDep
) -> Page[RedirectOut]:
    """Where old addresses lead, by path."""
    page = await paginator.page(queries.redirects(query), query, query.sort, queries.SORTS)
    return Page[RedirectOut].of(page, site_url=settings.site_url)


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(*_WRITING))
async def create_redirect(
    new: RedirectCreate, caller: RedirectWriter, session: SessionDep, settings: SettingsDep, response: Response
) -> RedirectOut:
    """Lead an old address to another one. While something is published at the path itself, that is shown."""
    redirect = await service.create(session, new, site_url=settings.site_url)
    response.headers["Location"] = f"/v1/manage/redirects/{redirect.id}"
    return _out(redirect, response)


@router.get("/export", response_class=CsvResponse)
async def export_redirects(caller: RedirectReader, session: SessionDep) -> CsvResponse:
    """All of them, as a CSV file that can be imported again."""
    rows = await session.scalars(select(Redirect).order_by(Redirect.path))
    return CsvResponse(table.write(rows), headers={"Content-Disposition": 'attachment; filename="redirects.csv"'})


@router.post("/import", responses=problems(table.UnreadableTable, table.TableTooLong))
async def import_redirects(
    file: Annotated[bytes, Body(media_type="text/csv", examples=["path,target,status\n/old,/posts/new,301\n"])],
    query: Annotated[ImportQuery, Query()],
    caller: RedirectWriter,
    session: SessionDep,
    settings: SettingsDep,
) -> RedirectImport:
    """Save what a CSV file says: `path,target,status`, with or without a first line that names the columns.

    What other programs call them is understood too (`from`, `to`, `code`, `Redirect from`, …). A line that fails
    stops no other.
    """
    return await table.load(session, file, site_url=settings.site_url, dry_run=query.dry_run)


@router.get("/{redirect_id}", responses=problems(service.RedirectNotFound))
async def get_redirect(redirect: ManagedRedirect, response: Response) -> RedirectOut:
    """One redirect."""
    return _out(redirect, response)


@router.patch("/{redirect_id}", responses=problems(*_CONCURRENCY, *_WRITING))
async def update_redirect(
    redirect: EditableRedirect,
    changes: RedirectUpdate,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
) -> RedirectOut:
    """Change a redirect, whatever made it. Fields left out stay as they are."""
    return _out(await service.update(session, redirect, changes, site_url=settings.site_url), response)


@router.delete(
    "/{redirect_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(*_CONCURRENCY),
)
async def delete_redirect(redirect: EditableRedirect, session: SessionDep) -> None:
    """Delete a redirect."""
    await service.delete_redirect(session, redirect)


def _out(redirect: Redirect, response: Response) -> RedirectOut:
    response.headers["ETag"] = version_etag(redirect.version)
    return RedirectOut.model_validate(redirect)
