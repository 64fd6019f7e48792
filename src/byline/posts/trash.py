"""Out of the trash: back to the desk, or gone for good."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller
from byline.core import events
from byline.core.slugs import free_slug
from byline.posts import addresses, service
from byline.posts.models import Post, PreviewLink, Status

AT_ONCE = 100
"""So many are deleted for good in one transaction."""

LINKS_KEPT = timedelta(days=90)
"""How long a preview link that has run out can still be seen at the desk."""


async def restore(session: AsyncSession, post: Post, *, caller: Caller | None) -> str | None:
    """Back at the desk with all that its newest revision holds, and never live by surprise: what was is unpublished.

    Where another post has taken the slug meanwhile, it gets the next free one; gives the slug that it had, then.
    """
    content = await service.newest_content(session, post)
    before = service.standing(post, content)
    former = content.slug
    slug = await free_slug(session, Post.slug, former, *service.rivals(post.kind))
    restored = content.model_copy(update={"slug": slug})
    if post.is_live:
        post.status = Status.UNPUBLISHED
    post.deleted_at = None
    post.live_version = None
    post.review_state = post.review_version = None
    post.advance()
    await service.show(session, post, restored)
    message = "Restored from the trash"
    if restored.slug != former:
        message += f"; another {post.kind} has the slug {former}"
    await service.record(session, "post.restored", post, before, restored, caller=caller, message=message)
    return former if restored.slug != former else None


async def purge(session: AsyncSession, post: Post) -> None:
    """For good, with its revisions. Addresses that readers knew are gone, until another post takes them."""
    await addresses.close(session, post)
    changes = events.deleted(post, "kind", "slug", "title", "status", "published_at", "version", "deleted_at")
    events.record(session, "post.deleted", post, changes)
    await session.delete(post)
    await session.flush()


async def purge_old(session: AsyncSession, days: int) -> int:
    """Those that have been in the trash for so many days; gives how many, at most `AT_ONCE`."""
    old = select(Post).where(Post.deleted_at < datetime.now(UTC) - timedelta(days=days)).order_by(Post.deleted_at)
    posts = (await session.scalars(old.limit(AT_ONCE).with_for_update(skip_locked=True))).all()
    for post in posts:
        await purge(session, post)
    return len(posts)


async def sweep_links(session: AsyncSession) -> None:
    """Forgets preview links that ran out long ago."""
    old = delete(PreviewLink).where(PreviewLink.expires_at < datetime.now(UTC) - LINKS_KEPT)
    await session.execute(old, execution_options={"synchronize_session": False})
