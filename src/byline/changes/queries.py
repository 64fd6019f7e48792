from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager

from byline.authors.models import Author
from byline.changes.schemas import EventQuery, Kind
from byline.core.events import Event, EventLog
from byline.core.pagination import Sorts
from byline.posts import queries as posts
from byline.posts.models import Kind as PostKind
from byline.posts.models import Post
from byline.series.models import Series
from byline.tags.models import Tag

SORTS: Sorts = {"sequence": EventLog.sequence}

_TABLES: dict[Kind, type[Author] | type[Tag] | type[Series] | type[Post]] = {
    Kind.AUTHOR: Author,
    Kind.TAG: Tag,
    Kind.SERIES: Series,
    Kind.PAGE: Post,
    Kind.POST: Post,
}


def events(query: EventQuery) -> Select[EventLog]:
    conditions = {Event.type: query.type, Event.subject_type: query.subject_type, Event.subject_id: query.subject}
    statement = select(EventLog).join(EventLog.event).options(contains_eager(EventLog.event))
    statement = statement.where(EventLog.sequence.is_not(None))
    statement = statement.where(*(column == value for column, value in conditions.items() if value is not None))
    return statement if query.after is None else statement.where(EventLog.sequence > query.after)


def newest_number() -> Select[int]:
    return select(func.coalesce(func.max(EventLog.sequence), 0))


def told(first: int) -> Select[int, UUID, datetime, dict[str, Any]]:
    """The events that readers are told of, from this number on: it, the subject, when, and what they see."""
    statement = select(EventLog.sequence, Event.subject_id, Event.occurred_at, Event.shown).join(EventLog.event)
    return statement.where(EventLog.is_public, EventLog.sequence >= first).order_by(EventLog.sequence)


def there(kind: Kind, after: UUID | None, now: datetime) -> Select[UUID, str, datetime]:
    """Id, slug and time of change of what readers' lists show at this moment, by id."""
    table = _TABLES[kind]
    statement = posts.listed(PostKind(kind), now) if table is Post else select(table)
    columns = statement.with_only_columns(table.id, table.slug, table.updated_at).order_by(table.id)
    return columns if after is None else columns.where(table.id > after)
