from typing import Annotated

from fastapi import APIRouter, Query

from byline.core.deps import ReadPaginatorDep, SettingsDep
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.tags import queries
from byline.tags.deps import PublicTag
from byline.tags.schemas import TagOut, TagQuery
from byline.tags.service import TagNotFound

router = APIRouter(prefix="/v1/tags", tags=["Tags"])


@router.get("", responses=problems(InvalidCursor))
async def list_tags(
    query: Annotated[TagQuery, Query()], paginator: ReadPaginatorDep, settings: SettingsDep
) -> Page[TagOut]:
    """All tags, by name."""
    page = await paginator.page(queries.tags(), query, query.sort, queries.SORTS)
    return Page[TagOut].of(page, site_url=settings.site_url)


@router.get("/{slug}", responses=problems(TagNotFound))
async def get_tag(tag: PublicTag, settings: SettingsDep) -> TagOut:
    """One tag."""
    return TagOut.of(tag, site_url=settings.site_url)
