from typing import Annotated

from fastapi import APIRouter, Query

from byline.authors import queries
from byline.authors.deps import PublicAuthor
from byline.authors.schemas import AuthorOut, AuthorQuery
from byline.authors.service import AuthorNotFound
from byline.core.deps import ReadPaginatorDep, SettingsDep
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page

router = APIRouter(prefix="/v1/authors", tags=["Authors"])


@router.get("", responses=problems(InvalidCursor))
async def list_authors(
    query: Annotated[AuthorQuery, Query()], paginator: ReadPaginatorDep, settings: SettingsDep
) -> Page[AuthorOut]:
    """All authors, by name."""
    page = await paginator.page(queries.authors(), query, query.sort, queries.SORTS)
    return Page[AuthorOut].of(page, site_url=settings.site_url)


@router.get("/{slug}", responses=problems(AuthorNotFound))
async def get_author(author: PublicAuthor, settings: SettingsDep) -> AuthorOut:
    """One author."""
    return AuthorOut.of(author, site_url=settings.site_url)
