"""Where somebody is in the audit log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.models import User
from byline.core.events import Event
from byline.privacy import queries


@dataclass(frozen=True, slots=True)
class Traces:
    """`ids` are those of the user and of what is or was their own, `emails` the addresses that they have and had."""

    user_id: UUID
    ids: frozenset[UUID]
    emails: frozenset[str]

    def events(self) -> Select[Event]:
        """What happened to them and theirs, and what names them among its changes.

        What happened to other users is left out: who has an address now is not who had it before.
        """
        changes = func.lower(cast(Event.changes, Text))
        words = (str(self.user_id), *map(_in_json, self.emails))
        named = or_(*(func.strpos(changes, func.lower(word)) > 0 for word in words))
        return select(Event).where(or_(Event.subject_id.in_(self.ids), (Event.subject_type != "user") & named))

    def have_email_in(self, change: Mapping[str, Any]) -> bool:
        text = json.dumps(change, ensure_ascii=False).lower()
        return any(_in_json(email).lower() in text for email in self.emails)


async def find(session: AsyncSession, user: User, *ids: UUID) -> Traces:
    """Those of the user, and of what else has these ids."""
    own = [row_id for row_id in await session.scalars(queries.belongings(user.id)) if row_id is not None]
    # What was only asked for may be another's.
    had = select(Event).where(Event.subject_id == user.id, Event.type.in_(["user.created", "user.email_changed"]))
    changes = [event.changes.get("email", {}) for event in await session.scalars(had)]
    emails = {user.email, *(value for change in changes for value in change.values() if value is not None)}
    return Traces(user.id, frozenset({user.id, *own, *ids}), frozenset(emails))


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
