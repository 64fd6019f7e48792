"""The desk: writing, revising and publishing."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response, status

from byline.accounts.deps import AnyCaller, PostPublisher, PostReader, PostWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.core.zones import NoSuchTime
from byline.posts import batch, drafts, publishing, queries, service, translations
from byline.posts.batch_schemas import BatchOut, PostBatch
from byline.posts.deps import EditablePost, ManagedPost, PublishablePost, TrashablePost, newest_draft
from byline.posts.schemas import (
    ManagedPostQuery,
    ManagedPostSummary,
    PostCreate,
    PostDraft,
    PostPublish,
    PostUpdate,
    RevisionOut,
    RevisionQuery,
)

router = APIRouter(prefix="/posts", tags=["Manage posts"], route_class=IdempotentRoute)

_CONCURRENCY = (service.PostNotFound, StaleVersion, VersionRequired)
_WRITING = (service.SlugTaken, service.UnknownReference, translations.HasTranslations)
_PUBLISHING = (
    *(service.SlugTaken, translations.LanguageTaken),
    *(publishing.ApprovalRequired, publishing.UnfitExpiry, NoSuchTime),
)


@router.get("", responses=problems(InvalidCursor))
async def list_managed_posts(
    query: Annotated[ManagedPostQuery, Query()], caller: PostReader, paginator: PaginatorDep, settings: SettingsDep
) -> Page[ManagedPostSummary]:
    """Posts and pages in any state, those changed last first. Authors and contributors see their own."""
    statement = queries.managed(query, datetime.now(UTC), caller).options(*queries.shown(ManagedPostSummary))
    page = await paginator.page(statement, query, query.sort, queries.MANAGED_SORTS)
    return Page[ManagedPostSummary].of(page, site_url=settings.site_url)


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(*_WRITING))
async def create_post(
    new: PostCreate, caller: PostWriter, session: SessionDep, settings: SettingsDep, response: Response
) -> PostDraft:
    """Begin a draft."""
    post = await service.create(session, new, caller=caller, language=settings.site_language)
    response.headers["Location"] = f"/v1/manage/posts/{post.id}"
    return await newest_draft(post, session, settings, response)


@router.get("/{post_id}", responses=problems(service.PostNotFound, drafts.NotLive))
async def get_managed_post(
    post: ManagedPost,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    live: Annotated[bool, Query(description="What readers see now; a 404 where that is nothing.")] = False,
) -> PostDraft:
    """The newest revision, or with `live` what readers see."""
    if live:
        response.headers["ETag"] = version_etag(post.version)
        return await drafts.read_live(session, post, site_url=settings.site_url)
    return await newest_draft(post, session, settings, response)


@router.patch("/{post_id}", responses=problems(*_CONCURRENCY, *_WRITING))
async def update_post(
    post: EditablePost,
    changes: PostUpdate,
    caller: PostWriter,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
) -> PostDraft:
    """Save a new revision. Fields left out stay as they are; what readers see stays until it is published."""
    await service.update(session, post, changes, caller=caller)
    return await newest_draft(post, session, settings, response)


@router.delete(
    "/{post_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(*_CONCURRENCY, service.PublishedByOthers),
)
async def delete_post(post: TrashablePost, caller: PostWriter, session: SessionDep) -> None:
    """Move it to the trash."""
    await service.trash(session, post, caller=caller)


@router.post("/{post_id}/publish", responses=problems(*_CONCURRENCY, *_PUBLISHING))
async def publish_post(
    post: PublishablePost,
    caller: PostPublisher,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    wish: Annotated[PostPublish | None, Body()] = None,
) -> PostDraft:
    """Show readers the newest revision, now or at a time to come, and for as long as you say."""
    await publishing.publish(
        session,
        post,
        wish or PostPublish(),
        caller=caller,
        zone=settings.zone,
        approval_required=settings.approval_required,
    )
    return await newest_draft(post, session, settings, response)


@router.post("/{post_id}/unpublish", responses=problems(*_CONCURRENCY, publishing.NotPublished, service.SlugTaken))
async def unpublish_post(
    post: PublishablePost, caller: PostPublisher, session: SessionDep, settings: SettingsDep, response: Response
) -> PostDraft:
    """Take it from the readers; it stays at the desk."""
    await publishing.unpublish(session, post, caller=caller)
    return await newest_draft(post, session, settings, response)


@router.get("/{post_id}/revisions", responses=problems(service.PostNotFound, InvalidCursor))
async def list_revisions(
    post: ManagedPost, query: Annotated[RevisionQuery, Query()], paginator: PaginatorDep, settings: SettingsDep
) -> Page[RevisionOut]:
    """Every save, the newest first."""
    page = await paginator.page(queries.revisions(post.id), query, "-number", queries.REVISION_SORTS)
    return Page[RevisionOut].of(page, site_url=settings.site_url)


@router.post("/batch", responses=problems(batch.BatchFailed))
async def batch_posts(
    request: Request, wish: PostBatch, caller: AnyCaller, session: SessionDep, settings: SettingsDep
) -> BatchOut:
    """Up to 100 changes at once, in order: all of them or, where it is not `atomic`, as many as succeed.

    The credential has to carry the scopes of all of them: `posts:publish` to publish, unpublish, approve and request
    changes, `posts:write` else.
    """
    return await batch.run(session, wish, caller, settings=settings, instance=request.url.path)
