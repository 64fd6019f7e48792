"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for when it is lost.

Whoever calls `enable` or `check` holds the row of the user locked: so no code counts twice, not even in two requests
at once. The app's secret is encrypted with a key derived from the secret key; recovery codes have 80 random bits, so
their SHA-256 is enough.
"""

import hashlib
import logging
import re
import secrets
from base64 import b32encode
from datetime import UTC, datetime

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import throttle
from byline.accounts.models import RecoveryCode, User
from byline.core import events
from byline.core.crypto import cipher
from byline.core.errors import Conflict, Unauthenticated

logger = logging.getLogger(__name__)

STEPS_OFF = 1
"""How many steps of 30 seconds the clock of a device may be wrong, either way."""

RECOVERY_CODES = 10


class SecondFactorRequired(Unauthenticated):
    code = "second_factor_required"
    title = "Send the code of your authenticator app too, or a recovery code"


class WrongCode(Unauthenticated):
    commits = True
    code = "wrong_code"
    title = "This code is wrong, or was used already"


class TotpEnabled(Conflict):
    code = "totp_enabled"
    title = "You have an authenticator app already: disable it first"


class TotpNotEnrolled(Conflict):
    code = "totp_not_enrolled"
    title = "There is no secret yet that a code could belong to: enrol first"


class TotpNotEnabled(Conflict):
    code = "totp_not_enabled"
    title = "You have no authenticator app that recovery codes could stand in for"


def enrol(user: User, *, secret: str) -> str:
    """A new secret in base32, which counts for nothing until `enable`. Raises TotpEnabled."""
    if user.has_totp:
        raise TotpEnabled()
    totp_secret = pyotp.random_base32()
    user.totp_secret = _cipher(secret).encrypt(totp_secret.encode())
    return totp_secret


def address(totp_secret: str, *, name: str, issuer: str) -> str:
    """The `otpauth://` address that apps read from a QR code."""
    return pyotp.TOTP(totp_secret).provisioning_uri(name=name, issuer_name=issuer)


async def enable(session: AsyncSession, user: User, code: str, *, secret: str) -> list[str]:
    """The recovery codes, which are known only now. Raises TotpEnabled, TotpNotEnrolled, TooManyAttempts, WrongCode."""
    if user.has_totp:
        raise TotpEnabled()
    if user.totp_secret is None:
        raise TotpNotEnrolled()
    key = throttle.account_key(user.email)
    await throttle.count(session, key)
    _use_step(user, _normal(code), secret)
    await throttle.forgive(session, key)
    events.record(session, "user.totp_enabled", user, user.change({"totp_enabled_at": datetime.now(UTC)}))
    return await _replace_recovery_codes(session, user)


async def disable(session: AsyncSession, user: User) -> None:
    """Forgets the secret and the recovery codes."""
    if user.has_totp:
        events.record(session, "user.totp_disabled", user, user.change({"totp_enabled_at": None}))
    user.totp_secret = user.totp_last_step = None
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


async def renew_recovery_codes(session: AsyncSession, user: User) -> list[str]:
    """The new codes, in place of all earlier ones. Raises TotpNotEnabled."""
    if not user.has_totp:
        raise TotpNotEnabled()
    events.record(session, "user.recovery_codes_made", user)
    return await _replace_recovery_codes(session, user)


async def check(session: AsyncSession, user: User, code: str | None, *, secret: str) -> None:
    """Uses up the code of a user who has this factor. Raises SecondFactorRequired, WrongCode."""
    if not user.has_totp:
        return
    if code is None:
        raise SecondFactorRequired()
    typed = _normal(code)
    if len(typed) == 6:
        _use_step(user, typed, secret)
    else:
        await _use_recovery_code(session, user, typed)


async def recovery_codes_left(session: AsyncSession, user: User) -> int:
    unused = RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None)
    return await session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def step_of(totp_secret: str, code: str, at: datetime) -> int | None:
    """The step of 30 seconds since 1970 whose code this is, if it is near enough. Compares in constant time."""
    try:
        return pyotp.TOTP(totp_secret).verify_and_get_timecode(code, for_time=at, valid_window=STEPS_OFF)
    except OTPVerificationError:
        return None


def _use_step(user: User, typed: str, secret: str) -> None:
    """Raises WrongCode."""
    totp_secret = _decrypted(user, secret)
    if totp_secret is None or not re.fullmatch(r"[0-9]{6}", typed):
        raise WrongCode()
    step = step_of(totp_secret, typed, datetime.now(UTC))
    if step is None or (user.totp_last_step is not None and step <= user.totp_last_step):
        raise WrongCode()
    user.totp_last_step = step


async def _use_recovery_code(session: AsyncSession, user: User, typed: str) -> None:
    """Raises WrongCode. Hashes are compared, so how long it takes tells nothing about the codes."""
    unused = RecoveryCode.user_id == user.id, RecoveryCode.code_hash == _hash(typed), RecoveryCode.used_at.is_(None)
    used = update(RecoveryCode).where(*unused).values(used_at=datetime.now(UTC)).returning(RecoveryCode.id)
    if await session.scalar(used) is None:
        raise WrongCode()
    events.record(session, "user.recovery_code_used", user)


async def _replace_recovery_codes(session: AsyncSession, user: User) -> list[str]:
    codes = [b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_hash(code)) for code in codes)
    await session.flush()
    return ["-".join(code[start : start + 4] for start in range(0, 16, 4)) for code in codes]


def _normal(code: str) -> str:
    """As it was shown, but for the groups and the case."""
    return re.sub(r"[\s-]", "", code).upper()


def _hash(typed: str) -> bytes:
    # A form can carry half a surrogate pair, which UTF-8 cannot: no code has one.
    return hashlib.sha256(typed.encode(errors="replace")).digest()


def _decrypted(user: User, secret: str) -> str | None:
    """None where the secret key is another one by now: then only a recovery code helps."""
    try:
        return _cipher(secret).decrypt(user.totp_secret or b"").decode()
    except InvalidToken:
        logger.warning("the TOTP secret of user %s was encrypted with another secret key", user.id)
        return None


def _cipher(secret: str) -> Fernet:
    return cipher(secret, "byline totp secret")
