from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from byline.accounts.deps import TagReader, TagWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.tags import queries, service
from byline.tags.deps import EditableTag, ManagedTagRow
from byline.tags.schemas import ManagedTag, TagCreate, TagQuery, TagUpdate

router = APIRouter(prefix="/tags", tags=["Manage tags"], route_class=IdempotentRoute)


@router.get("", responses=problems(InvalidCursor))
async def list_managed_tags(
    query: Annotated[TagQuery, Query()], caller: TagReader, paginator: PaginatorDep, settings: SettingsDep
) -> Page[ManagedTag]:
    """All tags, with what only editors see."""
    page = await paginator.page(queries.tags(), query, query.sort, queries.SORTS)
    return Page[ManagedTag].of(page, site_url=settings.site_url)


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(service.TagSlugTaken, service.UnfitParent))
async def create_tag(
    new: TagCreate, caller: TagWriter, session: SessionDep, settings: SettingsDep, response: Response
) -> ManagedTag:
    """Add a tag."""
    tag = await service.create(session, new)
    response.headers["ETag"] = version_etag(tag.version)
    response.headers["Location"] = f"/v1/manage/tags/{tag.id}"
    return ManagedTag.of(tag, site_url=settings.site_url)


@router.get("/{tag_id}", responses=problems(service.TagNotFound))
async def get_managed_tag(tag: ManagedTagRow, settings: SettingsDep, response: Response) -> ManagedTag:
    """One tag, with what only editors see."""
    response.headers["ETag"] = version_etag(tag.version)
    return ManagedTag.of(tag, site_url=settings.site_url)


@router.patch(
    "/{tag_id}",
    responses=problems(service.TagNotFound, service.TagSlugTaken, service.UnfitParent, StaleVersion, VersionRequired),
)
async def update_tag(
    tag: EditableTag, changes: TagUpdate, session: SessionDep, settings: SettingsDep, response: Response
) -> ManagedTag:
    """Change a tag. Fields left out stay as they are."""
    tag = await service.update(session, tag, changes)
    response.headers["ETag"] = version_etag(tag.version)
    return ManagedTag.of(tag, site_url=settings.site_url)


@router.delete(
    "/{tag_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(service.TagNotFound, StaleVersion, VersionRequired),
)
async def delete_tag(tag: EditableTag, session: SessionDep) -> None:
    """Delete a tag. Articles lose it."""
    await service.delete(session, tag)
