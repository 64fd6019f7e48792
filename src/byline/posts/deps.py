from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Request, Response
from sqlalchemy import Select, bindparam
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from byline.accounts.caller import Caller
from byline.accounts.deps import PostPublisher, PostReader, PostWriter
from byline.core.deps import Precondition, PreconditionDep, ReadSessionDep, SessionDep, SettingsDep
from byline.core.http import version_etag
from byline.core.plain import Query, Row, compiled
from byline.posts import drafts, policy, queries, revisions
from byline.posts.columns import NOW, columns
from byline.posts.documents import documented
from byline.posts.models import Kind, Post, PreviewLink, ReviewComment, Revision
from byline.posts.previews import PreviewLinkNotFound
from byline.posts.review_comments import CommentNotFound
from byline.posts.reviewing import ReviewedByOthers
from byline.posts.revision_schemas import MOST_REVISIONS
from byline.posts.schemas import PostDraft, PostOut, PostSource, Rendition
from byline.posts.service import PostNotFound, PublishedByOthers


async def get_published_post(slug: str, session: ReadSessionDep) -> Post:
    return await find_published(session, Kind.POST, slug)


async def get_published_page(slug: str, session: ReadSessionDep) -> Post:
    return await find_published(session, Kind.PAGE, slug)


async def find_published(session: AsyncSession, kind: Kind, slug: str) -> Post:
    """Raises PostNotFound."""
    now = datetime.now(UTC)
    statement = queries.published(kind, now).where(Post.slug == slug)
    # Besides, what tells in which languages it is.
    besides = undefer(Post.translation_of), undefer(Post.visibility), queries.with_translated(now)
    post = await session.scalar(statement.options(*queries.shown(PostOut), *besides))
    if post is None:
        raise PostNotFound()
    return post


async def published_document(request: Request, kind: Kind, slug: str) -> Row:
    """The `document` of a published article, and what its headers tell. Without a session: it is read more often than
    all else.

    Raises PostNotFound.
    """
    return await _row(request, _document(kind), {"slug": slug, "site_url": request.app.state.settings.site_url})


async def published_source(request: Request, kind: Kind, slug: str) -> Row:
    """The same with its Markdown. Raises PostNotFound."""
    return await _row(request, _source(kind), {"slug": slug})


async def _row(request: Request, query: Query, values: dict[str, Any]) -> Row:
    rows = await request.app.state.readers.rows(request, query, {**values, "now": datetime.now(UTC)})
    if not rows:
        raise PostNotFound()
    row: Row = rows[0]
    return row


@cache
def _document(kind: Kind) -> Query:
    return compiled(documented(_with_slug(kind), PostOut, None, columns(Rendition)))


@cache
def _source(kind: Kind) -> Query:
    return compiled(_with_slug(kind).with_only_columns(*columns(PostSource)))


def _with_slug(kind: Kind) -> Select[Post]:
    return queries.published(kind, NOW).where(Post.slug == bindparam("slug"))


PublishedPost = Annotated[Post, Depends(get_published_post)]
PublishedPage = Annotated[Post, Depends(get_published_page)]


async def get_managed_post(post_id: UUID, caller: PostReader, session: SessionDep) -> Post:
    return await _reachable(session, post_id, caller)


async def get_editable_post(
    post_id: UUID, caller: PostWriter, precondition: PreconditionDep, session: SessionDep
) -> Post:
    return await _current(session, post_id, caller, precondition)


async def get_locked_post(post_id: UUID, caller: PostWriter, session: SessionDep) -> Post:
    """In whatever version: for what says by itself which one it is based on, or does not depend on any."""
    return await _reachable(session, post_id, caller, lock=True)


async def get_publishable_post(
    post_id: UUID, caller: PostPublisher, precondition: PreconditionDep, session: SessionDep
) -> Post:
    return await _current(session, post_id, caller, precondition)


async def _current(session: SessionDep, post_id: UUID, caller: Caller, precondition: Precondition) -> Post:
    """Locked until the transaction ends, so that of two saves of one version the second is refused."""
    post = await _reachable(session, post_id, caller, lock=True)
    versions = precondition.versions()
    changes = None
    if versions and post.version not in versions:
        changes = await drafts.changes_since(session, post, max(versions))
    precondition.check(post.version, changes)
    return post


