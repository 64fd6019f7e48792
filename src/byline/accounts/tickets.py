"""Signed tokens that are good once, for one purpose and a while: links in mails, challenges to a browser.

A token is the id of a `Ticket` and an HMAC-SHA256 of purpose and id with the secret key: the database alone, or the
secret key alone, opens nothing.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.models import Ticket
from byline.core.errors import BadRequest

_SIGNATURE = 32  # bytes


class InvalidTicket(BadRequest):
    code = "invalid_ticket"
    title = "This link or token is not valid, was used already, or has run out"


class Purpose(StrEnum):
    INVITATION = "invitation"
    PASSWORD_RESET_WISH = "password_reset_wish"  # of whoever, known or not; for no token
    PASSWORD_RESET = "password_reset"
    EMAIL_CHANGE = "email_change"
    EMAIL_CHANGE_NOTICE = "email_change_notice"  # that is to be sent; for no token
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_SIGN_IN = "passkey_sign_in"
    OIDC_SIGN_IN = "oidc_sign_in"


async def issue(
    session: AsyncSession,
    purpose: Purpose,
    *,
    secret: str,
    lifetime: timedelta,
    user_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> tuple[str, Ticket]:
    """The token and what it stands for."""
    ticket = await create(session, purpose, lifetime=lifetime, user_id=user_id, data=data)
    return token_of(ticket, secret), ticket


async def create(
    session: AsyncSession,
    purpose: Purpose,
    *,
    lifetime: timedelta,
    user_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> Ticket:
    """What a token will stand for; what has run out meanwhile is swept away."""
    now = datetime.now(UTC)
    ticket = Ticket(purpose=purpose, user_id=user_id, data=data or {}, expires_at=now + lifetime)
    session.add(ticket)
    await session.execute(delete(Ticket).where(Ticket.expires_at < now))
    await session.flush()
    return ticket


def token_of(ticket: Ticket, secret: str) -> str:
    raw = ticket.id.bytes + _sign(ticket.id, ticket.purpose, secret)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


async def redeem(session: AsyncSession, purpose: Purpose, token: str, *, secret: str) -> Ticket:
    """What the token stands for, which is then used up. Raises InvalidTicket."""
    ticket = await take(session, purpose, _id_of(token, purpose, secret))
    if ticket is None:
        raise InvalidTicket()
    return ticket


async def find(session: AsyncSession, purpose: Purpose, ticket_id: UUID) -> Ticket | None:
    """None where it was used up, withdrawn, or has run out."""
    good = Ticket.id == ticket_id, Ticket.purpose == purpose, Ticket.expires_at > datetime.now(UTC)
    return await session.scalar(select(Ticket).where(*good))


async def take(session: AsyncSession, purpose: Purpose, ticket_id: UUID) -> Ticket | None:
    """Uses it up. None where it was used up before, withdrawn, or has run out."""
    used = delete(Ticket).where(Ticket.id == ticket_id, Ticket.purpose == purpose).returning(Ticket)
    ticket = await session.scalar(used)
    return ticket if ticket is not None and ticket.expires_at > datetime.now(UTC) else None


async def withdraw(session: AsyncSession, purpose: Purpose, user_id: UUID) -> None:
    """Nothing that was issued to the user for this purpose is good any more."""
    await session.execute(delete(Ticket).where(Ticket.purpose == purpose, Ticket.user_id == user_id))


def _id_of(token: str, purpose: str, secret: str) -> UUID:
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (NotBase64, UnicodeEncodeError) as error:
        raise InvalidTicket() from error
    if len(raw) != 16 + _SIGNATURE:
        raise InvalidTicket()
    ticket_id = UUID(bytes=raw[:16])
    if not hmac.compare_digest(raw[16:], _sign(ticket_id, purpose, secret)):
        raise InvalidTicket()
    return ticket_id


def _sign(ticket_id: UUID, purpose: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"ticket:" + purpose.encode() + b":" + ticket_id.bytes, sha256)
