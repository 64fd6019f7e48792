"""The addresses that readers know a post by, and where these lead when it has another one.

What readers see is a matter of time, so it is noted before anything changes that, by whoever changes it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from byline.posts.models import Post, path_of
from byline.redirects import service as redirects


async def note(session: AsyncSession, post: Post) -> None:
    """Before readers lose sight of the post, or see it elsewhere: they know it by its slug, if they have seen it."""
    if is_seen(post) and post.seen_slug != post.slug:
        await take(session, [post])


async def lead(session: AsyncSession, post: Post) -> None:
    """Once readers see the post, or will from a later time on: where they knew it leads to where it is."""
    if post.seen_slug is not None:
        await redirects.move(session, post.id, path_of(post.kind, post.seen_slug), post.path)
    if is_seen(post):
        await take(session, [post])


async def close(session: AsyncSession, post: Post) -> None:
    """Before it is deleted for good."""
    path = None if post.seen_slug is None else path_of(post.kind, post.seen_slug)
    await redirects.close(session, post.id, path)


def is_seen(post: Post) -> bool:
    return post.is_live and post.published_at is not None and post.published_at <= datetime.now(UTC)


async def take(session: AsyncSession, posts: Sequence[Post]) -> None:
    """Each address is that post's, whatever led away from it, and whichever post had it before."""
    for post in posts:
        post.seen_slug = post.slug
    had = tuple_(Post.kind, Post.seen_slug).in_([(post.kind, post.slug) for post in posts])
    others = update(Post).where(had, Post.id.not_in([post.id for post in posts]))
    await session.execute(others.values(seen_slug=None))
    await redirects.take(session, *(post.path for post in posts))
