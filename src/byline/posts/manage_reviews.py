"""The review of posts: submitting, approving, sending back, and what is said of passages."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response, status

from byline.accounts.deps import PostPublisher, PostWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.posts import queries, review_comments, reviewing, service
from byline.posts.deps import (
    EditablePost,
    EditableReviewComment,
    LockedPost,
    ManagedPost,
    ReviewablePost,
    newest_draft,
)
from byline.posts.models import ReviewComment
from byline.posts.review_schemas import (
    ChangesRequest,
    NewReviewComment,
    ReviewCommentOut,
    ReviewCommentQuery,
    ReviewCommentUpdate,
    ReviewNote,
)
from byline.posts.schemas import PostDraft

router = APIRouter(prefix="/posts/{post_id}", tags=["Review posts"], route_class=IdempotentRoute)

_CONCURRENCY = (service.PostNotFound, StaleVersion, VersionRequired)
_REVIEWING = (*_CONCURRENCY, reviewing.NotInReview, reviewing.ReviewedByOthers)
Note = Annotated[ReviewNote | None, Body()]


@router.post("/submit", responses=problems(*_CONCURRENCY, reviewing.AlreadySubmitted, reviewing.NothingToReview))
async def submit_post(
    post: EditablePost,
    caller: PostWriter,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    note: Note = None,
) -> PostDraft:
    """Ask for a review of the newest revision. It may be changed meanwhile; what is saved stays in review."""
    await reviewing.submit(session, post, note or ReviewNote(), caller=caller)
    return await newest_draft(post, session, settings, response)


@router.post("/approve", responses=problems(*_REVIEWING))
async def approve_post(
    post: ReviewablePost,
    caller: PostPublisher,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    note: Note = None,
) -> PostDraft:
    """Let the newest revision be published. An approval is for that one: what is saved later is in review again."""
    await reviewing.approve(session, post, note or ReviewNote(), caller=caller)
    return await newest_draft(post, session, settings, response)


@router.post("/request-changes", responses=problems(*_REVIEWING, review_comments.NotInRevision))
async def request_changes(
    post: ReviewablePost,
    caller: PostPublisher,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    wish: Annotated[ChangesRequest | None, Body()] = None,
) -> PostDraft:
    """Send it back to who wrote it, with comments on the newest revision; so may be what was approved."""
    await reviewing.request_changes(session, post, wish or ChangesRequest(), caller=caller)
    return await newest_draft(post, session, settings, response)


@router.get("/review-comments", responses=problems(service.PostNotFound, InvalidCursor))
async def list_review_comments(
    post: ManagedPost, query: Annotated[ReviewCommentQuery, Query()], session: SessionDep, paginator: PaginatorDep
) -> Page[ReviewCommentOut]:
    """What was said of its revisions, the oldest first, and whether it still stands in the newest one."""
    statement = queries.comments(post.id)
    if query.revision is not None:
        statement = statement.where(ReviewComment.revision == query.revision)
    if query.resolved is not None:
        statement = statement.where(ReviewComment.resolved_at.is_not(None) == query.resolved)
    page = await paginator.page(statement, query, "id", queries.COMMENT_SORTS)
    data = await review_comments.shown(session, post, page.data)
    return Page[ReviewCommentOut](data=data, next_cursor=page.next_cursor, total=page.total)


@router.post(
    "/review-comments",
    status_code=status.HTTP_201_CREATED,
    responses=problems(service.PostNotFound, service.RevisionNotFound, review_comments.NotInRevision),
)
async def create_review_comment(
    post: LockedPost, new: NewReviewComment, caller: PostWriter, session: SessionDep
) -> ReviewCommentOut:
    """Say something of a revision: of a passage, of what is under a heading, or of all of it."""
    comment = await review_comments.create(session, post, new, caller=caller)
    return (await review_comments.shown(session, post, [comment]))[0]


@router.patch(
    "/review-comments/{comment_id}", responses=problems(service.PostNotFound, review_comments.CommentNotFound)
)
async def update_review_comment(
    post: LockedPost,
    comment: EditableReviewComment,
    changes: ReviewCommentUpdate,
    caller: PostWriter,
    session: SessionDep,
) -> ReviewCommentOut:
    """Settle a comment, or open it again: all of it that can be changed, so it needs no `If-Match`."""
    await review_comments.resolve(session, comment, changes.resolved, caller=caller)
    return (await review_comments.shown(session, post, [comment]))[0]
