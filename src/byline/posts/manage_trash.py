"""The trash: what was deleted, and can come back."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from byline.accounts.deps import PostReader, PostWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.posts import queries, service, trash
from byline.posts.deps import PurgeablePost, RestorablePost, TrashedPostRow, newest_draft
from byline.posts.models import Post
from byline.posts.schemas import PostDraft
from byline.posts.trash_schemas import PostRestored, TrashedPost, TrashQuery

router = APIRouter(tags=["Manage posts"], route_class=IdempotentRoute)

_CONCURRENCY = (service.PostNotFound, StaleVersion, VersionRequired)


@router.get("/trash", responses=problems(InvalidCursor))
async def list_trash(
    query: Annotated[TrashQuery, Query()], caller: PostReader, paginator: PaginatorDep, settings: SettingsDep
) -> Page[TrashedPost]:
    """Posts and pages that were deleted, the last one first. Authors and contributors see their own."""
    statement = queries.trashed(caller)
    if query.kind is not None:
        statement = statement.where(Post.kind == query.kind)
    page = await paginator.page(statement, query, query.sort, queries.TRASH_SORTS)
    kept = timedelta(days=settings.trash_days)
    data = [
        TrashedPost.model_validate(post).model_copy(update={"purge_at": post.deleted_at + kept if kept else None})
        for post in page.data
        if post.deleted_at is not None
    ]
    return Page[TrashedPost](data=data, next_cursor=page.next_cursor, total=page.total)


@router.get("/trash/{post_id}", responses=problems(service.PostNotFound))
async def get_trashed_post(
    post: TrashedPostRow, session: SessionDep, settings: SettingsDep, response: Response
) -> PostDraft:
    """The newest revision of a post in the trash."""
    return await newest_draft(post, session, settings, response)


@router.delete(
    "/trash/{post_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(*_CONCURRENCY),
)
async def purge_post(post: PurgeablePost, session: SessionDep) -> None:
    """Delete it for good, with all its revisions. Addresses that readers knew answer 410 from then on."""
    await trash.purge(session, post)


@router.post("/posts/{post_id}/restore", responses=problems(*_CONCURRENCY, service.SlugTaken))
async def restore_post(
    post: RestorablePost, caller: PostWriter, session: SessionDep, settings: SettingsDep, response: Response
) -> PostRestored:
    """Take it from the trash. It is a draft or unpublished, whatever it was.

    Where another article has its slug by now, it gets one with a number, and `former_slug` tells the one it had.
    """
    former_slug = await trash.restore(session, post, caller=caller)
    draft = await newest_draft(post, session, settings, response)
    return PostRestored(**draft.model_dump(), former_slug=former_slug)
