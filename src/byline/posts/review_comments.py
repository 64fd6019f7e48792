"""What is said of a passage: pinned to a heading and a quote, so that it finds its place in later revisions too."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller
from byline.core import events
from byline.core.errors import Invalid, NotFound
from byline.core.markdown import Rendered, render, section
from byline.posts import service
from byline.posts.models import Post, ReviewComment
from byline.posts.queries import revision
from byline.posts.review_schemas import NewReviewComment, ReviewCommentCreate, ReviewCommentOut
from byline.posts.schemas import PostContent


class CommentNotFound(NotFound):
    code = "review_comment_not_found"
    title = "There is no such comment"


class NotInRevision(Invalid):
    code = "not_in_revision"
    title = "The revision has no such heading, or does not have the quote there"


class Passages:
    """The places of one revision."""

    def __init__(self, content: PostContent, rendered: Rendered) -> None:
        self._html = rendered.html
        around = (content.title, content.subtitle, content.excerpt)
        self._all = _plain("\n".join([*(text for text in around if text), rendered.text]))

    @classmethod
    async def of(cls, content: PostContent) -> "Passages":
        return cls(content, await asyncio.to_thread(render, content.markdown))

    def lacks(self, heading: str | None, quote: str | None) -> str | None:
        """`heading` or `quote`: which of both is not there; None where both are."""
        under = self._all if heading is None else section(self._html, heading)
        if under is None:
            return "heading"
        return "quote" if quote is not None and _plain(quote) not in _plain(under) else None


def _plain(text: str) -> str:
    return " ".join(text.split())


async def add(
    session: AsyncSession,
    post: Post,
    number: int,
    new: Sequence[ReviewCommentCreate],
    *,
    caller: Caller,
    within: str = "",
) -> Sequence[ReviewComment]:
    """Comments on that revision; `within` leads to the list in what the client sent. Raises NotInRevision,
    RevisionNotFound.
    """
    if not new:
        return []
    commented = await session.scalar(revision(post.id, number))
    if commented is None:
        raise service.RevisionNotFound()
    passages = await Passages.of(PostContent.model_validate(commented.content))
    comments = []
    for position, comment in enumerate(new):
        missing = passages.lacks(comment.heading, comment.quote)
        if missing is not None:
            pointer = f"{within}/{position}/{missing}" if within else f"/{missing}"
            raise NotInRevision(f"revision {number} has no such {missing}", pointer=pointer)
        said = comment.model_dump(include={"heading", "quote", "text"})
        comments.append(ReviewComment(post_id=post.id, revision=number, created_by=caller.user_id, **said))
    session.add_all(comments)
    await session.flush()
    for made in comments:
        events.record(session, "review_comment.created", made, events.created(made, "post_id", "revision", "heading"))
    return comments


async def create(session: AsyncSession, post: Post, new: NewReviewComment, *, caller: Caller) -> ReviewComment:
    """Raises NotInRevision, RevisionNotFound."""
    [comment] = await add(session, post, new.revision or post.version, [new], caller=caller)
    await session.refresh(comment, ["author", "resolver", "created_at"])
    return comment


async def resolve(session: AsyncSession, comment: ReviewComment, resolved: bool, *, caller: Caller) -> None:
    """Settles it, or opens it again. To do so twice changes nothing."""
    if resolved == (comment.resolved_at is not None):
        return
    before = comment.resolved_at
    comment.resolved_at = datetime.now(UTC) if resolved else None
    comment.resolved_by = caller.user_id if resolved else None
    changes = {"resolved_at": {"before": before, "after": comment.resolved_at}}
    events.record(session, "review_comment.resolved" if resolved else "review_comment.reopened", comment, changes)
    await session.flush()
    await session.refresh(comment, ["resolver"])


async def shown(session: AsyncSession, post: Post, comments: Sequence[ReviewComment]) -> list[ReviewCommentOut]:
    """With whether each still stands in the newest revision."""
    if not comments:
        return []
    passages = await Passages.of(await service.newest_content(session, post))
    return [
        ReviewCommentOut.model_validate(
            {
                **{name: getattr(comment, name) for name in ReviewCommentOut.model_fields if name != "still_stands"},
                "still_stands": passages.lacks(comment.heading, comment.quote) is None,
            }
        )
        for comment in comments
    ]
