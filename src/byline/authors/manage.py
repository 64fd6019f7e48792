from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from byline.accounts.deps import AuthorReader
from byline.accounts.idempotency import IdempotentRoute
from byline.authors import queries, service
from byline.authors.deps import AuthorKeeper, EditableAuthor, ManagedAuthorRow
from byline.authors.schemas import AuthorCreate, AuthorQuery, AuthorUpdate, ManagedAuthor
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page

router = APIRouter(prefix="/authors", tags=["Manage authors"], route_class=IdempotentRoute)


@router.get("", responses=problems(InvalidCursor))
async def list_managed_authors(
    query: Annotated[AuthorQuery, Query()], caller: AuthorReader, paginator: PaginatorDep, settings: SettingsDep
) -> Page[ManagedAuthor]:
    """All authors, with what only editors see."""
    page = await paginator.page(queries.authors(), query, query.sort, queries.SORTS)
    return Page[ManagedAuthor].of(page, site_url=settings.site_url)


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(service.AuthorSlugTaken, service.EditorsOnly))
async def create_author(
    new: AuthorCreate, caller: AuthorKeeper, session: SessionDep, settings: SettingsDep, response: Response
) -> ManagedAuthor:
    """Add an author. Editors do."""
    author = await service.create(session, new)
    response.headers["ETag"] = version_etag(author.version)
    response.headers["Location"] = f"/v1/manage/authors/{author.id}"
    return ManagedAuthor.of(author, site_url=settings.site_url)


@router.get("/{author_id}", responses=problems(service.AuthorNotFound))
async def get_managed_author(author: ManagedAuthorRow, settings: SettingsDep, response: Response) -> ManagedAuthor:
    """One author, with what only editors see."""
    response.headers["ETag"] = version_etag(author.version)
    return ManagedAuthor.of(author, site_url=settings.site_url)


@router.patch(
    "/{author_id}",
    responses=problems(
        service.AuthorNotFound, service.AuthorSlugTaken, service.NotYourByline, StaleVersion, VersionRequired
    ),
)
async def update_author(
    author: EditableAuthor, changes: AuthorUpdate, session: SessionDep, settings: SettingsDep, response: Response
) -> ManagedAuthor:
    """Change an author: authors and contributors, themselves alone. Fields left out stay as they are."""
    author = await service.update(session, author, changes)
    response.headers["ETag"] = version_etag(author.version)
    return ManagedAuthor.of(author, site_url=settings.site_url)


@router.delete(
    "/{author_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(
        service.AuthorNotFound, service.AuthorHasPosts, service.EditorsOnly, StaleVersion, VersionRequired
    ),
)
async def delete_author(keeper: AuthorKeeper, author: EditableAuthor, session: SessionDep) -> None:
    """Delete an author who stands over no post. Editors do."""
    await service.delete(session, author)