async def _reachable(session: SessionDep, post_id: UUID, caller: Caller, *, lock: bool = False) -> Post:
    """What is out of the caller's reach is as if it were not there."""
    statement = queries.kept().where(Post.id == post_id, queries.reachable_by(caller))
    post = await session.scalar(statement.with_for_update() if lock else statement)
    if post is None:
        raise PostNotFound()
    return post


ManagedPost = Annotated[Post, Depends(get_managed_post)]
EditablePost = Annotated[Post, Depends(get_editable_post)]
LockedPost = Annotated[Post, Depends(get_locked_post)]
PublishablePost = Annotated[Post, Depends(get_publishable_post)]


async def get_trashable_post(post: EditablePost, caller: PostWriter) -> Post:
    if not policy.may_trash(caller, post):
        raise PublishedByOthers()
    return post


TrashablePost = Annotated[Post, Depends(get_trashable_post)]


async def get_reviewable_post(post: PublishablePost, caller: PostPublisher) -> Post:
    if not policy.may_review(caller):
        raise ReviewedByOthers()
    return post


ReviewablePost = Annotated[Post, Depends(get_reviewable_post)]


async def get_editable_review_comment(comment_id: UUID, post: LockedPost, session: SessionDep) -> ReviewComment:
    """Of a post that is locked until the transaction ends."""
    comment = await session.scalar(queries.comments(post.id).where(ReviewComment.id == comment_id))
    if comment is None:
        raise CommentNotFound()
    return comment


EditableReviewComment = Annotated[ReviewComment, Depends(get_editable_review_comment)]


async def get_trashed_post(post_id: UUID, caller: PostReader, session: SessionDep) -> Post:
    return await _in_trash(session, post_id, caller)


async def get_restorable_post(
    post_id: UUID, caller: PostWriter, precondition: PreconditionDep, session: SessionDep
) -> Post:
    return await _in_trash(session, post_id, caller, precondition)


async def get_purgeable_post(
    post_id: UUID, caller: PostPublisher, precondition: PreconditionDep, session: SessionDep
) -> Post:
    return await _in_trash(session, post_id, caller, precondition)


async def _in_trash(
    session: SessionDep, post_id: UUID, caller: Caller, precondition: Precondition | None = None
) -> Post:
    """Locked and compared, where there is a precondition."""
    statement = queries.trashed(caller).where(Post.id == post_id)
    post = await session.scalar(statement if precondition is None else statement.with_for_update())
    if post is None:
        raise PostNotFound("there is no such post in the trash")
    if precondition is not None:
        precondition.check(post.version)
    return post


TrashedPostRow = Annotated[Post, Depends(get_trashed_post)]
RestorablePost = Annotated[Post, Depends(get_restorable_post)]
PurgeablePost = Annotated[Post, Depends(get_purgeable_post)]


async def get_previewable_post(post_id: UUID, caller: PostWriter, session: SessionDep) -> Post:
    return await _reachable(session, post_id, caller)


PreviewablePost = Annotated[Post, Depends(get_previewable_post)]


async def get_editable_preview_link(link_id: UUID, post: PreviewablePost, session: SessionDep) -> PreviewLink:
    """Locked until the transaction ends."""
    link = await session.get(PreviewLink, link_id, with_for_update=True)
    if link is None or link.post_id != post.id:
        raise PreviewLinkNotFound()
    return link


EditablePreviewLink = Annotated[PreviewLink, Depends(get_editable_preview_link)]


Number = Annotated[int, Path(ge=1, le=MOST_REVISIONS, description="Of the revision.")]


async def get_revision(post: ManagedPost, number: Number, session: SessionDep) -> Revision:
    return await revisions.find(session, post, number)


ManagedRevision = Annotated[Revision, Depends(get_revision)]


async def newest_draft(post: Post, session: SessionDep, settings: SettingsDep, response: Response) -> PostDraft:
    """The answer about a post at the desk, with its version."""
    response.headers["ETag"] = version_etag(post.version)
    return await drafts.read(session, post, site_url=settings.site_url)
