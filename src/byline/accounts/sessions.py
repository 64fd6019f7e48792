"""Sessions: opaque tokens that end when they are left alone, when their time is up, or when somebody ends them.

Each request asks the database, so what is revoked here is a 401 from the next request on, whichever process answers.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import queries
from byline.accounts.caller import ROLES, Caller, Role, Scope, carried
from byline.accounts.models import Session, User
from byline.core import events
from byline.core.crypto import hash_token
from byline.core.errors import Invalid, NotFound, Unauthenticated

PREFIX = "bys_"


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    title = "This token is unknown, was revoked, or has run out"
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # noqa: RUF012


class SessionNotFound(NotFound):
    code = "session_not_found"
    title = "There is no such session"


class UnknownScope(Invalid):
    code = "unknown_scope"
    title = "There is no such scope"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a sign-in comes from, as far as that can be told."""

    device: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Lifetime:
    absolute: timedelta
    idle: timedelta


async def start(
    session: AsyncSession, user: User, client: Client, lifetime: Lifetime, *, scopes: Iterable[str] = ()
) -> tuple[str, Session]:
    """The token and its session; without `scopes` it carries all that the role has. Raises UnknownScope."""
    try:
        asked = {Scope(scope) for scope in scopes}
    except ValueError as error:
        raise UnknownScope(str(error), pointer="/scope") from error
    now = datetime.now(UTC)
    of_role = ROLES[Role(user.role)].scopes
    token = PREFIX + secrets.token_urlsafe(32)
    started = Session(
        user_id=user.id,
        token_hash=hash_token(token),
        scopes=sorted(asked & of_role if asked else of_role),
        expires_at=now + lifetime.absolute,
        last_used_at=now,
        authenticated_at=now,
        device=client.device and client.device[:300],
        address=client.address,
    )
    session.add(started)
    await session.execute(delete(Session).where(Session.user_id == user.id, queries.ended(now, lifetime.idle)))
    await session.flush()
    session.info["actor"] = events.Actor(user_id=user.id, session_id=started.id, address=client.address)
    events.record(session, "session.started", started, events.created(started, "device", "expires_at"))
    return token, started


async def authenticate(session: AsyncSession, token: str, lifetime: Lifetime) -> Caller:
    """Raises InvalidToken."""
    now = datetime.now(UTC)
    found = await session.scalar(queries.live_session(hash_token(token), now, lifetime.idle))
    if found is None:
        raise InvalidToken()
    if (noted := queries.note_use(found, now)) is not None:
        await session.execute(noted)
    role = Role(found.user.role)
    return Caller(
        user_id=found.user_id,
        name=found.user.name,
        role=role,
        scopes=carried(found.scopes, role),
        session_id=found.id,
        authenticated_at=found.authenticated_at,
    )


async def end(session: AsyncSession, user_id: UUID, session_id: UUID | None) -> None:
    """Raises SessionNotFound, for another's session too."""
    ended = delete(Session).where(Session.id == session_id, Session.user_id == user_id).returning(Session)
    found = await session.scalar(ended)
    if found is None:
        raise SessionNotFound()
    events.record(session, "session.ended", found)


async def forget(session: AsyncSession, token: str) -> None:
    """Ends the session of a token, if it is one still."""
    found = await session.scalar(delete(Session).where(Session.token_hash == hash_token(token)).returning(Session))
    if found is not None:
        events.record(session, "session.ended", found)


async def end_all(session: AsyncSession, user: User, *, but: UUID | None = None) -> None:
    """Ends every session of the user, but for one."""
    ended = delete(Session).where(Session.user_id == user.id, Session.id != but if but else Session.id.is_not(None))
    for found in (await session.scalars(ended.returning(Session))).all():
        events.record(session, "session.ended", found)


async def rotate(session: AsyncSession, user: User, caller: Caller, lifetime: Lifetime) -> tuple[str, Session]:
    """Ends all sessions of the user, and begins one in place of the caller's own, with its scopes."""
    own = await session.get_one(Session, caller.session_id)
    client, scopes = Client(own.device, own.address), list(own.scopes)
    await end_all(session, user)
    return await start(session, user, client, lifetime, scopes=scopes)


async def confirm(session: AsyncSession, caller: Caller) -> None:
    """The caller has just proved again who they are."""
    now = datetime.now(UTC)
    await session.execute(update(Session).where(Session.id == caller.session_id).values(authenticated_at=now))


def csrf_token(session_id: UUID, secret: str) -> str:
    """What a cookie's request shows where the browser does not say where it comes from: bound to the session."""
    return hmac.new(secret.encode(), b"csrf:" + session_id.bytes, hashlib.sha256).hexdigest()
