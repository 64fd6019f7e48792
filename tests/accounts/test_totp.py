"""Codes of an authenticator app, and recovery codes."""

import asyncio
import re
from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select

from byline.accounts import totp
from byline.accounts.models import RecoveryCode, User
from byline.accounts.totp import SecondFactorRequired, TotpEnabled, TotpNotEnabled, TotpNotEnrolled, WrongCode
from byline.core.events import Event
from tests import make
from tests.conftest import Sessions

KEY = "a secret key of the tests, long enough"
RFC_6238 = b32encode(b"12345678901234567890").decode()


async def enabled(sessions: Sessions) -> tuple[User, pyotp.TOTP, list[str]]:
    """Somebody with an authenticator app, of which the code of the step before the last was used; recovery codes."""
    async with sessions.begin() as session:
        user = await make.user(session)
        app = pyotp.TOTP(totp.enrol(user, secret=KEY))
        codes = await totp.enable(session, user, app.now(), secret=KEY)
        assert user.totp_last_step is not None
        user.totp_last_step -= 2
    return user, app, codes


async def check(sessions: Sessions, user: User, code: str | None, *, secret: str = KEY) -> None:
    async with sessions.begin() as session:
        locked = await session.get_one(User, user.id, with_for_update=True)
        await totp.check(session, locked, code, secret=secret)


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B: the last six of the eight digits.
    [
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_of_rfc_6238(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    for steps in (-1, 0, 1):
        assert totp.step_of(RFC_6238, code, at + timedelta(seconds=30 * steps)) == seconds // 30
    for steps in (-2, 2):
        assert totp.step_of(RFC_6238, code, at + timedelta(seconds=30 * steps)) is None


async def test_a_code_counts_once_and_no_earlier_one_after_it(sessions: Sessions) -> None:
    user, app, _ = await enabled(sessions)
    now = datetime.now(UTC)
    earlier, later = app.at(now), app.at(now, counter_offset=1)
    await check(sessions, user, f" {later[:3]} {later[3:]} ")
    for used in (later, earlier):
        with pytest.raises(WrongCode):
            await check(sessions, user, used)


async def test_what_is_no_code(sessions: Sessions) -> None:
    user, app, codes = await enabled(sessions)
    far = app.at(datetime.now(UTC), counter_offset=3)
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in app.now())
    for wrong in ("", "12345", far, full_width, "\ud800" * 6, "\ud800", "x" * 10_000, codes[0][:-1], "-" * 19):
        with pytest.raises(WrongCode):
            await check(sessions, user, wrong)
    with pytest.raises(SecondFactorRequired):
        await check(sessions, user, None)


async def test_who_has_no_app_needs_no_code(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session)
        totp.enrol(user, secret=KEY)  # begun, but not enabled
    await check(sessions, user, None)
    await check(sessions, user, "123456")


async def test_a_recovery_code_counts_once(sessions: Sessions) -> None:
    user, _, codes = await enabled(sessions)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", code) for code in codes)
    await check(sessions, user, codes[3])
    await check(sessions, user, codes[4].lower().replace("-", " "))
    for used in codes[3:5]:
        with pytest.raises(WrongCode):
            await check(sessions, user, used)
    async with sessions.begin() as session:
        assert await totp.recovery_codes_left(session, user) == 8
        used_events = await session.scalars(select(Event).where(Event.type == "user.recovery_code_used"))
        assert [event.subject_id for event in used_events] == [user.id, user.id]


async def test_another_users_recovery_code(sessions: Sessions) -> None:
    user, _, _ = await enabled(sessions)
    _, _, others = await enabled(sessions)
    with pytest.raises(WrongCode):
        await check(sessions, user, others[0])


async def test_new_recovery_codes_replace_the_old_ones(sessions: Sessions) -> None:
    user, _, old = await enabled(sessions)
    async with sessions.begin() as session:
        new = await totp.renew_recovery_codes(session, user)
        assert await totp.recovery_codes_left(session, user) == 10
    assert not set(old) & set(new)
    with pytest.raises(WrongCode):
        await check(sessions, user, old[0])
    await check(sessions, user, new[0])


async def test_nothing_is_kept_that_opens_anything(sessions: Sessions) -> None:
    user, app, codes = await enabled(sessions)
    async with sessions.begin() as session:
        row = await session.get_one(User, user.id)
        assert row.totp_secret is not None
        assert app.secret.encode() not in row.totp_secret
        kept = b"".join((await session.scalars(select(RecoveryCode.code_hash))).all())
        assert len(kept) == 10 * 32
        written = str([event.changes for event in await session.scalars(select(Event))])
    assert app.secret not in written
    assert not any(code in written or code.replace("-", "").encode() in kept for code in codes)


async def test_with_another_secret_key_only_recovery_codes_are_good(sessions: Sessions) -> None:
    user, app, codes = await enabled(sessions)
    with pytest.raises(WrongCode):
        await check(sessions, user, app.now(), secret="another secret key")
    await check(sessions, user, codes[0], secret="another secret key")


async def test_one_step_after_the_other(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session)
        with pytest.raises(TotpNotEnrolled):
            await totp.enable(session, user, "123456", secret=KEY)
        with pytest.raises(TotpNotEnabled):
            await totp.renew_recovery_codes(session, user)
        first = pyotp.TOTP(totp.enrol(user, secret=KEY))
        second = pyotp.TOTP(totp.enrol(user, secret=KEY))
        with pytest.raises(WrongCode):
            await totp.enable(session, user, first.now(), secret=KEY)
        await totp.enable(session, user, second.now(), secret=KEY)
        with pytest.raises(TotpEnabled):
            totp.enrol(user, secret=KEY)
        with pytest.raises(TotpEnabled):
            await totp.enable(session, user, second.now(), secret=KEY)
        await totp.disable(session, user)
        await totp.disable(session, user)
        assert (user.totp_secret, user.totp_last_step, user.has_totp) == (None, None, False)
        assert await totp.recovery_codes_left(session, user) == 0
        recorded = (await session.scalars(select(Event.type).where(Event.subject_id == user.id))).all()
    assert sorted(recorded) == ["user.totp_disabled", "user.totp_enabled"]


@pytest.mark.parametrize("kind", ["of the app", "for recovery"])
async def test_of_the_same_code_many_times_at_once_one_counts(committing: Sessions, kind: str) -> None:
    user, app, codes = await enabled(committing)
    code = app.now() if kind == "of the app" else codes[0]
    results = await asyncio.gather(*(check(committing, user, code) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results].count(type(None)) == 1
    assert [type(result) for result in results].count(WrongCode) == 4
