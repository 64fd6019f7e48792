"""Reading the log: what an entry says, filters, pages; and that nobody changes it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from byline.accounts.caller import Role, Scope
from byline.accounts.deps import ScopeMissing
from byline.accounts.models import User
from byline.audit.manage import AuditEntryNotFound
from byline.core.errors import Invalid
from byline.core.events import Event
from byline.core.pagination import InvalidCursor
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

LOG = "/v1/manage/audit-log"
ANY = {"If-Match": "*"}


async def types(desk: httpx.AsyncClient, **query: Any) -> list[str]:
    response = await desk.get(LOG, params=query)
    assert response.status_code == 200, response.text
    return [entry["type"] for entry in response.json()["data"]]


async def test_an_entry_says_who_did_what(app: FastAPI, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user, _, headers = await make.writer(session, "Grace", role=Role.OWNER)
        tag = await make.tag(session)
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://blog.example", headers=headers) as client:
        url = f"/v1/manage/tags/{tag.id}"
        saved = await client.patch(url, json={"name": "Measuring"}, headers=ANY | {"X-Request-ID": "request-1"})
        assert saved.status_code == 200
        entry = (await client.get(LOG)).json()["data"][0]
        session_id = (await client.get("/v1/auth/session")).json()["session_id"]
        assert entry == {
            "id": entry["id"],
            "type": "tag.updated",
            "occurred_at": entry["occurred_at"],
            "actor": {"id": str(user.id), "name": "Grace"},
            "session_id": session_id,
            "api_key_id": None,
            "address": "203.0.113.7",
            "request_id": "request-1",
            "subject": {"type": "tag", "id": str(tag.id)},
            "changes": {"name": {"before": "Measurement", "after": "Measuring"}},
        }
        assert datetime.now(UTC) - datetime.fromisoformat(entry["occurred_at"]) < timedelta(minutes=1)
        assert (await client.get(f"{LOG}/{entry['id']}")).json() == entry


async def test_a_key_is_told_from_a_session(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token, key = await make.api_key(session, scopes=[Scope.TAGS_WRITE, Scope.AUDIT_READ])
    headers = {"Authorization": f"Bearer {token}"}
    await client.post("/v1/manage/tags", json={"name": "x"}, headers=headers)
    [entry] = (await client.get(f"{LOG}?api_key={key.id}", headers=headers)).json()["data"]
    assert (entry["api_key_id"], entry["session_id"]) == (str(key.id), None)
    assert (entry["type"], entry["actor"]["id"]) == ("tag.created", str(key.user_id))


async def test_what_byline_does_has_no_actor(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.post(session)
    for entry in (await desk.get(f"{LOG}?subject_type=post")).json()["data"]:
        assert (entry["actor"], entry["session_id"], entry["address"], entry["request_id"]) == (None, None, None, None)


async def test_filters(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        me = (await session.scalars(select(User))).one()
        post = await make.post(session)
        tag = await make.tag(session)
    noon = datetime.now(UTC)
    await desk.patch(f"/v1/manage/tags/{tag.id}", json={"name": "x"}, headers=ANY | {"X-Request-ID": "my-request"})
    await desk.post(f"/v1/manage/posts/{post.id}/unpublish", headers=ANY)
    everything = ["post.unpublished", "tag.updated", "tag.created", "post.published", "post.created"]
    assert await types(desk) == everything
    assert await types(desk, sort="occurred_at") == everything[::-1]
    assert await types(desk, actor=str(me.id)) == everything[:2]
    assert await types(desk, actor=str(uuid4())) == []
    assert await types(desk, api_key=str(uuid4())) == []
    assert await types(desk, type="post.created") == ["post.created"]
    assert await types(desk, type="post") == []
    assert await types(desk, subject_type="post") == ["post.unpublished", "post.published", "post.created"]
    assert await types(desk, subject=str(tag.id)) == ["tag.updated", "tag.created"]
    assert await types(desk, request_id="my-request") == ["tag.updated"]
    assert await types(desk, after=noon.isoformat()) == everything[:2]
    assert await types(desk, before=noon.isoformat()) == everything[2:]
    assert await types(desk, subject_type="tag", actor=str(me.id)) == ["tag.updated"]
    assert (await desk.get(LOG, params={"subject_type": "post", "count": True, "limit": 1})).json()["total"] == 3


@pytest.mark.parametrize("sort", ["-occurred_at", "occurred_at"])
async def test_pages(desk: httpx.AsyncClient, sort: str) -> None:
    for number in range(7):
        await desk.post("/v1/manage/tags", json={"name": f"Tag {number}"})
    everything = (await desk.get(f"{LOG}?sort={sort}")).json()["data"]
    names = [f"Tag {number}" for number in range(7)]
    assert [entry["changes"]["name"]["after"] for entry in everything] == (names if sort[0] != "-" else names[::-1])
    walked = []
    response = await desk.get(f"{LOG}?sort={sort}&limit=3&subject_type=tag")
    while "next" in response.links:
        walked += response.json()["data"]
        response = await desk.get(response.links["next"]["url"])
    assert [*walked, *response.json()["data"]] == everything
    for cursor in ("x", "A" * 40):
        assert_problem(await desk.get(f"{LOG}?cursor={cursor}"), InvalidCursor, "/query/cursor")


@pytest.mark.parametrize(
    "query", ["actor=me", "api_key=x", "subject=x", "after=noon", "before=1", "sort=type", "limit=101", "nothing=1"]
)
async def test_parameters_are_checked(desk: httpx.AsyncClient, query: str) -> None:
    assert_problem(await desk.get(f"{LOG}?{query}"), Invalid, f"/query/{query.partition('=')[0]}")


async def test_one_that_is_not_there(desk: httpx.AsyncClient) -> None:
    assert_problem(await desk.get(f"{LOG}/{uuid4()}"), AuditEntryNotFound)
    assert_problem(await desk.get(f"{LOG}/first"), Invalid, "/path/event_id")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.AUTHOR, Role.CONTRIBUTOR, Role.READER])
async def test_owners_and_admins_read_it(client: httpx.AsyncClient, sessions: Sessions, role: Role) -> None:
    async with sessions.begin() as session:
        _, _, headers = await make.writer(session, role=role)
        _, _, admin = await make.writer(session, "Grace", role=Role.ADMIN)
    for url in (LOG, f"{LOG}/{uuid4()}"):
        problem = assert_problem(await client.get(url, headers=headers), ScopeMissing)
        assert problem["missing_scopes"] == ["audit:read"]
    assert (await client.get(LOG, headers=admin)).status_code == 200


async def test_a_name_is_that_of_today(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    await desk.post("/v1/manage/tags", json={"name": "x"})
    async with sessions.begin() as session:
        (await session.scalars(select(User))).one().name = "Hopper"
    assert (await desk.get(LOG)).json()["data"][0]["actor"]["name"] == "Hopper"


async def test_secrets_are_left_out(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    created = await desk.post("/v1/manage/api-keys", json={"name": "A service", "scopes": ["tags:read"]})
    key = created.json()["key"]
    log = (await desk.get(f"{LOG}?subject={created.json()['id']}")).text
    assert '"A service"' in log and key not in log and key[16:48] not in log


async def test_more_entries_take_no_more_queries(desk: httpx.AsyncClient, count_queries: Any) -> None:
    counts = []
    for number in (1, 9):
        for _ in range(number):
            await desk.post("/v1/manage/tags", json={"name": "x"})
        count_queries()
        counts.append((len((await desk.get(LOG)).json()["data"]), count_queries()))
    assert [rows for rows, _ in counts] == [1, 10]
    assert counts[0][1] == counts[1][1]


@pytest.mark.parametrize(
    "statement",
    [
        "update events set type = 'x'",
        "update events set changes = '{}' where actor_id is null",
        "delete from events",
        "truncate events cascade",
    ],
)
async def test_the_database_refuses_to_change_it(sessions: Sessions, statement: str) -> None:
    async with sessions.begin() as session:
        await make.tag(session)
        await session.execute(text("set constraints all immediate"))  # so that nothing is pending
    with pytest.raises(DBAPIError, match="events is append-only"):
        async with sessions.begin() as session:
            await session.execute(text(statement))
    async with sessions.begin() as session:
        assert (await session.scalars(select(Event.type))).all() == ["tag.created"]
