"""From an event to what webhooks are told of it: the public representation as it was then."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from byline.authors.models import Author
from byline.authors.schemas import AuthorOut
from byline.core.database import Base
from byline.core.events import Event
from byline.core.schemas import public_address
from byline.posts import drafts
from byline.posts.models import Post, Status, path_of
from byline.posts.models import Revision as PostRevision
from byline.posts.queries import revision
from byline.posts.schemas import PostContent, PostOut
from byline.series.models import Series
from byline.series.schemas import SeriesOut
from byline.tags.models import Tag
from byline.tags.schemas import TagOut
from byline.webhooks import queries
from byline.webhooks.payloads import MESSAGES, Message

Standing = Mapping[str, Any]

_ROWS: dict[str, type[Base]] = {"post": Post, "author": Author, "tag": Tag, "series": Series}
_PUBLIC = {"author": {*AuthorOut.model_fields}, "tag": {*TagOut.model_fields}, "series": {*SeriesOut.model_fields}}


async def message_of(session: AsyncSession, event: Event, *, site_url: str) -> Message | None:
    """None where readers see nothing of it."""
    if event.subject_type not in _ROWS or event.subject_id is None:
        return None
    after = await _standing(session, event)
    before = _undone(after, event)
    if event.subject_type == "post":
        type = _type_of(before, after)
        data = await _post(session, event.subject_id, type, before, after, site_url) if type is not None else None
    else:
        type = event.type
        if type.endswith(".updated") and not event.changes.keys() & _PUBLIC[event.subject_type]:
            return None
        shown = before if type.endswith(".deleted") else after
        slug = shown.get("slug")
        path = None if slug is None else public_address(path_of(event.subject_type, slug), site_url)
        data = {**shown, "id": event.subject_id, "slug": slug, "path": path}
    if type not in MESSAGES or data is None:
        return None
    try:
        return MESSAGES[type].model_validate({"type": type, "timestamp": event.occurred_at, "data": data})
    except ValidationError:
        return None  # blotted out, or gone without a trace, since: a later event tells what readers see now


async def _standing(session: AsyncSession, event: Event) -> Standing:
    """The columns of the subject after the event: as they are now, with what happened later undone."""
    row = await session.get(_ROWS[event.subject_type], event.subject_id, populate_existing=True)
    standing: Standing = {} if row is None else {name: getattr(row, name) for name in _columns(row)}
    for done in await session.scalars(queries.later(event)):
        standing = _undone(standing, done)
    return standing


def _columns(row: Base) -> Sequence[str]:
    return [attribute.key for attribute in inspect(row).mapper.column_attrs]


def _undone(standing: Standing, event: Event) -> Standing:
    return {**standing, **{name: change.get("before") for name, change in event.changes.items()}}


def _type_of(before: Standing, after: Standing) -> str | None:
    """What has changed for readers. What is scheduled counts from when that is announced, by its new status."""
    was, is_ = _is_seen(before), _is_seen(after)
    if is_ and not was:
        return "post.published"
    if is_ and before.get("live_version") != after.get("live_version"):
        return "post.updated"
    if was and not is_:
        return "post.unpublished" if after.get("deleted_at") is None else "post.trashed"
    return None


def _is_seen(standing: Standing) -> bool:
    return standing.get("status") == Status.PUBLISHED and standing.get("deleted_at") is None


async def _post(
    session: AsyncSession, post_id: UUID, type: str, before: Standing, after: Standing, site_url: str
) -> dict[str, Any] | PostOut | None:
    seen = after if _is_seen(after) else before
    shown = await session.scalar(revision(post_id, seen.get("live_version") or 0))
    if shown is None:
        return None
    content = PostContent.model_validate(shown.content)
    url = public_address(path_of(seen["kind"], content.slug), site_url)
    if seen is before:
        return {"id": post_id, "kind": seen["kind"], "slug": content.slug, "path": url}
    return await _as_read(session, shown, content, seen, url)


async def _as_read(
    session: AsyncSession, shown: PostRevision, content: PostContent, standing: Standing, url: str
) -> PostOut:
    read = await drafts.as_read(session, content)
    written = content.model_dump(exclude={"tags", "authors", "series", "excerpt", "cover"})
    return PostOut.model_validate(
        {
            **written,
            "id": shown.post_id,
            "kind": standing["kind"],
            "path": url,
            "cover": content.cover,
            "place_in_series": read.pop("series"),
            **read,
            "published_at": standing["published_at"],
            "updated_at": shown.created_at,
        }
    )
