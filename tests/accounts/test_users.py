"""Users as those see them who manage them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from byline.accounts.caller import Role, Scope
from byline.accounts.deps import FreshFactorRequired, SessionRequired
from byline.accounts.models import Session, User
from byline.accounts.service import LastOwner, RoleAboveYours, UserNotFound
from byline.accounts.sessions import InvalidToken
from byline.core.errors import Invalid, StaleVersion, VersionRequired
from byline.core.events import Event
from tests import make
from tests.conftest import Sessions, signed_in
from tests.problems import assert_problem

USERS = "/v1/manage/users"


async def acting(sessions: Sessions, role: Role) -> dict[str, str]:
    async with sessions.begin() as session:
        user = await make.user(session, role=role)
        return {"Authorization": f"Bearer {await make.token(session, scopes=list(Scope), of=user)}"}


async def test_users_are_listed(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.user(session, name="Ada", email="Ada@example.com", role=Role.EDITOR)
        await make.user(session, name="Zoe", role=Role.READER)
    listed = (await desk.get(USERS, params={"count": True})).json()
    assert [user["name"] for user in listed["data"]] == ["Ada", "Grace", "Zoe"] and listed["total"] == 3
    assert "password_hash" not in listed["data"][0] and "totp_secret" not in listed["data"][0]
    editors = (await desk.get(USERS, params={"role": "editor"})).json()["data"]
    assert [user["name"] for user in editors] == ["Ada"]
    found = (await desk.get(USERS, params={"email": "ada@EXAMPLE.com"})).json()["data"]
    assert [user["name"] for user in found] == ["Ada"]
    assert_problem(await desk.get(USERS, params={"role": "king"}), Invalid, "/query/role")
    assert_problem(await desk.get(f"{USERS}/{uuid4()}"), UserNotFound)


@pytest.mark.parametrize("changes", [{"role": "author"}, {"is_disabled": True}])
async def test_a_lost_role_ends_every_session(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions, changes: dict[str, object]
) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.EDITOR)
        token = await make.token(session, scopes=list(Scope), of=user)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/v1/account", headers=headers)).status_code == 200
    changed = await desk.patch(f"{USERS}/{user.id}", json=changes, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json().items() >= changes.items()
    assert_problem(await client.get("/v1/account", headers=headers), InvalidToken)


async def test_a_new_name_ends_nothing(desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.EDITOR)
        token = await make.token(session, scopes=[], of=user)
    await desk.patch(f"{USERS}/{user.id}", json={"name": "Hopper"}, headers={"If-Match": '"1"'})
    account = await client.get("/v1/account", headers={"Authorization": f"Bearer {token}"})
    assert account.json()["name"] == "Hopper"


async def test_who_was_shut_out_may_come_back(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.EDITOR)
    for version, disabled in ((1, True), (2, False)):
        changed = await desk.patch(
            f"{USERS}/{user.id}", json={"is_disabled": disabled}, headers={"If-Match": f'"{version}"'}
        )
        assert changed.json()["is_disabled"] is disabled


async def test_the_last_owner_stays(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    me = (await desk.get("/v1/account")).json()
    async with sessions.begin() as session:
        await make.user(session, role=Role.ADMIN)
        await make.user(session, role=Role.OWNER, disabled_at=datetime.now(UTC))
    for changes in ({"role": "admin"}, {"is_disabled": True}):
        response = await desk.patch(f"{USERS}/{me['id']}", json=changes, headers={"If-Match": '"1"'})
        assert_problem(response, LastOwner)
    async with sessions.begin() as session:
        await make.user(session, role=Role.OWNER)
    assert (
        await desk.patch(f"{USERS}/{me['id']}", json={"role": "admin"}, headers={"If-Match": '"1"'})
    ).status_code == 200


async def test_two_owners_cannot_both_leave(app: FastAPI, committing: Sessions) -> None:
    async with signed_in(app, committing, Scope) as one, signed_in(app, committing, Scope) as other:
        answers = []
        for client in (one, other):
            me = (await client.get("/v1/account")).json()["id"]
            answers.append(client.patch(f"{USERS}/{me}", json={"role": "reader"}, headers={"If-Match": '"1"'}))
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*answers))
    assert statuses == [200, 409]


@pytest.mark.parametrize(
    ("role", "of", "to", "may"),
    [
        (Role.ADMIN, Role.EDITOR, Role.ADMIN, True),
        (Role.ADMIN, Role.ADMIN, Role.READER, True),
        (Role.ADMIN, Role.EDITOR, Role.OWNER, False),
        (Role.ADMIN, Role.OWNER, Role.EDITOR, False),
        (Role.OWNER, Role.EDITOR, Role.OWNER, True),
    ],
)
async def test_nobody_reaches_above_their_own_role(
    client: httpx.AsyncClient, sessions: Sessions, role: Role, of: Role, to: Role, may: bool
) -> None:
    headers = await acting(sessions, role) | {"If-Match": '"1"'}
    async with sessions.begin() as session:
        user = await make.user(session, role=of)
        await make.user(session, role=Role.OWNER)
    response = await client.patch(f"{USERS}/{user.id}", json={"role": to}, headers=headers)
    if may:
        assert response.json()["role"] == to
    else:
        assert_problem(response, RoleAboveYours)
    ended = await client.delete(f"{USERS}/{user.id}/sessions", headers=headers)
    assert ended.status_code == (403 if of is Role.OWNER and role is Role.ADMIN else 204)


async def test_a_manager_sees_and_ends_sessions(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.READER)
        headers = {"Authorization": f"Bearer {await make.token(session, scopes=[], of=user)}"}
    assert len((await desk.get(f"{USERS}/{user.id}/sessions")).json()["data"]) == 1
    assert (await desk.delete(f"{USERS}/{user.id}/sessions")).status_code == 204
    assert_problem(await client.get("/v1/account", headers=headers), InvalidToken)


async def test_a_change_takes_a_person_a_version_and_a_fresh_factor(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.EDITOR)
        key, _ = await make.api_key(session, scopes=[Scope.USERS_MANAGE])
    address, new = f"{USERS}/{user.id}", {"role": "admin"}
    assert_problem(await desk.patch(address, json=new), VersionRequired)
    assert_problem(await desk.patch(address, json=new, headers={"If-Match": '"7"'}), StaleVersion)
    by_key = {"If-Match": '"1"', "Authorization": f"Bearer {key}"}
    assert_problem(await client.patch(address, json=new, headers=by_key), SessionRequired)
    async with sessions.begin() as session:
        await session.execute(update(Session).values(authenticated_at=Session.authenticated_at - timedelta(minutes=11)))
    assert_problem(await desk.patch(address, json=new, headers={"If-Match": '"1"'}), FreshFactorRequired)


async def test_what_is_done_is_recorded(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    me = (await desk.get("/v1/account")).json()
    async with sessions.begin() as session:
        user: User = await make.user(session, role=Role.EDITOR)
    headers = {"If-Match": '"1"', "X-Request-ID": "a-request-of-mine"}
    await desk.patch(f"{USERS}/{user.id}", json={"role": "admin"}, headers=headers)
    async with sessions.begin() as session:
        found = (await session.scalars(select(Event).where(Event.type == "user.updated"))).all()
    assert [
        (event.type, event.subject_id, event.actor_id, event.address, event.request_id, event.changes)
        for event in found
    ] == [
        (
            "user.updated",
            user.id,
            UUID(me["id"]),
            "127.0.0.1",
            "a-request-of-mine",
            {"role": {"before": "editor", "after": "admin"}},
        )
    ]
