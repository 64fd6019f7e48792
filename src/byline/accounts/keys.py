"""API keys, for services: `byl_`, 12 characters that name the key, 32 of a secret, and 6 of a checksum.

The checksum is the CRC-32 of all before it, in base 62: a typing error is told without asking the database, and secret
scanners can tell a key from what only looks like one. The secret is random, so its SHA-256 is enough.
"""

import hmac
import ipaddress
import re
import secrets
import string
import zlib
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import queries
from byline.accounts.caller import Caller, Role, carried
from byline.accounts.models import ApiKey
from byline.accounts.schemas import ApiKeyCreate
from byline.core import events
from byline.core.crypto import hash_token
from byline.core.errors import Conflict, Forbidden, NotFound, Unauthenticated

PREFIX = "byl_"
PATTERN = re.compile(r"byl_[0-9A-Za-z]{50}")
"""Of a whole key: what a secret scanner looks for."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_INVALID = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class MalformedApiKey(Unauthenticated):
    code = "malformed_api_key"
    title = "This is no API key: its checksum is wrong, so look for a typing error"
    headers = _INVALID


class UnknownApiKey(Unauthenticated):
    code = "unknown_api_key"
    title = "There is no such API key"
    headers = _INVALID


class RevokedApiKey(Unauthenticated):
    code = "revoked_api_key"
    title = "This API key was revoked"
    headers = _INVALID


class ExpiredApiKey(Unauthenticated):
    code = "expired_api_key"
    title = "This API key has run out"
    headers = _INVALID


class NetworkNotAllowed(Forbidden):
    code = "network_not_allowed"
    title = "This API key may not be used from this address"


class ScopeNotHeld(Forbidden):
    code = "scope_not_held"
    title = "A key cannot carry a scope that you do not have"


class ApiKeyNotFound(NotFound):
    code = "api_key_not_found"
    title = "There is no such API key"


class NotYourApiKey(Forbidden):
    code = "not_your_api_key"
    title = "Only who made a key can see its successor: revoke it, and make one of your own"


class ApiKeyEnded(Conflict):
    code = "api_key_ended"
    title = "This API key was revoked or has run out: make a new one"


async def create(session: AsyncSession, new: ApiKeyCreate, caller: Caller) -> tuple[str, ApiKey]:
    """The whole key, which is known only now, and its row. Raises ScopeNotHeld."""
    missing = sorted(set(new.scopes) - caller.scopes)
    if missing:
        raise ScopeNotHeld(f"not yours: {' '.join(missing)}", missing_scopes=missing)
    return await _make(
        session,
        ApiKey(
            user_id=caller.user_id,
            name=new.name,
            scopes=sorted(new.scopes),
            networks=list(new.networks),
            expires_at=new.expires_at,
        ),
    )


async def rotate(session: AsyncSession, key: ApiKey, overlap: timedelta, caller: Caller) -> tuple[str, ApiKey]:
    """A new key like this one, which is good for the overlap still. Raises NotYourApiKey, ApiKeyEnded."""
    if key.user_id != caller.user_id:
        raise NotYourApiKey()
    now = datetime.now(UTC)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise ApiKeyEnded()
    successor = ApiKey(
        user_id=key.user_id, name=key.name, scopes=key.scopes, networks=key.networks, expires_at=key.expires_at
    )
    ends_at = min(now + overlap, key.expires_at or now + overlap)
    changes = {"expires_at": {"before": key.expires_at, "after": ends_at}}
    key.expires_at = ends_at
    events.record(session, "api_key.rotated", key, changes)
    return await _make(session, successor)


async def revoke(session: AsyncSession, key: ApiKey) -> None:
    if key.revoked_at is None:
        key.revoked_at = datetime.now(UTC)
        events.record(session, "api_key.revoked", key)
        await session.flush()


async def authenticate(session: AsyncSession, token: str, address: str | None) -> Caller:
    """Raises MalformedApiKey (without asking the database), UnknownApiKey, RevokedApiKey, ExpiredApiKey,
    NetworkNotAllowed."""
    if not is_well_formed(token):
        raise MalformedApiKey()
    now = datetime.now(UTC)
    key = await session.scalar(queries.api_key(token[4:16]))
    if key is None or not hmac.compare_digest(key.secret_hash, hash_token(token)) or key.user.is_disabled:
        raise UnknownApiKey()
    if key.revoked_at is not None:
        raise RevokedApiKey()
    if key.expires_at is not None and key.expires_at <= now:
        raise ExpiredApiKey()
    if not is_within(address, key.networks):
        raise NetworkNotAllowed()
    if (noted := queries.note_use(key, now, last_used_address=address)) is not None:
        await session.execute(noted)
    role = Role(key.user.role)
    return Caller(
        user_id=key.user_id,
        name=key.name,
        role=role,
        scopes=carried(key.scopes, role),
        api_key_id=key.id,
    )


def is_well_formed(token: str) -> bool:
    """Whether it has the shape of a key, and the right checksum."""
    return PATTERN.fullmatch(token) is not None and token[-6:] == _checksum(token[:-6])


def is_within(address: str | None, networks: list[str]) -> bool:
    """Whether the address lies in one of the networks; without networks every address does."""
    if not networks:
        return True
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in ipaddress.ip_network(network) for network in networks)


async def _make(session: AsyncSession, key: ApiKey) -> tuple[str, ApiKey]:
    body = PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(44))
    token = body + _checksum(body)
    key.public_id = token[4:16]
    key.secret_hash = hash_token(token)
    session.add(key)
    await session.flush()
    events.record(session, "api_key.created", key, events.created(key, "name", "scopes", "networks", "expires_at"))
    return token, key


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):  # 62 ** 6 > 2 ** 32
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits
