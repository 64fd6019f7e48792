"""A second factor for one's own account, and signing in with it."""

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from byline.accounts.caller import Role
from byline.accounts.deps import FreshFactorRequired
from byline.accounts.models import Attempt, RecoveryCode, Session, User
from byline.accounts.service import create_user
from byline.accounts.throttle import TooManyAttempts, account_key
from byline.accounts.totp import SecondFactorRequired, TotpEnabled, TotpNotEnabled, TotpNotEnrolled, WrongCode
from byline.core.errors import Invalid, Unauthenticated
from byline.core.events import Event
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

TOTP = "/v1/account/totp"
ENABLE = "/v1/account/totp/enable"
CODES = "/v1/account/recovery-codes"
TOKEN, SESSION, CONFIRM = "/v1/auth/token", "/v1/auth/session", "/v1/auth/confirm"
EMAIL, PASSWORD = "grace@example.com", "correct horse"


@pytest.fixture
async def grace(sessions: Sessions) -> User:
    async with sessions.begin() as session:
        return await create_user(session, email=EMAIL, name="Grace", role=Role.OWNER, password=PASSWORD)


async def bearer(sessions: Sessions, of: User | None = None) -> dict[str, str]:
    """The header of a new session, of somebody new if need be."""
    async with sessions.begin() as session:
        return {"Authorization": f"Bearer {await make.token(session, scopes=[], of=of)}"}


async def enable(client: httpx.AsyncClient, headers: dict[str, str]) -> tuple[pyotp.TOTP, list[str]]:
    """The app, whose code of this step is used up, and the recovery codes."""
    enrolled = await client.post(TOTP, headers=headers)
    app = pyotp.TOTP(enrolled.json()["secret"])
    answer = await client.post(ENABLE, json={"code": app.now()}, headers=headers)
    assert answer.status_code == 200, answer.text
    codes: list[str] = answer.json()["recovery_codes"]
    return app, codes


def form(code: str | None = None) -> dict[str, str]:
    return {"username": EMAIL, "password": PASSWORD} | ({"code": code} if code is not None else {})


def body(code: str | None = None) -> dict[str, Any]:
    return {"email": EMAIL, "password": PASSWORD, "code": code}


async def test_enrol_enable_sign_in_disable(client: httpx.AsyncClient, sessions: Sessions, grace: User) -> None:
    headers = await bearer(sessions, grace)
    enrolled = await client.post(TOTP, headers=headers)
    assert (enrolled.status_code, enrolled.headers["cache-control"]) == (201, "no-store")
    app = pyotp.parse_uri(enrolled.json()["uri"])
    assert isinstance(app, pyotp.TOTP)
    assert (app.secret, app.name, app.issuer) == (enrolled.json()["secret"], EMAIL, "Byline")
    assert (app.digits, app.interval, app.digest().name) == (6, 30, "sha1")
    assert (await client.get("/v1/account", headers=headers)).json()["has_totp"] is False
    now = datetime.now(UTC)
    first, second = app.at(now), app.at(now, counter_offset=1)

    enabled = await client.post(ENABLE, json={"code": first}, headers=headers)
    assert (enabled.status_code, enabled.headers["cache-control"]) == (200, "no-store")
    codes = enabled.json()["recovery_codes"]
    account = (await client.get("/v1/account", headers=headers)).json()
    assert (account["has_totp"], account["recovery_codes_left"], account["version"]) == (True, 10, 2)

    assert_problem(await client.post(TOKEN, data=form()), SecondFactorRequired)
    assert_problem(await client.post(TOKEN, data=form(first)), WrongCode)  # it enabled the app
    assert (await client.post(TOKEN, data=form(second))).status_code == 200
    assert_problem(await client.post(SESSION, json=body(second)), WrongCode)
    by_cookie = await client.post(SESSION, json=body(codes[0]))
    assert (by_cookie.status_code, "set-cookie" in by_cookie.headers) == (201, True)
    client.cookies.clear()
    assert_problem(await client.post(TOKEN, data=form(codes[0])), WrongCode)

    assert (await client.delete(TOTP, headers=headers)).status_code == 204
    assert (await client.post(TOKEN, data=form())).status_code == 200


async def test_confirming_takes_the_code_too(client: httpx.AsyncClient, sessions: Sessions, grace: User) -> None:
    headers = await bearer(sessions, grace)
    _, codes = await enable(client, headers)
    async with sessions.begin() as session:
        await session.execute(update(Session).values(authenticated_at=datetime.now(UTC) - timedelta(minutes=11)))
    for method, url in (("POST", TOTP), ("POST", ENABLE), ("DELETE", TOTP), ("POST", CODES)):
        stale = await client.request(method, url, json={"code": "123456"}, headers=headers)
        assert_problem(stale, FreshFactorRequired)
    proof = {"password": PASSWORD}
    assert_problem(await client.post(CONFIRM, json=proof, headers=headers), SecondFactorRequired)
    confirmed = await client.post(CONFIRM, json={**proof, "code": codes[0]}, headers=headers)
    assert confirmed.status_code == 204
    assert_problem(await client.post(CONFIRM, json={**proof, "code": codes[0]}, headers=headers), WrongCode)
    assert (await client.delete(TOTP, headers=headers)).status_code == 204


