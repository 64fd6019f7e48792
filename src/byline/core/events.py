"""Who did what: one append-only table, written in the transaction of the change itself.

The database refuses to change or delete a row of it (a trigger), but for a transaction that erases a person's data.

Whoever follows the events needs them in an order to which nothing is added behind. Neither ids nor a sequence give
one, for transactions commit in another order than they write in. So an event gets its number once it is committed: a
trigger puts it on the log at the very end of its transaction, which is also how of two transactions that met on a row
the one that waited comes second; `number` then numbers what is there, one caller at a time. Who has seen a number has
seen all below it, for ever; a long transaction delays nothing but its own events.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import ForeignKey, Identity, Index, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from byline.core.database import Base
from byline.core.ids import request_id, uuid7

Changes = Mapping[str, Mapping[str, Any]]
"""Name of a field -> `{"before": …, "after": …}`."""

CHANNEL = "byline_events"
"""On which the database tells (NOTIFY) that events were committed."""

ERASED = "[erased]"
"""Stands for what was known of somebody who was erased."""

_SECRET = re.compile(r"password|secret|token|hash|code|public_key")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in a transaction, as `session.info["actor"]`: a user, by a session or a key; else Byline itself."""

    user_id: UUID | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What an event changes for readers: the slug under which their lists had something, and have it after. None where
    they do not; of the same slug, what it stands for is another now.
    """

    kind: str
    before: str | None
    after: str | None


class Event(Base):
    """Something that happened to a subject. The ids refer to rows that may be gone, so they are no foreign keys."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_subject_id", "subject_id", "id"),
        Index("ix_events_actor_id", "actor_id", "id"),
        Index("ix_events_type", "type", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    type: Mapped[str]
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    subject_type: Mapped[str]
    subject_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    changes: Mapped[dict[str, Any]]
    shown: Mapped[dict[str, Any] | None]


class EventLog(Base):
    """The events in order. A trigger adds each as its transaction commits; `sequence` has no gaps and never changes."""

    __tablename__ = "event_log"
    __table_args__ = (
        Index("ix_event_log_waiting", "place", postgresql_where=text("sequence is null")),
        Index("ix_event_log_public", "sequence", postgresql_where=text("is_public")),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey(Event.id, ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(Identity(always=True))  # drawn at the end of the transaction
    sequence: Mapped[int | None] = mapped_column(unique=True)
    is_public: Mapped[bool]

    event: Mapped[Event] = relationship(lazy="raise")


_NUMBER = text("""
    update event_log set sequence = waiting.sequence
    from (
        select id, (select coalesce(max(sequence), 0) from event_log) + row_number() over (order by place) as sequence
        from event_log where sequence is null
    ) as waiting
    where event_log.id = waiting.id
""")


async def number(session: AsyncSession) -> None:
    """Numbers the events that are committed and have no number yet: to be called before the log is read."""
    if await session.scalar(select(exists().where(EventLog.sequence.is_(None)))):
        await session.execute(text("select pg_advisory_xact_lock(hashtext('byline:events'))"))
        await session.execute(_NUMBER)  # a statement of its own, so that it sees what the holder before has numbered


class Subject(Protocol):
    @property
    def id(self) -> UUID: ...


class Named(Subject, Protocol):
    @property
    def slug(self) -> str: ...


def shown(kind: str, subject: Named, changes: Changes) -> Shown:
    """For what readers see from its first day to its last."""
    slug = changes.get("slug", {"before": subject.slug, "after": subject.slug})
    return Shown(kind, slug["before"], slug["after"])


def record(
    session: AsyncSession,
    type: str,
    subject: Subject | None,
    changes: Changes | None = None,
    *,
    shown: Shown | None = None,
) -> None:
    """Adds that `type`, such as `post.published`, happened to the subject; nothing, where `changes` are empty.

    Secrets among the changes are left out. With `shown`, it is one of the changes that readers are told of.
    """
    if changes is not None and not changes:
        return
    actor: Actor = session.info.get("actor", Actor())
    session.add(
        Event(
            type=type,
            subject_type=type.partition(".")[0],
            subject_id=subject.id if subject is not None else None,
            actor_id=actor.user_id,
            session_id=actor.session_id,
            api_key_id=actor.api_key_id,
            address=actor.address,
            request_id=request_id.get() or None,
            changes={name: _redacted(name, change) for name, change in (changes or {}).items()},
            shown=asdict(shown) if shown is not None else None,
        )
    )


def created(row: object, *names: str) -> Changes:
    """The named columns of a new row, as changes from nothing."""
    return {name: {"before": None, "after": getattr(row, name)} for name in names}


def deleted(row: object, *names: str) -> Changes:
    """The named columns of a row that goes, as changes to nothing."""
    return {name: {"before": getattr(row, name), "after": None} for name in names}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """What `after` has otherwise than `before`."""
    return {
        name: {"before": before.get(name), "after": value} for name, value in after.items() if before.get(name) != value
    }


def _redacted(name: str, change: Mapping[str, Any]) -> dict[str, Any]:
    if _SECRET.search(name):
        return {key: None if value is None else "[redacted]" for key, value in change.items()}
    result: dict[str, Any] = to_jsonable_python(dict(change))
    return result
