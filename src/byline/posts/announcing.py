"""Telling that a schedule has come about: readers see the post, or see it no more, by its times alone, and nothing here
changes that.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core import events
from byline.core.events import Shown
from byline.posts import addresses, queries, service
from byline.posts.models import Post, Status, Visibility


async def announce_next(session: AsyncSession) -> Post | None:
    """Records `post.went_live` for one post whose time has come, else `post.expired` for one whose time is over; None
    when there is none left.

    Once for each schedule, by whatever number of workers: who is second to the row finds it in its new status. It is no
    revision, and no other version: what the post is called by then was the truth before. What both came and went while
    no worker ran is told of in that order, for there were readers who saw it.
    """
    now = datetime.now(UTC)
    post = await session.scalar(queries.due(now).order_by(Post.published_at).limit(1).with_for_update())
    if post is not None:
        _record(session, "post.went_live", post, {"status": Status.PUBLISHED}, Shown(post.kind, None, post.slug))
        post.status = Status.PUBLISHED
        await session.flush()
        return post
    post = await session.scalar(queries.expired(now).order_by(Post.expires_at).limit(1).with_for_update())
    if post is not None:
        await _expire(session, post)
    return post


async def _expire(session: AsyncSession, post: Post) -> None:
    """The row holds what the newest revision does, as that of any post that readers do not see."""
    after = {"status": Status.UNPUBLISHED, "live_version": None}
    _record(session, "post.expired", post, after, Shown(post.kind, post.slug, None))
    await addresses.note(session, post)
    content = None if post.shows_newest else await service.newest_content(session, post)
    post.status, post.live_version = Status.UNPUBLISHED, None
    if content is not None:
        others = select(Post.id).where(Post.slug == content.slug, Post.id != post.id, *service.rivals(post.kind))
        if await session.scalar(others) is not None:  # until somebody gives it another one, it keeps that it had
            content = content.model_copy(update={"slug": post.slug})
        await service.show(session, post, content)
    await session.flush()


def _record(session: AsyncSession, type: str, post: Post, after: Mapping[str, str | None], shown: Shown) -> None:
    changes = {name: {"before": getattr(post, name), "after": value} for name, value in after.items()}
    events.record(session, type, post, changes, shown=shown if post.visibility == Visibility.PUBLIC else None)
