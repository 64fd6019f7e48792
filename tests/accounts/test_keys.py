"""API keys: what they look like, what they open, and how they end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from byline.accounts import keys
from byline.accounts.caller import Role, Scope
from byline.accounts.deps import FreshFactorRequired, ScopeMissing, SessionRequired
from byline.accounts.models import ApiKey
from byline.core.errors import Invalid
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

KEYS = "/v1/manage/api-keys"
BODIES = [keys.PREFIX + letter * 44 for letter in "0aZ"]
TOKENS = [body + keys._checksum(body) for body in BODIES]


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_key_is_made_used_and_revoked(desk: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    made = await desk.post(
        KEYS, json={"name": "The static builder", "scopes": ["tags:read", "posts:read", "tags:read"]}
    )
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    key = made.json()
    assert keys.PATTERN.fullmatch(key["key"]) and key["key"].startswith(f"byl_{key['public_id']}")
    assert (key["scopes"], key["networks"], key["expires_at"]) == (["posts:read", "tags:read"], [], None)

    assert (await client.get("/v1/manage/tags", headers=bearing(key["key"]))).status_code == 200
    refused = await client.post("/v1/manage/tags", json={"name": "x"}, headers=bearing(key["key"]))
    assert assert_problem(refused, ScopeMissing)["missing_scopes"] == ["tags:write"]
    [listed] = (await desk.get(KEYS)).json()["data"]
    assert listed["last_used_address"] == "127.0.0.1" and listed["last_used_at"] is not None
    assert "key" not in listed and (await desk.get(made.headers["location"])).json() == listed

    assert (await desk.delete(f"{KEYS}/{key['id']}")).status_code == 204
    assert_problem(await client.get("/v1/manage/tags", headers=bearing(key["key"])), keys.RevokedApiKey)
    assert (await desk.delete(f"{KEYS}/{key['id']}")).status_code == 204  # a second time changes nothing


async def test_only_the_hash_is_kept(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token, _ = await make.api_key(session, scopes=[Scope.TAGS_READ])
        rows = str((await session.execute(text("select k::text, e::text from api_keys k, events e"))).all())
    assert token[4:16] in rows
    assert token[16:] not in rows and token.encode().hex() not in rows


@given(st.data())
def test_a_typing_error_is_told_by_the_checksum(data: st.DataObject) -> None:
    token = data.draw(st.sampled_from(TOKENS))
    place = data.draw(st.integers(4, len(token) - 1))
    other = data.draw(st.sampled_from([digit for digit in keys._DIGITS if digit != token[place]]))
    assert keys.is_well_formed(token)
    assert not keys.is_well_formed(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize(
    "token",
    ["byl_", "byl_x", TOKENS[0][:-1], TOKENS[0] + "0", TOKENS[1].swapcase().replace("BYL", "byl"), "byl_" + "ä" * 50],
)
async def test_what_is_no_key_is_told_without_the_database(
    client: httpx.AsyncClient, token: str, count_queries: Callable[[], int]
) -> None:
    count_queries()
    headers = {b"Authorization": f"Bearer {token}".encode()}
    response = await client.get("/v1/manage/tags", headers=headers)
    assert_problem(response, keys.MalformedApiKey)
    assert count_queries() == 0


async def test_each_end_has_its_name(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        expired, key = await make.api_key(session, scopes=[Scope.TAGS_READ])
        key.expires_at = datetime.now(UTC) - timedelta(seconds=1)
        elsewhere, _ = await make.api_key(
            session, scopes=[Scope.TAGS_READ], networks=["203.0.113.0/24", "2001:db8::/32"]
        )
        here, _ = await make.api_key(session, scopes=[Scope.TAGS_READ], networks=["127.0.0.1", "::1/128"])
    for token, error in (
        (TOKENS[0], keys.UnknownApiKey),
        (expired, keys.ExpiredApiKey),
        (elsewhere, keys.NetworkNotAllowed),
    ):
        assert_problem(await client.get("/v1/manage/tags", headers=bearing(token)), error)
    assert (await client.get("/v1/manage/tags", headers=bearing(here))).status_code == 200


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("203.0.113.9", True),
        ("203.0.114.9", False),
        ("::ffff:203.0.113.9", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("testclient", False),
        ("", False),
        (None, False),
    ],
)
def test_networks(address: str | None, within: bool) -> None:
    assert keys.is_within(address, ["203.0.113.0/24", "2001:db8::/32"]) is within
    assert keys.is_within(address, [])


async def test_a_key_has_no_more_than_its_user(client: httpx.AsyncClient, sessions: Sessions) -> None:
    """Neither when it is made, nor after its user lost a role, nor when they are shut out."""
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.ADMIN)
        token, _ = await make.api_key(session, scopes=[Scope.TAGS_WRITE, Scope.TAGS_READ], of=user)
    assert (await client.post("/v1/manage/tags", json={"name": "x"}, headers=bearing(token))).status_code == 201
    async with sessions.begin() as session:
        session.add(user)
        user.role = Role.AUTHOR
    refused = await client.post("/v1/manage/tags", json={"name": "y"}, headers=bearing(token))
    assert_problem(refused, ScopeMissing)
    assert (await client.get("/v1/manage/tags", headers=bearing(token))).status_code == 200
    async with sessions.begin() as session:
        session.add(user)
        user.disabled_at = datetime.now(UTC)
    assert_problem(await client.get("/v1/manage/tags", headers=bearing(token)), keys.UnknownApiKey)


async def test_nobody_gives_a_key_what_they_lack(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token = await make.token(session, scopes=[Scope.KEYS_MANAGE, Scope.TAGS_READ])
    new = {"name": "Too much", "scopes": ["tags:read", "users:manage", "posts:write"]}
    refused = await client.post(KEYS, json=new, headers=bearing(token))
    assert assert_problem(refused, keys.ScopeNotHeld)["missing_scopes"] == ["posts:write", "users:manage"]


async def test_a_key_makes_no_keys(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token, key = await make.api_key(session, scopes=[Scope.KEYS_MANAGE])
    new = {"name": "Another", "scopes": ["keys:manage"]}
    assert_problem(await client.post(KEYS, json=new, headers=bearing(token)), SessionRequired)
    assert_problem(await client.post(f"{KEYS}/{key.id}/rotate", json={}, headers=bearing(token)), SessionRequired)
    assert (await client.get(KEYS, headers=bearing(token))).status_code == 200


async def test_a_key_takes_a_fresh_factor(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(text("update sessions set authenticated_at = now() - interval '11 minutes'"))
    response = await desk.post(KEYS, json={"name": "x", "scopes": ["tags:read"]})
    assert_problem(response, FreshFactorRequired)
    assert response.headers["www-authenticate"] == 'Bearer error="insufficient_user_authentication", max_age=600'


async def test_rotation_overlaps(desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions) -> None:
    new = {
        "name": "Builder",
        "scopes": ["tags:read"],
        "networks": ["127.0.0.0/8"],
        "expires_at": "2999-01-01T00:00:00Z",
    }
    old = (await desk.post(KEYS, json=new)).json()
    rotated = await desk.post(f"{KEYS}/{old['id']}/rotate", json={"overlap_seconds": 600})
    assert rotated.status_code == 201
    fresh = rotated.json()
    assert {name: fresh[name] for name in new} == new
    for key in (old, fresh):
        assert (await client.get("/v1/manage/tags", headers=bearing(key["key"]))).status_code == 200
    async with sessions.begin() as session:
        row = await session.get_one(ApiKey, old["id"])
        assert row.expires_at is not None
        assert timedelta(minutes=9) < row.expires_at - datetime.now(UTC) <= timedelta(minutes=10)

    at_once = await desk.post(f"{KEYS}/{old['id']}/rotate", json={"overlap_seconds": 0})
    assert at_once.status_code == 201
    assert_problem(await client.get("/v1/manage/tags", headers=bearing(old["key"])), keys.ExpiredApiKey)
    assert_problem(await desk.post(f"{KEYS}/{old['id']}/rotate", json={}), keys.ApiKeyEnded)


async def test_nobody_sees_the_successor_of_anothers_key(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, key = await make.api_key(session, scopes=[Scope.TAGS_READ])
    assert_problem(await desk.post(f"{KEYS}/{key.id}/rotate", json={}), keys.NotYourApiKey)
    assert (await desk.delete(f"{KEYS}/{key.id}")).status_code == 204


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["everything"]}, "/scopes/0"),
        ({"networks": ["10.0.0.1/8"]}, "/networks/0"),
        ({"networks": ["localhost"]}, "/networks/0"),
        ({"name": " "}, "/name"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"user_id": "0"}, "/user_id"),
    ],
)
async def test_what_no_key_is_made_of(desk: httpx.AsyncClient, fields: dict[str, object], pointer: str) -> None:
    assert_problem(await desk.post(KEYS, json={"name": "x", "scopes": ["tags:read"], **fields}), Invalid, pointer)


async def test_the_list_can_be_sorted_and_narrowed(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session)
        for _ in range(2):
            await make.api_key(session, scopes=[Scope.TAGS_READ], of=user)
        await make.api_key(session, scopes=[Scope.TAGS_READ])
    listed = (await desk.get(KEYS, params={"count": True})).json()
    assert listed["total"] == 3
    assert all(earlier["created_at"] >= later["created_at"] for earlier, later in pairwise(listed["data"]))
    assert len((await desk.get(KEYS, params={"user_id": str(user.id)})).json()["data"]) == 2
