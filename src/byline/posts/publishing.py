"""What readers see, and when: each step is one revision."""

from datetime import UTC, datetime, tzinfo

from pydantic import MISSING
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller
from byline.core.errors import Conflict, Invalid
from byline.core.jobs import enqueue
from byline.core.zones import moment
from byline.posts import addresses, service, tasks
from byline.posts.models import Post, Status
from byline.posts.schemas import PostPublish


class NotPublished(Conflict):
    code = "not_published"
    title = "This post is not published"


class ApprovalRequired(Conflict):
    code = "approval_required"
    title = "This revision has to be approved before it is published"


class UnfitExpiry(Invalid):
    code = "expires_too_early"
    title = "A post expires later than it is published, and later than now"


async def publish(
    session: AsyncSession,
    post: Post,
    wish: PostPublish,
    *,
    caller: Caller | None,
    zone: tzinfo = UTC,
    approval_required: bool = False,
) -> Post:
    """Readers see the newest revision: at `wish.at`, else now; what was published once keeps its date.

    Times without an offset are read in the zone. Where approval is required, the newest revision is the one that was
    approved, or that readers see or will see already; what the operator brings in needs none. Raises ApprovalRequired,
    NoSuchTime, UnfitExpiry, SlugTaken, where the newest revision has a slug that another post took meanwhile.
    """
    if approval_required and not post.is_approved and post.current_live_version != post.version:
        raise ApprovalRequired()
    now = datetime.now(UTC)
    content = await service.newest_content(session, post)
    before = service.standing(post, content)
    await addresses.note(session, post)
    if not post.shows_newest:
        await service.show(session, post, content)
    elif post.live_version is None:
        post.updated_at = now
    post.advance()
    go_live(post, wish, zone, now)
    await addresses.lead(session, post)
    message = wish.message or post.status.capitalize()
    await service.record(session, f"post.{post.status}", post, before, content, caller=caller, message=message)
    await announce_later(session, post)
    return post


def go_live(post: Post, wish: PostPublish, zone: tzinfo, now: datetime) -> None:
    """The version that the row shows is live. Raises NoSuchTime, UnfitExpiry."""
    post.published_at, post.expires_at = _times(post, wish, zone, now)
    post.status = Status.SCHEDULED if post.published_at > now else Status.PUBLISHED
    post.live_version = post.version
    post.review_state = post.review_version = None


async def announce_later(session: AsyncSession, post: Post) -> None:
    if post.status == Status.SCHEDULED:
        await enqueue(session, tasks.announce, at=post.published_at)
    if post.expires_at is not None:
        await enqueue(session, tasks.announce, at=post.expires_at)


def _times(post: Post, wish: PostPublish, zone: tzinfo, now: datetime) -> tuple[datetime, datetime | None]:
    """When it is published and when it expires. Raises NoSuchTime, UnfitExpiry."""
    if wish.at is not None:
        at = moment(wish.at, zone, pointer="/at")
    else:
        at = now if post.published_at is None or post.published_at > now else post.published_at
    if wish.expires_at is MISSING:
        expires_at = post.expires_at if post.expires_at is not None and post.expires_at > now else None
    else:
        expires_at = moment(wish.expires_at, zone, pointer="/expires_at") if wish.expires_at is not None else None
    if expires_at is not None and expires_at <= max(at, now):
        raise UnfitExpiry(f"it would expire at {expires_at.isoformat()}", pointer="/expires_at")
    return at, expires_at


async def unpublish(session: AsyncSession, post: Post, *, caller: Caller | None) -> Post:
    """Readers see it no more; its address and its times are kept for the next time. Raises NotPublished, SlugTaken."""
    if not post.is_live or post.has_expired:
        raise NotPublished()
    content = await service.newest_content(session, post)
    before = service.standing(post, content)
    await addresses.note(session, post)
    if not post.shows_newest:
        await service.show(session, post, content)
    post.status = Status.UNPUBLISHED
    post.advance()
    post.live_version = None
    await service.record(session, "post.unpublished", post, before, content, caller=caller, message="Unpublished")
    return post
