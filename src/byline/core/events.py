"""Who did what: one append-only table, written in the transaction of the change itself.

The database refuses to change or delete a row of it (a trigger), but for a transaction that erases a person's data.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Index, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base
from byline.core.ids import request_id, uuid7

Changes = Mapping[str, Mapping[str, Any]]
"""Name of a field -> `{"before": …, "after": …}`."""

_SECRET = re.compile(r"password|secret|token|hash|code|public_key")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in a transaction, as `session.info["actor"]`: a user, by a session or a key; else Byline itself."""

    user_id: UUID | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    address: str | None = None


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


class Subject(Protocol):
    @property
    def id(self) -> UUID: ...


def record(session: AsyncSession, type: str, subject: Subject | None, changes: Changes | None = None) -> None:
    """Adds that `type`, such as `post.published`, happened to the subject; nothing, where `changes` are empty.

    Secrets among the changes are left out.
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
