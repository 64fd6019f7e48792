"""Asking for a new password, and choosing one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.types import Message, Receive, Scope, Send

from byline.accounts import throttle
from byline.accounts.models import Attempt, Session, Ticket, User
from byline.accounts.passwords import UnfitPassword
from byline.accounts.sessions import InvalidToken
from byline.accounts.throttle import TooManyAttempts
from byline.accounts.tickets import InvalidTicket, Purpose, token_of
from byline.core.errors import Invalid
from byline.core.events import Event
from tests import make
from tests.conftest import Sessions
from tests.postbox import Postbox
from tests.problems import assert_problem

REQUEST = "/v1/auth/password-reset"
CONFIRM = "/v1/auth/password-reset/confirm"
ADA = "Ada@example.com"
PASSWORD = "a sentence to remember"


@pytest.fixture
async def ada(sessions: Sessions) -> User:
    async with sessions.begin() as session:
        return await make.user(session, email=ADA, totp_enabled_at=datetime.now(UTC))


async def events(sessions: Sessions, user: User) -> set[tuple[str, bool]]:
    async with sessions.begin() as session:
        found = select(Event.type, Event.actor_id).where(Event.subject_id == user.id)
        return {(type, actor == user.id) for type, actor in await session.execute(found)}


async def test_from_the_wish_to_the_first_sign_in(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    async with sessions.begin() as session:
        session_token = await make.token(session, scopes=[], of=ada)
        await throttle.count(session, throttle.account_key(ADA))
    assert (await client.post(REQUEST, json={"email": ADA.lower()})).status_code == 202
    [mail] = postbox.mails
    assert (mail["To"], mail["Subject"]) == (ADA, "Choose a new password for Byline")
    token = postbox.token(ADA)

    assert_problem(await client.post(CONFIRM, json={"token": token, "password": "short"}), UnfitPassword)
    changed = await client.post(CONFIRM, json={"token": token, "password": PASSWORD})
    assert (changed.status_code, changed.content) == (204, b"")
    assert_problem(await client.post(CONFIRM, json={"token": token, "password": PASSWORD}), InvalidTicket)
    headers = {"Authorization": f"Bearer {session_token}"}
    assert_problem(await client.get("/v1/account", headers=headers), InvalidToken)
    async with sessions.begin() as session:
        user = await session.get_one(User, ada.id)
        assert user.has_totp and user.version == 2
        assert await session.scalar(select(Attempt.key).where(Attempt.key.startswith("account:"))) is None
        user.totp_enabled_at = None
    assert (await client.post("/v1/auth/token", data={"username": ADA, "password": PASSWORD})).status_code == 200
    assert {("user.password_reset_requested", False), ("user.password_changed", True)} <= await events(sessions, ada)


async def test_the_answer_is_the_same_for_everybody(
    app: FastAPI, client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, count_queries: Callable[[], int]
) -> None:
    """Byte by byte, and after the same work: what is done for who is known is done after the answer."""
    async with sessions.begin() as session:
        await make.user(session, email=ADA)
        await make.user(session, email="gone@example.com", disabled_at=datetime.now(UTC))
    before_answer: list[int] = []

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_counting(message: Message) -> None:
            if message["type"] == "http.response.body":
                before_answer.append(count_queries())
            await send(message)

        count_queries()
        await app(scope, receive, send_counting)

    answers = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(counting), base_url="https://blog.example") as client:
        for email in (ADA, "nobody@example.com", "gone@example.com", ADA.upper(), "no,mailbox@example.com"):
            response = await client.post(REQUEST, json={"email": email}, headers={"X-Request-ID": "the-same-one"})
            headers = {name: value for name, value in response.headers.items() if not name.startswith("ratelimit")}
            answers.append((response.status_code, response.content, headers))
    assert answers[0][0] == 202
    assert all(answer == answers[0] for answer in answers)
    assert before_answer[0] > 0 and set(before_answer) == {before_answer[0]}
    assert [mail["To"] for mail in postbox.mails] == [ADA, ADA]


@pytest.mark.parametrize("email", [ADA, "nobody@example.com"])
@pytest.mark.usefixtures("ada", "postbox")
async def test_asking_often_is_refused_for_everybody(client: httpx.AsyncClient, email: str) -> None:
    answers = [await client.post(REQUEST, json={"email": email}) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [202] * 6 + [429]
    assert_problem(answers[-1], TooManyAttempts)
    assert answers[-1].headers["retry-after"] == "2"


async def test_who_is_locked_out_may_ask(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    async with sessions.begin() as session:
        now = datetime.now(UTC)
        blocked = Attempt(
            key=throttle.account_key(ADA), failures=9, last_at=now, blocked_until=now + timedelta(hours=1)
        )
        session.add(blocked)
    assert (await client.post(REQUEST, json={"email": ADA})).status_code == 202
    assert (await client.post(CONFIRM, json={"token": postbox.token(ADA), "password": PASSWORD})).status_code == 204
    async with sessions.begin() as session:
        assert await session.get(Attempt, throttle.account_key(ADA)) is None


@pytest.mark.usefixtures("ada")
async def test_asking_again_withdraws_the_former(client: httpx.AsyncClient, postbox: Postbox) -> None:
    await client.post(REQUEST, json={"email": ADA})
    former = postbox.token(ADA)
    await client.post(REQUEST, json={"email": ADA})
    assert_problem(await client.post(CONFIRM, json={"token": former, "password": PASSWORD}), InvalidTicket)
    assert (await client.post(CONFIRM, json={"token": postbox.token(ADA), "password": PASSWORD})).status_code == 204


async def test_who_was_shut_out_meanwhile(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    await client.post(REQUEST, json={"email": ADA})
    async with sessions.begin() as session:
        await session.execute(update(User).where(User.id == ada.id).values(disabled_at=datetime.now(UTC)))
    response = await client.post(CONFIRM, json={"token": postbox.token(ADA), "password": PASSWORD})
    assert_problem(response, InvalidTicket)


@pytest.mark.parametrize(
    ("path", "purpose", "fields"),
    [
        ("/v1/auth/invitations/accept", Purpose.INVITATION, {"name": "Ada", "password": PASSWORD}),
        (CONFIRM, Purpose.PASSWORD_RESET, {"password": PASSWORD}),
        ("/v1/auth/email-change/confirm", Purpose.EMAIL_CHANGE, {}),
    ],
)
async def test_tokens_that_are_good_for_nothing(
    app: FastAPI, client: httpx.AsyncClient, sessions: Sessions, ada: User, path: str, purpose: Purpose, fields: Any
) -> None:
    data: dict[str, object] = {"email": "new@example.com", "role": "author"}
    secret = app.state.settings.secret_key.get_secret_value()
    later, before = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(seconds=1)
    async with sessions.begin() as session:
        good, late, foreign = (
            Ticket(purpose=kind, user_id=ada.id, data=data, expires_at=expires_at)
            for kind, expires_at in ((purpose, later), (purpose, before), (Purpose.PASSKEY_SIGN_IN, later))
        )
        session.add_all([good, late, foreign])
        await session.flush()
        token = token_of(good, secret)
        changed = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
        wrong = [token_of(late, secret), token_of(foreign, secret), token_of(good, "another secret" * 3), changed]
    for bad in (*wrong, token[:-1], token + "A", "", "ä", "=", "bearer " + token):
        assert_problem(await client.post(path, json={"token": bad, **fields}), InvalidTicket)
    assert_problem(await client.post(path, json={"token": "x" * 201, **fields}), Invalid, "/token")
    assert_problem(await client.post(path, json={"token": "a\x00", **fields}), Invalid, "/token")
    assert_problem(await client.post(path, json=fields), Invalid, "/token")
    async with sessions.begin() as session:
        assert await session.get(Ticket, good.id) is not None
        assert await session.scalar(select(Session.id)) is None
