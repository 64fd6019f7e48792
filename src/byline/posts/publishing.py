"""What readers see, and when: each step is one revision."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller
from byline.core.errors import Conflict
from byline.core.jobs import enqueue
from byline.posts import addresses, service, tasks
from byline.posts.models import Post, Status
from byline.posts.schemas import PostPublish


class NotPublished(Conflict):
    code = "not_published"
    title = "This post is not published"


async def publish(session: AsyncSession, post: Post, wish: PostPublish, *, caller: Caller | None) -> Post:
    """Readers see the newest revision: at `wish.at`, else now; what was published once keeps its date.

    Raises SlugTaken, where the newest revision has a slug that another post took meanwhile.
    """
    now = datetime.now(UTC)
    content = await service.newest_content(session, post)
    before = service.standing(post, content)
    await addresses.note(session, post)
    if wish.at is not None:
        post.published_at = wish.at
    elif post.published_at is None or post.published_at > now:
        post.published_at = now
    post.status = Status.SCHEDULED if post.published_at > now else Status.PUBLISHED
    if post.shows_newest:
        post.updated_at = now if post.live_version is None else post.updated_at
    else:
        await service.show(session, post, content)
    post.version += 1
    post.live_version = post.version
    await addresses.lead(session, post)
    message = wish.message or post.status.capitalize()
    await service.record(session, f"post.{post.status}", post, before, content, caller=caller, message=message)
    if post.status == Status.SCHEDULED:
        await enqueue(session, tasks.announce, at=post.published_at)
    return post


async def unpublish(session: AsyncSession, post: Post, *, caller: Caller | None) -> Post:
    """Readers see it no more; its address and its date are kept for the next time. Raises NotPublished, SlugTaken."""
    if not post.is_live:
        raise NotPublished()
    content = await service.newest_content(session, post)
    before = service.standing(post, content)
    await addresses.note(session, post)
    if not post.shows_newest:
        await service.show(session, post, content)
    post.status = Status.UNPUBLISHED
    post.version += 1
    post.live_version = None
    await service.record(session, "post.unpublished", post, before, content, caller=caller, message="Unpublished")
    return post
