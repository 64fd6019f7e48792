from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Update, func, or_, select, update
from sqlalchemy.orm import joinedload

from byline.accounts.caller import Role
from byline.accounts.models import ApiKey, Session, User
from byline.accounts.schemas import ManagedApiKeyQuery, UserQuery
from byline.core.pagination import Sorts

USE_NOTED_EVERY = timedelta(minutes=1)
"""The last use of a credential is written once in that time, not with every request."""

USER_SORTS: Sorts = {"name": User.name, "email": User.email, "created_at": User.created_at}
SESSION_SORTS: Sorts = {"last_used_at": Session.last_used_at, "created_at": Session.created_at}
KEY_SORTS: Sorts = {"name": ApiKey.name, "created_at": ApiKey.created_at}


def user_with_email(email: str) -> Select[User]:
    return select(User).where(func.lower(User.email) == func.lower(email))


def owners() -> Select[User]:
    """Those who can act as one."""
    return select(User).where(User.role == Role.OWNER, User.disabled_at.is_(None))


def ended(now: datetime, idle: timedelta) -> ColumnElement[bool]:
    """Whether a session's time is up, or it was left alone too long."""
    return or_(Session.expires_at <= now, Session.last_used_at <= now - idle)


def live_session(token_hash: bytes, now: datetime, idle: timedelta) -> Select[Session]:
    """The session of a token, with its user."""
    return (
        select(Session)
        .join(Session.user)
        .where(Session.token_hash == token_hash, ~ended(now, idle), User.disabled_at.is_(None))
        .options(joinedload(Session.user))
    )


def note_use(credential: Session | ApiKey, now: datetime, **seen: Any) -> Update | None:
    """None where it was noted just now. Waits for no other request that notes it too."""
    if credential.last_used_at is not None and credential.last_used_at >= now - USE_NOTED_EVERY:
        return None
    table = type(credential)
    unlocked = select(table.id).where(table.id == credential.id).with_for_update(skip_locked=True)
    return update(table).where(table.id.in_(unlocked)).values(last_used_at=now, **seen)


def sessions_of(user_id: UUID, now: datetime, idle: timedelta) -> Select[Session]:
    return select(Session).where(Session.user_id == user_id, ~ended(now, idle))


def api_key(public_id: str) -> Select[ApiKey]:
    return select(ApiKey).where(ApiKey.public_id == public_id).options(joinedload(ApiKey.user))


def api_keys(query: ManagedApiKeyQuery) -> Select[ApiKey]:
    statement = select(ApiKey)
    return statement if query.user_id is None else statement.where(ApiKey.user_id == query.user_id)


def users(query: UserQuery) -> Select[User]:
    statement = select(User)
    if query.role is not None:
        statement = statement.where(User.role == query.role)
    if query.email is not None:
        statement = statement.where(func.lower(User.email) == func.lower(query.email))
    return statement
