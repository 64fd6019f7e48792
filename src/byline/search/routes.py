"""Finding what is published."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from byline.core.deps import SessionDep, SettingsDep, link_to_next
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.search.answering import PageTooDeep, SearchNotReady, answer
from byline.search.deps import SearchIndex
from byline.search.schemas import SearchAnswer, SearchQuery, Suggestions, SuggestQuery
from byline.search.suggesting import suggest

router = APIRouter(prefix="/v1/search", tags=["Search"])


@router.get("", responses=problems(SearchNotReady, InvalidCursor, PageTooDeep))
async def search(
    query: Annotated[SearchQuery, Query()],
    opened: SearchIndex,
    session: SessionDep,
    settings: SettingsDep,
    request: Request,
    response: Response,
) -> SearchAnswer:
    """Posts and pages that say what was asked for, the best first.

    Not every word has to be there: rare ones count more, and more in titles and headings. A word that is nowhere is
    looked for with one slip mended, and `did_you_mean` says so. Without a word to look for, nothing is found.
    """
    secret = settings.secret_key.get_secret_value()
    page = await answer(session, opened, query, secret=secret, site_url=settings.site_url)
    link_to_next(request, response, page.next_cursor)
    return page


@router.get("/suggest", responses=problems(SearchNotReady))
async def suggest_search(
    query: Annotated[SuggestQuery, Query()], opened: SearchIndex, session: SessionDep, settings: SettingsDep
) -> Suggestions:
    """Titles, tags and authors for what has been typed so far: the last word may be a part of one."""
    return await suggest(session, opened, query, site_url=settings.site_url)
