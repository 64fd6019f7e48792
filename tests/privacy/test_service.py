"""Erasing somebody: nothing of them is left anywhere, and nothing of anybody else is lost."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from byline.accounts.caller import Role, Scope
from byline.accounts.deps import COOKIE, FreshFactorRequired, SessionRequired
from byline.accounts.keys import UnknownApiKey
from byline.accounts.models import Session, User
from byline.accounts.service import LastOwner, RoleAboveYours, UserNotFound
from byline.accounts.sessions import InvalidToken
from byline.authors.service import AuthorNotFound
from byline.core.errors import Invalid, StaleVersion, VersionRequired
from byline.core.events import Event
from byline.models import Base
from tests import make
from tests.conftest import Sessions, signed_in
from tests.privacy.people import (
    ADDRESS,
    BYLINE,
    PRIVATE,
    PUBLIC,
    WANTED_EMAIL,
    Person,
    ada,
    everything,
    tables_with,
    user_ids,
)
from tests.problems import assert_problem

ACCOUNT = "/v1/account"
USERS = "/v1/manage/users"
LOG = "/v1/manage/audit-log"
ANY = {"If-Match": "*"}


async def erase(by: str, desk: httpx.AsyncClient, person: Person, byline: str) -> None:
    if by == "herself":
        gone = await person.client.delete(f"{ACCOUNT}?byline={byline}")
    else:
        gone = await desk.delete(f"{USERS}/{person.user_id}?byline={byline}", headers=ANY)
    assert (gone.status_code, gone.content) == (204, b"")


@pytest.mark.parametrize("by", ["herself", "an owner"])
@pytest.mark.parametrize("byline", ["keep", "erase"])
async def test_nothing_of_her_is_left(
    app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions, by: str, byline: str
) -> None:
    async with ada(app, sessions) as person:
        before = await everything(sessions)
        assert set(tables_with(before, PRIVATE)) == set(PRIVATE), "every trace is there to begin with"
        assert {"authors", "events"} <= tables_with(before, PUBLIC)[BYLINE]
        await erase(by, desk, person, byline)
    after = await everything(sessions)
    # Whoever tries in vain is known by their address, or the hash of an e-mail address, for a day.
    assert {row for row in after.pop("attempts") if not row.startswith((f"(address:{ADDRESS},", "(account:"))} == set()
    assert tables_with(after, PRIVATE) == {}
    kept = tables_with(after, PUBLIC)
    if byline == "keep":
        assert set(kept) == set(PUBLIC)
        assert set().union(*kept.values()) == {"authors", "events"}
        assert [row for row in after["events"] if "ada byron" in row and ",author," not in row] == []
    else:
        assert kept == {}
    for table in ("sessions", "api_keys", "passkeys", "identities", "tickets", "recovery_codes"):
        assert str(person.user_id) not in str(after[table])
    with pytest.raises(DBAPIError, match="events is append-only"):  # again
        async with sessions.begin() as session:
            await session.execute(text("update events set address = null"))


async def test_what_she_could_sign_in_with_is_worth_nothing(
    app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with ada(app, sessions) as person:
        await erase("herself", desk, person, "keep")
        assert_problem(await person.client.get(ACCOUNT), InvalidToken)
        with_key = await person.client.get("/v1/manage/posts", headers={"Authorization": f"Bearer {person.key}"})
        assert_problem(with_key, UnknownApiKey)
    assert_problem(await desk.get(f"{USERS}/{person.user_id}"), UserNotFound)
    [erased] = (await desk.get(LOG, params={"type": "user.erased"})).json()["data"]
    assert (erased["actor"], erased["address"]) == ({"id": str(person.user_id), "name": None}, None)


async def test_her_byline_stays_if_she_likes(
    app: FastAPI, client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with ada(app, sessions) as person:
        before = (await client.get("/v1/authors/ada-byron")).json()
        await erase("herself", desk, person, "keep")
    assert (await client.get("/v1/authors/ada-byron")).json() == before
    managed = (await desk.get(f"/v1/manage/authors/{person.author_id}")).json()
    assert (managed["user_id"], managed["version"]) == (None, 3)
    assert [author["name"] for author in (await client.get("/v1/posts/note-g")).json()["authors"]] == [BYLINE]


async def test_or_she_is_a_former_author(
    app: FastAPI, client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        await make.author(session, "Former author")
    async with ada(app, sessions) as person:
        await erase("herself", desk, person, "erase")
    assert_problem(await client.get("/v1/authors/ada-byron"), AuthorNotFound)
    managed = (await desk.get(f"/v1/manage/authors/{person.author_id}")).json()
    assert (
        managed.items()
        >= {
            "slug": "former-author-2",
            "name": "Former author",
            "headline": None,
            "bio": None,
            "avatar_url": None,
            "links": [],
            "user_id": None,
            "version": 3,
        }.items()
    )
    assert [author["slug"] for author in (await client.get("/v1/posts/note-g")).json()["authors"]] == [
        "former-author-2"
    ]


async def test_no_former_address_tells_her_name(app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with ada(app, sessions) as person:
        url = f"/v1/manage/authors/{person.author_id}"
        await desk.patch(url, json={"slug": "ada-king"}, headers=ANY)
        assert (await desk.get("/v1/manage/redirects")).json()["data"] != []
        await erase("herself", desk, person, "erase")
    assert (await desk.get("/v1/manage/redirects")).json()["data"] == []


async def test_who_stands_over_nothing_leaves_no_byline(
    app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with ada(app, sessions, with_posts=False) as person:
        await erase("herself", desk, person, "erase")
    assert_problem(await desk.get(f"/v1/manage/authors/{person.author_id}"), AuthorNotFound)


async def test_what_she_wrote_stays(
    app: FastAPI, client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with ada(app, sessions) as person:
        published = (await client.get("/v1/posts/note-g")).json()
        await erase("an owner", desk, person, "erase")
    after = (await client.get("/v1/posts/note-g")).json()
    assert {**after, "authors": None} == {**published, "authors": None}
    revisions = (await desk.get(f"/v1/manage/posts/{person.post_id}/revisions")).json()["data"]
    assert [(found["number"], found["message"], found["author"]) for found in revisions] == [
        (3, "Published", None),
        (2, "Corrected", None),
        (1, None, None),
    ]


async def test_the_log_keeps_what_was_done_by_which_id(
    app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with ada(app, sessions) as person:
        await desk.patch(f"{USERS}/{person.user_id}", json={"role": "editor"}, headers=ANY)
        count = (await desk.get(LOG, params={"count": True})).json()["total"]
        await erase("an owner", desk, person, "erase")
    entries = (await desk.get(LOG, params={"limit": 100, "count": True})).json()
    assert entries["total"] == count + 2  # of the byline, and of her
    erased, anonymised = entries["data"][:2]
    assert (erased["type"], erased["subject"]) == ("user.erased", {"type": "user", "id": str(person.user_id)})
    assert erased["changes"] == {"byline": {"before": None, "after": "erase"}}
    assert (erased["actor"]["name"], erased["address"]) == ("Grace", "127.0.0.1")
    assert anonymised["changes"]["name"] == {"before": "[erased]", "after": "[erased]"}

    by_type = {entry["type"]: entry for entry in entries["data"]}
    assert by_type["post.created"]["actor"] == {"id": str(person.user_id), "name": None}
    assert by_type["post.created"]["changes"]["title"]["after"] == "Note G"
    assert by_type["user.created"]["changes"] == {
        "email": {"before": None, "after": "[erased]"},
        "name": {"before": None, "after": "[erased]"},
        "role": {"before": None, "after": "author"},
    }
    invited = by_type["invitation.created"]
    assert invited["changes"]["email"] == {"before": None, "after": "[erased]"}
    assert (invited["actor"]["name"], invited["address"]) == ("Charles", "203.0.113.1")
    promoted = [entry for entry in entries["data"] if entry["changes"].get("role", {}).get("after") == "editor"]
    assert [entry["actor"]["name"] for entry in promoted] == ["Grace"]
    assert by_type["user.email_changed"]["changes"]["email"] == {"before": "[erased]", "after": "[erased]"}


async def test_nothing_of_others_is_lost(app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    """Somebody of the same name has the address now that she had once; another address she only asked for."""
    await desk.post("/v1/manage/tags", json={"name": WANTED_EMAIL})
    async with ada(app, sessions) as person:
        created = {"email": "ADA@byron.example", "name": BYLINE, "role": "editor"}
        async with sessions.begin() as session:
            other, _, headers = await make.writer(session, BYLINE, role=Role.EDITOR)
            other.email = "ada@byron.example"
            await session.flush()
            log = {name: {"before": None, "after": value} for name, value in created.items()}
            session.add(Event(type="user.created", subject_type="user", subject_id=other.id, changes=log))
        renamed = await person.client.post("/v1/manage/posts", json={"title": BYLINE}, headers=headers)
        assert renamed.status_code == 201
        before = await everything(sessions)
        theirs = {
            table: [row for row in rows if str(other.id) in row or (WANTED_EMAIL in row and "tag.created" in row)]
            for table, rows in before.items()
        }
        await erase("an owner", desk, person, "erase")
    after = await everything(sessions)
    assert all(set(rows) <= set(after[table]) for table, rows in theirs.items())
    assert len(theirs["events"]) == 4
    assert "augusta" not in str(after)


async def test_a_refused_erasure_changes_nothing(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    [owner] = await user_ids(sessions)
    await desk.post("/v1/manage/tags", json={"name": "x"})
    before = await everything(sessions)
    assert_problem(await desk.delete(ACCOUNT), LastOwner)
    assert_problem(await desk.delete(f"{USERS}/{owner}", headers=ANY), LastOwner)
    assert_problem(await desk.delete(f"{USERS}/{uuid4()}", headers=ANY), UserNotFound)
    assert_problem(await desk.delete(f"{USERS}/{owner}"), VersionRequired)
    assert_problem(await desk.delete(f"{USERS}/{owner}", headers={"If-Match": '"7"'}), StaleVersion)
    for query, pointer in (("byline=forget", "/query/byline"), ("bylines=keep", "/query/bylines")):
        for url in (ACCOUNT, f"{USERS}/{owner}"):
            assert_problem(await desk.delete(f"{url}?{query}", headers=ANY), Invalid, pointer)
    assert await everything(sessions) == before


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.EDITOR])
async def test_nobody_erases_above_their_own_role(client: httpx.AsyncClient, sessions: Sessions, role: Role) -> None:
    async with sessions.begin() as session:
        _, _, admin = await make.writer(session, role=Role.ADMIN)
        other = await make.user(session, role=role)
        await make.user(session, role=Role.OWNER)
    for method, url in (("GET", f"{USERS}/{other.id}/export"), ("DELETE", f"{USERS}/{other.id}")):
        response = await client.request(method, url, headers=admin | ANY)
        if role is Role.OWNER:
            assert_problem(response, RoleAboveYours)
        else:
            assert response.status_code in {200, 204}
    assert (other.id in await user_ids(sessions)) == (role is Role.OWNER)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_stolen_session_is_not_enough(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions, method: str
) -> None:
    async with sessions.begin() as session:
        other = await make.user(session)
        key, _ = await make.api_key(session, scopes=list(Scope), of=other)
        stale = datetime.now(UTC) - timedelta(minutes=11)
        await session.execute(update(Session).values(authenticated_at=stale))
    export = "/export" if method == "GET" else ""
    for url in (f"{ACCOUNT}{export}", f"{USERS}/{other.id}{export}"):
        refused = await desk.request(method, url, headers=ANY)
        assert_problem(refused, FreshFactorRequired)
        assert "insufficient_user_authentication" in refused.headers["www-authenticate"]
        with_key = await client.request(method, url, headers=ANY | {"Authorization": f"Bearer {key}"})
        assert_problem(with_key, SessionRequired)
    assert len(await user_ids(sessions)) == 2


async def test_a_cookie_is_taken_back(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user, _, _ = await make.writer(session)
        token = await make.token(session, scopes=[], of=user)
    headers = {"Cookie": f"{COOKIE}={token}", "Sec-Fetch-Site": "same-origin"}
    gone = await client.delete(ACCOUNT, headers=headers)
    assert gone.status_code == 204
    assert gone.headers["set-cookie"].startswith(f'{COOKIE}="";') and "Max-Age=0" in gone.headers["set-cookie"]
    assert await user_ids(sessions) == []


async def test_two_owners_cannot_both_leave(app: FastAPI, committing: Sessions) -> None:
    async with signed_in(app, committing, Scope) as one, signed_in(app, committing, Scope) as other:
        leaving = (one.delete(ACCOUNT), other.delete(ACCOUNT))
        assert sorted(answer.status_code for answer in await asyncio.gather(*leaving)) == [204, 409]
    assert len(await user_ids(committing)) == 1


async def test_two_owners_cannot_remove_each_other(app: FastAPI, committing: Sessions) -> None:
    async with signed_in(app, committing, Scope) as one, signed_in(app, committing, Scope) as other:
        urls = [f"{USERS}/{(await client.get(ACCOUNT)).json()['id']}" for client in (other, one)]
        removing = (one.delete(urls[0], headers=ANY), other.delete(urls[1], headers=ANY))
        first, second = sorted(answer.status_code for answer in await asyncio.gather(*removing))
    assert first == 204
    assert second in {401, 409}  # removed before the request was looked at, or after
    assert len(await user_ids(committing)) == 1


def test_every_table_of_a_users_own_is_known() -> None:
    """A new one has to be named in the export, and its rows in the log to be blotted out."""
    users: Any = User.__table__
    refer = {
        table.name: key.ondelete
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is users
    }
    assert refer == {
        "api_keys": "CASCADE",
        "authors": "SET NULL",
        "idempotency_keys": "CASCADE",  # for a day, what they were answered: exported where it came from
        "identities": "CASCADE",
        "passkeys": "CASCADE",
        "preview_links": "SET NULL",
        "recovery_codes": "CASCADE",
        "review_comments": "SET NULL",
        "revisions": "SET NULL",
        "sessions": "CASCADE",
        "tickets": "CASCADE",
        "webhooks": "SET NULL",
    }
