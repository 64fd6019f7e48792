"""Many new posts at once: each is created and published as if alone, by as few statements as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

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
        post = Post(id=one.id, kind=one.kind, status=Status.DRAFT, version=1)
        service.fill(post, one.content, one.rendered)
        post.series_id = one.content.series
        revisions.append(_noted(session, "post.created", post, {}, one))
        if one.wish is not None:
            before = service.standing(post, one.content)
            publishing.go_live(post, one.wish, UTC, now)
            post.updated_at = one.updated_at or post.updated_at
            revisions.append(_noted(session, f"post.{post.status}", post, before, one))
        posts.append(post)
    await addresses.take(session, [post for post in posts if addresses.is_seen(post)])
    session.add_all(posts)
    await session.flush()
    session.add_all(revisions)
    for one in brought:
        session.add_all(_relations(one))
    await session.flush()
    for post in posts:
        await publishing.announce_later(session, post)
    return posts


def _noted(session: AsyncSession, type: str, post: Post, before: dict[str, object], one: Brought) -> Revision:
    return service.note(session, type, post, before, one.content, caller=None, message=one.message)


def _relations(one: Brought) -> list[PostAuthor | PostTag]:
    return [
        *(PostAuthor(post_id=one.id, author_id=id, position=place) for place, id in enumerate(one.content.authors, 1)),
        *(PostTag(post_id=one.id, tag_id=id, position=place) for place, id in enumerate(one.content.tags, 1)),
    ]
