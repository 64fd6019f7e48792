"""Many new posts at once, by as few statements as one.

What readers have elsewhere was never a draft here: of each there is one revision and one event, that of publishing it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.markdown import Rendered
from byline.posts import addresses, publishing, service
from byline.posts.models import Post, PostAuthor, PostTag, Revision, Status
from byline.posts.schemas import PostContent, PostPublish


@dataclass(frozen=True, slots=True)
class Brought:
    """A post that is there already, elsewhere. Its tags, authors and series are in the database, its slug is free."""

    id: UUID
    kind: str
    content: PostContent
    rendered: Rendered
    """Of its Markdown."""
    wish: PostPublish | None
    """None for a draft."""
    updated_at: datetime | None
    message: str


async def bring(session: AsyncSession, brought: Sequence[Brought]) -> list[Post]:
    """The posts, in order."""
    now = datetime.now(UTC)
    posts: list[Post] = []
    revisions: list[Revision] = []
    for one in brought:
        post = Post(id=one.id, kind=one.kind, status=Status.DRAFT, version=1, edited_at=now)
        service.fill(post, one.content, one.rendered)
        post.series_id = one.content.series
        event = "post.created"
        if one.wish is not None:
            publishing.go_live(post, one.wish, UTC, now)
            post.updated_at = one.updated_at or post.updated_at
            event = f"post.{post.status}"
        revisions.append(service.note(session, event, post, {}, one.content, caller=None, message=one.message))
        posts.append(post)
    await addresses.take(session, [post for post in posts if addresses.is_seen(post)])
    session.add_all(posts)
    await session.flush()
    session.add_all(revisions)
    authors = [row for one in brought for row in _relations(one.id, "author_id", one.content.authors)]
    tags = [row for one in brought for row in _relations(one.id, "tag_id", one.content.tags)]
    for model, rows in ((PostAuthor, authors), (PostTag, tags)):
        if rows:
            await session.execute(insert(model), rows)
    await session.flush()
    for post in posts:
        await publishing.announce_later(session, post)
    return posts


def _relations(post_id: UUID, name: str, ids: Sequence[UUID]) -> Iterator[dict[str, Any]]:
    return ({"post_id": post_id, name: other, "position": place} for place, other in enumerate(ids, 1))
