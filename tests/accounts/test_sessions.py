"""How long a session lasts, where one is signed in, and what ends it."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, update

from byline.accounts.caller import Role, Scope
from byline.accounts.models import Session, User
from byline.accounts.service import WrongCredentials, create_user
from byline.accounts.sessions import InvalidToken, SessionNotFound
from byline.core.errors import Unauthenticated
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

ACCOUNT = "/v1/account"
EMAIL, PASSWORD = "grace@example.com", "correct horse"


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def age(sessions: Sessions, **by: timedelta) -> None:
    async with sessions.begin() as session:
        values = {name: getattr(Session, name) - delta for name, delta in by.items()}
        await session.execute(update(Session).values(values))


async def test_what_is_left_alone_runs_out(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    await age(sessions, last_used_at=timedelta(hours=71))
    assert (await desk.get(ACCOUNT)).status_code == 200  # and is noted as used again
    await age(sessions, last_used_at=timedelta(hours=71))
    assert (await desk.get(ACCOUNT)).status_code == 200
    await age(sessions, last_used_at=timedelta(hours=73))
    assert_problem(await desk.get(ACCOUNT), InvalidToken)


async def test_the_last_use_is_noted_once_a_minute(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async def last_used() -> datetime:
        async with sessions.begin() as session:
            return (await session.scalars(select(Session.last_used_at))).one()

    begun = await last_used()
    await desk.get(ACCOUNT)
    assert await last_used() == begun
    await age(sessions, last_used_at=timedelta(minutes=2))
    await desk.get(ACCOUNT)
    assert datetime.now(UTC) - await last_used() < timedelta(minutes=1)


async def test_one_sees_and_ends_ones_own(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.READER)
        here, there, elsewhere = [await make.token(session, scopes=[], of=user) for _ in range(3)]
        stranger = await make.token(session, scopes=[])
        foreign = (await session.scalars(select(Session.id).where(Session.user_id != user.id))).one()
    listed = (await client.get(f"{ACCOUNT}/sessions", headers=bearing(here))).json()["data"]
    assert [entry["is_current"] for entry in listed].count(True) == 1 and len(listed) == 3

    assert_problem(await client.delete(f"{ACCOUNT}/sessions/{foreign}", headers=bearing(here)), SessionNotFound)
    await client.get(ACCOUNT, headers=bearing(there))
    [mine] = [
        entry["id"]
        for entry in (await client.get(f"{ACCOUNT}/sessions", headers=bearing(there))).json()["data"]
        if entry["is_current"]
    ]
    assert (await client.delete(f"{ACCOUNT}/sessions/{mine}", headers=bearing(here))).status_code == 204
    assert_problem(await client.get(ACCOUNT, headers=bearing(there)), InvalidToken)

    assert (await client.delete(f"{ACCOUNT}/sessions", headers=bearing(here))).status_code == 204
    assert_problem(await client.get(ACCOUNT, headers=bearing(elsewhere)), InvalidToken)
    for token in (here, stranger):
        assert (await client.get(ACCOUNT, headers=bearing(token))).status_code == 200


async def test_a_session_tells_its_device(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await create_user(session, email=EMAIL, name="Grace", role=Role.READER, password=PASSWORD)
    form = {"username": EMAIL, "password": PASSWORD}
    signed_in = await client.post("/v1/auth/token", data=form, headers={"User-Agent": "Browser 1.0" + "x" * 1000})
    headers = bearing(signed_in.json()["access_token"])
    [listed] = (await client.get(f"{ACCOUNT}/sessions", headers=headers)).json()["data"]
    assert listed["device"].startswith("Browser 1.0") and len(listed["device"]) == 300
    assert listed["address"] == "127.0.0.1"


async def test_a_new_password_ends_every_session_and_begins_one(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await create_user(session, email=EMAIL, name="Grace", role=Role.EDITOR, password=PASSWORD)
        mine = await make.token(session, scopes=[Scope.TAGS_READ], of=user)
        other = await make.token(session, scopes=list(Scope), of=user)
    wrong = {"current_password": "not it", "new_password": "another one"}
    refused = await client.post(f"{ACCOUNT}/password", json=wrong, headers=bearing(mine))
    assert_problem(refused, WrongCredentials)
    right = {"current_password": PASSWORD, "new_password": "another one"}
    changed = await client.post(f"{ACCOUNT}/password", json=right, headers=bearing(mine))
    assert (changed.status_code, changed.headers["cache-control"]) == (200, "no-store")
    assert changed.json()["scope"] == "tags:read"
    for token in (mine, other):
        assert_problem(await client.get(ACCOUNT, headers=bearing(token)), InvalidToken)
    assert (await client.get(ACCOUNT, headers=bearing(changed.json()["access_token"]))).status_code == 200
    signed_in = await client.post("/v1/auth/token", data={"username": EMAIL, "password": "another one"})
    assert signed_in.status_code == 200


async def test_a_session_has_no_more_than_its_role(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.ADMIN)
        token = await make.token(session, scopes=list(Scope), of=user)
    before = (await client.get(ACCOUNT, headers=bearing(token))).json()
    assert set(before["scopes"]) == set(Scope)
    async with sessions.begin() as session:
        (await session.get_one(User, user.id)).role = Role.AUTHOR
    after = (await client.get(ACCOUNT, headers=bearing(token))).json()
    assert "users:manage" not in after["scopes"] and "posts:publish" in after["scopes"]


async def test_nobody_without_a_session(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(f"{ACCOUNT}/sessions"), Unauthenticated)


@pytest.mark.parametrize("scopes", [[], ["tags:read", "a:scope:of:old"]])
async def test_scopes_that_are_no_more_are_left_out(
    client: httpx.AsyncClient, sessions: Sessions, scopes: list[str]
) -> None:
    async with sessions.begin() as session:
        token = await make.token(session, scopes=scopes)  # type: ignore[arg-type]
    got = (await client.get(ACCOUNT, headers=bearing(token))).json()["scopes"]
    assert got == [scope for scope in scopes if scope in set(Scope)]
