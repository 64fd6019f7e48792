"""Guessing: what is counted, how long one waits, and that a lock keeps nobody out who is in already."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, update

from byline.accounts import throttle
from byline.accounts.caller import Role, Scope
from byline.accounts.models import Attempt, User
from byline.accounts.service import create_user
from byline.accounts.throttle import FREE, TooManyAttempts, account_key, address_key
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

TOKEN = "/v1/auth/token"
EMAIL, PASSWORD = "grace@example.com", "correct horse"


async def tried(sessions: Sessions, key: str, times: int) -> None:
    """As if that many tries had failed, and one could try again."""
    now = datetime.now(UTC)
    async with sessions.begin() as session:
        await session.merge(Attempt(key=key, failures=times, last_at=now, blocked_until=now))


async def row(sessions: Sessions, key: str) -> Attempt | None:
    async with sessions.begin() as session:
        return await session.get(Attempt, key, populate_existing=True)


async def test_delays_grow(sessions: Sessions) -> None:
    key = account_key(EMAIL)
    waits = []
    for _ in range(FREE["account"] + 12):
        async with sessions.begin() as session:
            await throttle.count(session, key)
        found = await row(sessions, key)
        assert found is not None
        waits.append(round((found.blocked_until - found.last_at).total_seconds()))
        async with sessions.begin() as session:
            await session.execute(update(Attempt).values(blocked_until=datetime.now(UTC)))
    assert waits == [0] * FREE["account"] + [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


async def test_who_must_wait_is_told_how_long(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await create_user(session, email=EMAIL, name="Grace", role=Role.OWNER, password=PASSWORD)
        inside = await make.token(session, scopes=[Scope.TAGS_READ], of=user)
    await tried(sessions, account_key(EMAIL), FREE["account"] + 2)
    wrong = {"username": EMAIL, "password": "wrong"}
    assert (await client.post(TOKEN, data=wrong)).status_code == 401
    # Now even the right password has to wait.
    response = await client.post(TOKEN, data={"username": EMAIL.upper(), "password": PASSWORD})
    assert_problem(response, TooManyAttempts)
    assert 1 <= int(response.headers["retry-after"]) <= 8
    # Who has a session goes on.
    assert (await client.get("/v1/manage/tags", headers={"Authorization": f"Bearer {inside}"})).status_code == 200
    async with sessions.begin() as session:
        await session.execute(update(Attempt).values(blocked_until=datetime.now(UTC)))
    assert (await client.post(TOKEN, data={"username": EMAIL, "password": PASSWORD})).status_code == 200
    assert await row(sessions, account_key(EMAIL)) is None


async def test_an_address_that_nobody_has_waits_alike(client: httpx.AsyncClient, sessions: Sessions) -> None:
    await tried(sessions, account_key("nobody@example.com"), FREE["account"])
    form = {"username": "nobody@example.com", "password": "wrong"}
    assert (await client.post(TOKEN, data=form)).status_code == 401
    assert_problem(await client.post(TOKEN, data=form), TooManyAttempts)


async def test_an_address_of_many_accounts_waits_too(client: httpx.AsyncClient, sessions: Sessions) -> None:
    await tried(sessions, address_key("127.0.0.1"), FREE["address"])
    assert (await client.post(TOKEN, data={"username": "a@example.com", "password": "wrong"})).status_code == 401
    response = await client.post(TOKEN, data={"username": "b@example.com", "password": "wrong"})
    assert_problem(response, TooManyAttempts)
    async with sessions.begin() as session:  # what is refused unread is no try against the account
        assert await session.get(Attempt, account_key("b@example.com")) is None


async def test_as_many_at_once_count_as_many(committing: Sessions) -> None:
    key = account_key(EMAIL)

    async def attempt() -> bool:
        try:
            async with committing.begin() as session:
                await throttle.count(session, key)
        except TooManyAttempts:
            return False
        return True

    passed = await asyncio.gather(*(attempt() for _ in range(20)))
    assert passed.count(True) == FREE["account"] + 1


async def test_a_success_gives_an_address_its_try_back(sessions: Sessions) -> None:
    key = address_key("192.0.2.1")
    async with sessions.begin() as session:
        await throttle.count(session, key)
        await throttle.count(session, key)
        await throttle.forgive(session, key)
    found = await row(sessions, key)
    assert found is not None and found.failures == 1


async def test_what_is_a_day_old_is_forgotten(sessions: Sessions) -> None:
    await tried(sessions, account_key(EMAIL), 100)
    async with sessions.begin() as session:
        await session.execute(update(Attempt).values(last_at=datetime.now(UTC) - timedelta(days=1, seconds=1)))
        await throttle.count(session, account_key("other@example.com"))
        assert (await session.scalars(select(Attempt.key))).all() == [account_key("other@example.com")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        (None, None, True),
    ],
)
def test_what_counts_as_one_address(one: str | None, other: str | None, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


async def test_a_wrong_confirmation_is_counted(client: httpx.AsyncClient, sessions: Sessions) -> None:
    """A refusal that keeps what it wrote: the count."""
    async with sessions.begin() as session:
        user: User = await create_user(session, email=EMAIL, name="Grace", role=Role.OWNER, password=PASSWORD)
        token = await make.token(session, scopes=[], of=user)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.post("/v1/auth/confirm", json={"password": "wrong"}, headers=headers)).status_code == 401
    found = await row(sessions, account_key(EMAIL))
    assert found is not None and found.failures == 1
    assert (await client.post("/v1/auth/confirm", json={"password": PASSWORD}, headers=headers)).status_code == 204
