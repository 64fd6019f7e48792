"""Finding what is published."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from byline.core.deps import ReadSessionDep, SettingsDep, link_to_next
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.rendering import json_response
from byline.insights.deps import SearchLogDep
from byline.posts.deps import PublishedPost
from byline.posts.schemas import PostSummary
from byline.posts.service import PostNotFound
from byline.search.answering import PageTooDeep, SearchNotReady, answer
from byline.search.deps import ReadDep, SearchIndex, SearchIndexIfAny
from byline.search.related import related
from byline.search.schemas import RelatedPosts, RelatedQuery, SearchAnswer, SearchQuery, Suggestions, SuggestQuery
from byline.search.suggesting import suggest

router = APIRouter(prefix="/v1/search", tags=["Search"])
of_posts = APIRouter(prefix="/v1/posts", tags=["Posts"])


@router.get("", response_model=SearchAnswer, responses=problems(SearchNotReady, InvalidCursor, PageTooDeep))
async def search(
    query: Annotated[SearchQuery, Query()],
    opened: SearchIndex,
    log: SearchLogDep,
    read: ReadDep,
    settings: SettingsDep,
    request: Request,
) -> Response:
    """Posts and pages that say what was asked for, the best first.

    Not every word has to be there: rare ones count more, and more in titles and headings. A word that is nowhere is
    looked for with one slip mended, and `did_you_mean` says so. Without a word to look for, nothing is found.
    """
    secret = settings.secret_key.get_secret_value()
    page = await answer(read, opened, query, secret=secret, site_url=settings.site_url)
    if query.cursor is None:
        log.note_search(query.q, was_found=page.total > 0)
    response = json_response(page.model_copy(update={"click_token": log.click_token(query.q)}))
    link_to_next(request, response, page.next_cursor)
    return response


@router.get("/suggest", responses=problems(SearchNotReady))
async def suggest_search(
    query: Annotated[SuggestQuery, Query()], opened: SearchIndex, session: ReadSessionDep, settings: SettingsDep
) -> Suggestions:
    """Titles, tags and authors for what has been typed so far: the last word may be a part of one."""
    return await suggest(session, opened, query, site_url=settings.site_url)


@of_posts.get("/{slug}/related", responses=problems(PostNotFound))
async def list_related_posts(
    post: PublishedPost,
    query: Annotated[RelatedQuery, Query()],
    opened: SearchIndexIfAny,
    session: ReadSessionDep,
    settings: SettingsDep,
) -> RelatedPosts:
    """What else to read after this one: posts in the same language that are like it, the best first.

    By the words that set the post apart, and by tags, series and authors that they share. Translations of it are none.
    What has just been published may take a minute to be among them. While the search index is being made, these are the
    posts that share most tags.
    """
    found = await related(session, opened, post, query.limit)
    return RelatedPosts(data=[PostSummary.of(row, site_url=settings.site_url) for row in found])
