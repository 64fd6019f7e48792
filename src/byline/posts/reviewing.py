"""From a draft to what may be published: submitted, approved or sent back. Each step is one revision, so an approval is
for a number: whatever is saved later has another one, and none.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller
from byline.core.errors import Conflict, Forbidden
from byline.posts import review_comments, service
from byline.posts.models import Post, ReviewState
from byline.posts.review_schemas import ChangesRequest, ReviewNote


class AlreadySubmitted(Conflict):
    code = "already_submitted"
    title = "This post is in review already"


class NothingToReview(Conflict):
    code = "nothing_to_review"
    title = "The newest revision is published or scheduled already"


class NotInReview(Conflict):
    code = "not_in_review"
    title = "Nobody has submitted this post for review"


class ReviewedByOthers(Forbidden):
    code = "reviewed_by_others"
    title = "Ask an editor: nobody approves within their own posts alone"


async def submit(session: AsyncSession, post: Post, note: ReviewNote, *, caller: Caller | None) -> None:
    """Asks the editors to look at the newest revision. Raises AlreadySubmitted, NothingToReview."""
    if post.review is not None and post.review["state"] != ReviewState.CHANGES_REQUESTED:
        raise AlreadySubmitted()
    if post.current_live_version == post.version:
        raise NothingToReview()
    message = note.message or "Submitted for review"
    await _step(session, post, "post.submitted", ReviewState.IN_REVIEW, message, caller)


async def approve(session: AsyncSession, post: Post, note: ReviewNote, *, caller: Caller | None) -> None:
    """What is approved is what the newest revision holds. Raises NotInReview."""
    if post.review is None or post.review["state"] != ReviewState.IN_REVIEW:
        raise NotInReview()
    await _step(session, post, "post.approved", ReviewState.APPROVED, note.message or "Approved", caller)


async def request_changes(session: AsyncSession, post: Post, wish: ChangesRequest, *, caller: Caller) -> None:
    """Sends it back to who wrote it, also what was approved. Raises NotInReview, NotInRevision."""
    if post.review is None or post.review["state"] == ReviewState.CHANGES_REQUESTED:
        raise NotInReview()
    message = wish.message or "Changes requested"
    await _step(session, post, "post.changes_requested", ReviewState.CHANGES_REQUESTED, message, caller)
    await review_comments.add(session, post, post.version, wish.comments, caller=caller, within="/comments")


async def _step(
    session: AsyncSession, post: Post, type: str, state: ReviewState, message: str, caller: Caller | None
) -> None:
    content = await service.newest_content(session, post)
    before = service.standing(post, content)
    post.advance()
    post.review_state, post.review_version = state, post.version
    await service.record(session, type, post, before, content, caller=caller, message=message)
