from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Select, select

from byline.accounts.models import User
from byline.audit.schemas import AuditQuery
from byline.core.events import Event
from byline.core.pagination import Sorts

SORTS: Sorts = {"occurred_at": Event.id}
"""Ids grow with time, and the indexes of the table end with them."""


def entries(query: AuditQuery) -> Select[Event]:
    conditions = {
        Event.actor_id: query.actor,
        Event.api_key_id: query.api_key,
        Event.type: query.type,
        Event.subject_type: query.subject_type,
        Event.subject_id: query.subject,
        Event.request_id: query.request_id,
    }
    statement = select(Event).where(*(column == value for column, value in conditions.items() if value is not None))
    if query.after is not None:
        statement = statement.where(Event.occurred_at > query.after)
    if query.before is not None:
        statement = statement.where(Event.occurred_at < query.before)
    return statement


def names_of(events: Iterable[Event]) -> Select[UUID, str]:
    """Who did them, as far as they are there still."""
    return select(User.id, User.name).where(User.id.in_({event.actor_id for event in events}))
