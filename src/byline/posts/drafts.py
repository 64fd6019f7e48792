"""What the desk sees of a post: its newest revision, or what readers see, with all that it refers to."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from byline.authors.models import Author
from byline.authors.schemas import AuthorRef
from byline.core.errors import NotFound
from byline.core.markdown import Rendered, render
from byline.core.schemas import public_address
from byline.posts.merging import same_json
from byline.posts.models import Post, Revision, Status, path_of
from byline.posts.queries import revision
from byline.posts.schemas import PostContent, PostDraft, ReviewOut, SeriesPlace, TocEntry
from byline.posts.service import newest_content
from byline.series.models import Series
from byline.tags.models import Tag
from byline.tags.schemas import TagRef

R = TypeVar("R", Tag, Author)


class NotLive(NotFound):
    code = "post_not_live"
    title = "Readers do not see this post"


async def read(session: AsyncSession, post: Post, *, site_url: str) -> PostDraft:
    content = await newest_content(session, post)
    return await _draft(session, post, content, is_row=post.shows_newest, site_url=site_url)


async def read_live(session: AsyncSession, post: Post, *, site_url: str) -> PostDraft:
    """What readers see now. Raises NotLive."""
    if post.live_version is None or post.current_status != Status.PUBLISHED:
        raise NotLive()
    live = (await session.scalars(revision(post.id, post.live_version))).one()
    content = PostContent.model_validate(live.content)
    draft = await _draft(session, post, content, is_row=True, site_url=site_url)
    return draft.model_copy(update={"updated_at": post.updated_at})


async def _draft(session: AsyncSession, post: Post, content: PostContent, *, is_row: bool, site_url: str) -> PostDraft:
    written = content.model_dump(exclude={"tags", "authors", "series", "series_position", "cover"})
    return PostDraft(
        **written,
        **await _derived(post, content, is_row=is_row),
        **await _related(session, content),
        id=post.id,
        kind=post.kind,
        status=post.current_status,
        url=public_address(path_of(post.kind, content.slug), site_url),
        cover=content.cover,
        version=post.version,
        live_version=post.current_live_version,
        review=await _review(session, post),
        published_at=post.published_at,
        expires_at=post.expires_at,
        created_at=post.created_at,
        updated_at=post.edited_at,
    )


async def _review(session: AsyncSession, post: Post) -> ReviewOut | None:
    """Who reviewed it, when, and what they said, is what its revision says."""
    if post.review is None or post.review_version is None:
        return None
    given = revision(post.id, post.review_version).options(joinedload(Revision.author))
    reviewed = (await session.scalars(given)).one()
    return ReviewOut.model_validate(
        {**post.review, "by": reviewed.author, "at": reviewed.created_at, "message": reviewed.message}
    )


async def as_read(session: AsyncSession, content: PostContent) -> dict[str, Any]:
    """What readers get of a revision that is not on the row: all that is derived from it, or that it refers to."""
    rendered = await asyncio.to_thread(render, content.markdown)
    excerpt = content.excerpt or rendered.excerpt
    return {**_of_markdown(rendered), **await _related(session, content), "excerpt": excerpt}


async def _related(session: AsyncSession, content: PostContent) -> dict[str, Any]:
    """The tags, the authors and the series that a revision names, as answers show them."""
    return {
        "tags": [TagRef.model_validate(tag) for tag in await _in_order(session, Tag, content.tags)],
        "authors": [AuthorRef.model_validate(author) for author in await _in_order(session, Author, content.authors)],
        "series": await _place(session, content),
    }


async def changes_since(session: AsyncSession, post: Post, version: int) -> dict[str, dict[str, Any]] | None:
    """By field, what revision `version` held and what the newest does, as JSON; None where that one is not there."""
    then = await session.scalar(revision(post.id, version))
    if then is None:
        return None
    now = (await newest_content(session, post)).model_dump(mode="json")
    before = PostContent.model_validate(then.content).model_dump(mode="json")
    return {
        name: {"base": before[name], "current": value}
        for name, value in now.items()
        if not same_json(before[name], value)
    }


async def _derived(post: Post, content: PostContent, *, is_row: bool) -> dict[str, Any]:
    """From the row where it shows this content; else rendered for this once."""
    if is_row:
        toc = [TocEntry.model_validate(entry) for entry in post.toc]
        return {"html": post.html, "toc": toc, "word_count": post.word_count, "reading_minutes": post.reading_minutes}
    return _of_markdown(await asyncio.to_thread(render, content.markdown))


def _of_markdown(rendered: Rendered) -> dict[str, Any]:
    return {
        "html": rendered.html,
        "toc": [TocEntry.model_validate(heading) for heading in rendered.toc],
        "word_count": rendered.word_count,
        "reading_minutes": rendered.reading_minutes,
    }


async def _in_order(session: AsyncSession, model: type[R], ids: Sequence[UUID]) -> list[R]:
    """The rows that are still there, in the order of their ids."""
    if not ids:
        return []
    found = {row.id: row for row in await session.scalars(select(model).where(model.id.in_(ids)))}
    return [found[row_id] for row_id in ids if row_id in found]


async def _place(session: AsyncSession, content: PostContent) -> SeriesPlace | None:
    series = await session.get(Series, content.series) if content.series is not None else None
    if series is None:
        return None
    return SeriesPlace(id=series.id, slug=series.slug, title=series.title, position=content.series_position)