async def test_new_recovery_codes(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session)
    headers = await bearer(sessions, user)
    assert_problem(await client.post(CODES, headers=headers), TotpNotEnabled)
    _, old = await enable(client, headers)
    answer = await client.post(CODES, headers=headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert len(set(answer.json()["recovery_codes"]) - set(old)) == 10
    async with sessions.begin() as session:
        recorded = await session.scalars(select(Event).where(Event.subject_id == user.id).order_by(Event.occurred_at))
        events = [(event.type, event.actor_id) for event in recorded]
    assert events == [("user.totp_enabled", user.id), ("user.recovery_codes_made", user.id)]


async def test_out_of_turn(client: httpx.AsyncClient, sessions: Sessions) -> None:
    headers = await bearer(sessions)
    assert_problem(await client.post(ENABLE, json={"code": "123456"}, headers=headers), TotpNotEnrolled)
    assert (await client.delete(TOTP, headers=headers)).status_code == 204
    app, _ = await enable(client, headers)
    assert_problem(await client.post(TOTP, headers=headers), TotpEnabled)
    assert_problem(await client.post(ENABLE, json={"code": app.now()}, headers=headers), TotpEnabled)
    for wrong in ({}, {"code": None}, {"code": 123456}, {"code": "12345"}, {"code": "1" * 41}, {"code": "12345\x006"}):
        assert_problem(await client.post(ENABLE, json=wrong, headers=headers), Invalid, "/code")


async def test_strangers(client: httpx.AsyncClient) -> None:
    for method, url in (("POST", TOTP), ("POST", ENABLE), ("DELETE", TOTP), ("POST", CODES)):
        assert_problem(await client.request(method, url, json={"code": "123456"}), Unauthenticated)


async def test_wrong_codes_get_slower(client: httpx.AsyncClient, sessions: Sessions) -> None:
    headers = await bearer(sessions)
    app = pyotp.TOTP((await client.post(TOTP, headers=headers)).json()["secret"])
    wrong = app.at(datetime.now(UTC), counter_offset=5)
    for _ in range(6):
        assert_problem(await client.post(ENABLE, json={"code": wrong}, headers=headers), WrongCode)
    blocked = await client.post(ENABLE, json={"code": app.now()}, headers=headers)
    assert_problem(blocked, TooManyAttempts)
    assert 1 <= int(blocked.headers["retry-after"]) <= 2
    assert (await client.get("/v1/account", headers=headers)).json()["has_totp"] is False


async def test_wrong_codes_count_as_wrong_passwords_do(
    client: httpx.AsyncClient, sessions: Sessions, grace: User
) -> None:
    headers = await bearer(sessions, grace)
    _, codes = await enable(client, headers)
    failures = select(Attempt.failures).where(Attempt.key == account_key(EMAIL))
    assert_problem(await client.post(TOKEN, data=form("AAAA-AAAA-AAAA-AAAA")), WrongCode)
    proof = {"password": PASSWORD, "code": "AAAA-AAAA-AAAA-AAAA"}
    assert_problem(await client.post(CONFIRM, json=proof, headers=headers), WrongCode)
    async with sessions.begin() as session:
        assert await session.scalar(failures) == 2
        blocked = {"failures": 6, "blocked_until": datetime.now(UTC) + timedelta(seconds=60)}
        await session.execute(update(Attempt).where(Attempt.key == account_key(EMAIL)).values(blocked))
    for response in (
        await client.post(TOKEN, data=form(codes[0])),
        await client.post(SESSION, json=body(codes[0])),
        await client.post(CONFIRM, json={**proof, "code": codes[0]}, headers=headers),
    ):
        assert_problem(response, TooManyAttempts)
        assert 55 <= int(response.headers["retry-after"]) <= 60


async def test_a_code_in_two_requests_at_once_counts_once(app: FastAPI, committing: Sessions) -> None:
    async with committing.begin() as session:
        grace = await create_user(session, email=EMAIL, name="Grace", role=Role.OWNER, password=PASSWORD)
    headers = await bearer(committing, grace)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        _, codes = await enable(client, headers)
        proof = {"password": PASSWORD, "code": codes[0]}
        signing_in, confirming = await asyncio.gather(
            client.post(TOKEN, data=form(codes[0])), client.post(CONFIRM, json=proof, headers=headers)
        )
    assert sorted([signing_in.status_code, confirming.status_code]) in ([200, 401], [204, 401])
    async with committing.begin() as session:
        used = await session.scalars(select(Event.subject_id).where(Event.type == "user.recovery_code_used"))
        assert used.all() == [grace.id]


async def test_of_many_that_enable_at_once_one_does(app: FastAPI, committing: Sessions) -> None:
    headers = await bearer(committing)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        code = {"code": pyotp.TOTP((await client.post(TOTP, headers=headers)).json()["secret"]).now()}
        answers = await asyncio.gather(*(client.post(ENABLE, json=code, headers=headers) for _ in range(4)))
        (enabled,) = (answer for answer in answers if answer.status_code == 200)
        assert [answer.json()["code"] for answer in answers if answer is not enabled] == [TotpEnabled.code] * 3
        codes = enabled.json()["recovery_codes"]
    async with committing.begin() as session:
        kept = await session.scalars(select(RecoveryCode.code_hash))
        assert set(kept) == {sha256(code.replace("-", "").encode()).digest() for code in codes}


@pytest.mark.parametrize("code", [r"\ud800", r"\x00", r"\uff11" * 6])
async def test_no_form_is_an_error_of_ours(
    client: httpx.AsyncClient, sessions: Sessions, grace: User, code: str
) -> None:
    """A multipart form names its own character set, and so can hold what no text should."""
    await enable(client, await bearer(sessions, grace))
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form(code).items()
    )
    content_type = "multipart/form-data; boundary=x; charset=unicode_escape"
    response = await client.post(TOKEN, content=f"{parts}--x--\r\n".encode(), headers={"Content-Type": content_type})
    assert response.status_code in {401, 422}
    assert response.headers["content-type"] == "application/problem+json"
