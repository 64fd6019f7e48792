from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Select, func, select, tuple_, type_coerce

from byline.core.events import Event, EventLog
from byline.posts.models import Post, Revision


def newest_number() -> Select[int]:
    return select(func.coalesce(func.max(EventLog.sequence), 0))


def public_events(after: int) -> Select[int | None, Event]:
    """What readers are told of, after this number, in order."""
    statement = select(EventLog.sequence, Event).join(EventLog.event)
    return statement.where(EventLog.is_public, EventLog.sequence > after).order_by(EventLog.sequence)


def live_versions(post_ids: Iterable[UUID]) -> Select[UUID, int | None]:
    return select(Post.id, Post.live_version).where(Post.id.in_(post_ids), Post.live_version.is_not(None))


def findable_by(revisions: Iterable[tuple[UUID, int]]) -> Select[Any]:
    """What feeds find these revisions by: the ids of their tags, authors and series, and their language."""
    content = Revision.content
    names = ("tags", "authors", "series", "language")
    columns = [type_coerce(content[name], JSON).label(name) for name in names]
    return select(*columns).where(tuple_(Revision.post_id, Revision.number).in_(list(revisions)))
