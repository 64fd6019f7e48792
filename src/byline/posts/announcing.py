"""Telling that a schedule has come about: readers see the post by its time alone, and nothing here changes that."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from byline.core import events
from byline.core.events import Shown
from byline.posts import queries
from byline.posts.models import Post, Status


async def announce_next(session: AsyncSession) -> Post | None:
    """Records `post.went_live` for one post whose time has come; None when there is none left.

    Once for each schedule, by whatever number of workers: who is second to the row finds it `published`. It is no
    revision, and no other version: what the post is called by then was the truth before.
    """
    statement = queries.due(datetime.now(UTC)).order_by(Post.published_at).limit(1).with_for_update()
    post = await session.scalar(statement)
    if post is None:
        return None
    changes = {"status": {"before": post.status, "after": Status.PUBLISHED}}
    slug = post.listed_slug
    shown = Shown(post.kind, None, slug) if slug is not None else None
    events.record(session, "post.went_live", post, changes, shown=shown)
    post.status = Status.PUBLISHED
    await session.flush()
    return post
