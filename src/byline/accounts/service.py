"""Signing in and out, and making the first user."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

from pwdlib import PasswordHash
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import queries
from byline.accounts.caller import Caller, Scope
from byline.accounts.models import Session, User
from byline.core.errors import Conflict, Invalid, Unauthenticated


class WrongCredentials(Unauthenticated):
    code = "wrong_credentials"
    title = "The e-mail address or the password is wrong"


class UnknownScope(Invalid):
    code = "unknown_scope"
    title = "There is no such scope"


class EmailTaken(Conflict):
    code = "email_taken"
    title = "Another user has this e-mail address"
    constraints = ("uq_users_email",)


class UnfitEmail(Invalid):
    code = "unfit_email"
    title = "This is not an e-mail address"


class UnfitPassword(Invalid):
    code = "unfit_password"
    title = "A password has 8 to 1,000 characters"


_passwords = PasswordHash.recommended()
# Hashing takes a third of a second and 64 MiB: no more than two at once.
_hashing = asyncio.Semaphore(2)


@cache
def _nobody() -> str:
    """A hash to verify for addresses that nobody has, so that the time of the answer does not tell."""
    return _passwords.hash(secrets.token_urlsafe())


def _is_right(password: str, user: User | None) -> bool:
    # A form can carry half a surrogate pair, which UTF-8 cannot: no password has one.
    return _passwords.verify(
        password[:1000].encode(errors="replace"), user.password_hash if user is not None else _nobody()
    )


async def create_owner(session: AsyncSession, *, email: str, name: str, password: str) -> User:
    """Raises EmailTaken, UnfitEmail, UnfitPassword."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email) or len(email) > 254:
        raise UnfitEmail()
    if not 8 <= len(password) <= 1000:
        raise UnfitPassword()
    if await session.scalar(queries.user_with_email(email)) is not None:
        raise EmailTaken()
    async with _hashing:
        password_hash = await asyncio.to_thread(_passwords.hash, password)
    user = User(email=email, name=name, password_hash=password_hash)
    session.add(user)
    await session.flush()
    return user


async def sign_in(
    session: AsyncSession, *, email: str, password: str, scopes: Iterable[str], lifetime: timedelta
) -> tuple[str, Session]:
    """The token and its session; without scopes it carries all that the user has.

    Raises WrongCredentials, UnknownScope.
    """
    async with _hashing:  # before the query: what waits here holds no connection
        user = await session.scalar(queries.user_with_email(email))
        right = await asyncio.to_thread(_is_right, password, user)
    if user is None or not right:
        raise WrongCredentials()
    try:
        granted = {Scope(scope) for scope in scopes} or set(Scope)
    except ValueError as error:
        raise UnknownScope(str(error), pointer="/scope") from error
    token = secrets.token_urlsafe(32)
    signed_in = Session(
        user_id=user.id,
        token_hash=hash_token(token),
        scopes=sorted(granted),
        expires_at=datetime.now(UTC) + lifetime,
    )
    session.add(signed_in)
    await session.execute(delete(Session).where(Session.user_id == user.id, Session.expires_at < datetime.now(UTC)))
    return token, signed_in


async def sign_out(session: AsyncSession, caller: Caller) -> None:
    await session.execute(delete(Session).where(Session.id == caller.session_id))


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
