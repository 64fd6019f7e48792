"""Links that show what readers do not see yet."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from byline.accounts.caller import Scope
from byline.core.errors import Invalid
from byline.core.events import Event
from byline.core.redaction import redacted
from byline.posts.models import Post, PreviewLink
from byline.posts.previews import (
    PreviewExpired,
    PreviewLinkNotFound,
    PreviewNotFound,
    PreviewRevoked,
    UnfitExpiry,
    UnknownRevision,
)
from byline.posts.service import PostNotFound
from tests import make
from tests.conftest import Sessions, signed_in
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}
UNKEPT = {"cache-control": "no-store", "x-robots-tag": "noindex"}


async def link(desk: httpx.AsyncClient, post: Post, **wish: Any) -> dict[str, Any]:
    response = await desk.post(f"{POSTS}/{post.id}/preview-links", json=wish or None)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def links(desk: httpx.AsyncClient, post: Post) -> list[dict[str, Any]]:
    listed = (await desk.get(f"{POSTS}/{post.id}/preview-links")).json()
    data: list[dict[str, Any]] = listed["data"]
    return data


async def test_it_shows_a_draft_as_readers_would_get_it(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        await make.author(session)
        await make.tag(session)
        await make.series(session)
        post = await make.draft(
            session,
            markdown="## First\n\nMeasure *first*.",
            authors=["ada-lovelace"],
            tags=["measurement"],
            series="measuring-well",
            series_position=2,
            cover={"url": "/a.png"},
            custom={"a": 1},
        )
    made = await link(desk, post)
    shown = await client.get(f"/v1/previews/{made['token']}")
    assert shown.status_code == 200, shown.text
    assert {name: shown.headers[name] for name in UNKEPT} == UNKEPT
    preview = shown.json()
    of_previews = {"visibility", "status", "revision", "is_newest", "expires_at"}
    assert {name: preview[name] for name in of_previews} == {
        "visibility": "public",
        "status": "draft",
        "revision": 1,
        "is_newest": True,
        "expires_at": made["expires_at"],
    }
    assert (preview["published_at"], preview["html"]) == (
        None,
        '<h2 id="first">First</h2>\n<p>Measure <em>first</em>.</p>\n',
    )

    await desk.post(f"{POSTS}/{post.id}/publish", headers=ANY)
    published = (await client.get("/v1/posts/how-to-measure")).json()
    times = {"published_at", "updated_at"}
    assert {k: v for k, v in preview.items() if k not in of_previews | times} == {
        k: v for k, v in published.items() if k not in times
    }


async def test_a_plain_page(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.draft(session, title="A <b> & c")
    made = await link(desk, post)
    assert made["url"] == f"https://blog.example/v1/previews/{made['token']}.html"
    page = await client.get(made["url"])
    assert page.headers["content-type"].startswith("text/html")
    assert {name: page.headers[name] for name in UNKEPT} == UNKEPT
    assert "script" not in page.headers["content-security-policy"]
    assert "<h1>A &lt;b&gt; &amp; c</h1>" in page.text and "<em>first</em>" in page.text


async def test_one_revision_or_the_newest(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        post = await make.post(session, "One")  # revisions 1 and 2
    pinned, newest = await link(desk, post, revision=1), await link(desk, post)
    await desk.patch(f"{POSTS}/{post.id}", json={"title": "Two", "slug": "two"}, headers=ANY)

    async def shown(made: dict[str, Any]) -> tuple[Any, ...]:
        preview = (await client.get(f"/v1/previews/{made['token']}")).json()
        return preview["title"], preview["slug"], preview["revision"], preview["is_newest"], preview["status"]

    assert await shown(pinned) == ("One", "one", 1, False, "published")
    assert await shown(newest) == ("Two", "two", 3, True, "published")
    assert (await client.get("/v1/posts/one")).json()["title"] == "One"


async def test_it_is_counted(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.draft(session)
    first, second = await link(desk, post), await link(desk, post, revision=1)
    assert (first["opened_count"], first["last_opened_at"], first["creator"]["name"]) == (0, None, "Grace")
    before = datetime.now(UTC) - timedelta(seconds=1)
    for rendition in ("", ".html", ""):
        await client.get(f"/v1/previews/{second['token']}{rendition}")
    newest, older = await links(desk, post)
    assert (newest["id"], newest["opened_count"], older["opened_count"]) == (second["id"], 3, 0)
    assert datetime.fromisoformat(newest["last_opened_at"]) > before
    assert newest.keys() == second.keys() - {"token", "url"}


async def test_many_at_once_are_all_counted(app: FastAPI, committing: Sessions) -> None:
    async with committing.begin() as session:
        post = await make.draft(session)
    async with signed_in(app, committing, Scope) as desk:
        made = await link(desk, post)
        opened = await asyncio.gather(*(desk.get(f"/v1/previews/{made['token']}") for _ in range(20)))
        assert {response.status_code for response in opened} == {200}
        assert [row["opened_count"] for row in await links(desk, post)] == [20]


async def test_it_ends(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.draft(session)
        other = await make.draft(session, "Other")
    revoked, expired, of_trash = [await link(desk, post) for _ in range(2)] + [await link(desk, other)]
    url = f"{POSTS}/{post.id}/preview-links/{revoked['id']}"
    assert_problem(await desk.delete(url.replace(str(post.id), str(other.id))), PreviewLinkNotFound)
    for _ in range(2):
        assert (await desk.delete(url)).status_code == 204
    async with sessions.begin() as session:
        now = datetime.now(UTC)
        await session.execute(update(PreviewLink).where(PreviewLink.id == expired["id"]).values(expires_at=now))
    await desk.delete(f"{POSTS}/{other.id}", headers=ANY)
    for made, error in ((revoked, PreviewRevoked), (expired, PreviewExpired), (of_trash, PreviewNotFound)):
        for rendition in ("", ".html"):
            answer = await client.get(f"/v1/previews/{made['token']}{rendition}")
            assert_problem(answer, error)
            assert answer.headers["cache-control"] == "no-store"
    assert [row["opened_count"] for row in await links(desk, post)] == [0, 0]
    assert [row["revoked_at"] is not None for row in await links(desk, post)] == [False, True]
    async with sessions.begin() as session:
        events = await session.scalars(select(Event).where(Event.subject_type == "preview_link").order_by(Event.id))
        found = [(event.type, str(event.subject_id)) for event in events]
    assert [type for type, _ in found] == ["preview_link.created"] * 3 + ["preview_link.revoked"]
    assert found[-1][1] == revoked["id"]


@pytest.mark.parametrize("token", ["x", "byp_", "byp_" + "A" * 43, "é", "%00", "a" * 100])
async def test_tokens_of_nobody(client: httpx.AsyncClient, token: str) -> None:
    assert_problem(await client.get(f"/v1/previews/{token}"), PreviewNotFound)


async def test_the_token_is_shown_once_and_kept_nowhere(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.draft(session)
    made = await link(desk, post)
    assert re.fullmatch(r"byp_[\w-]{43}", made["token"])
    async with sessions.begin() as session:
        [row] = await session.scalars(select(PreviewLink))
        [event] = await session.scalars(select(Event).where(Event.type == "preview_link.created"))
    assert row.token_hash == sha256(made["token"].encode()).digest()
    assert made["token"] not in str(event.changes) + str(await links(desk, post))
    assert made["token"] not in redacted(f"/v1/previews/{made['token']}.html")  # as in a log


@pytest.mark.parametrize(
    ("wish", "error", "pointer"),
    [
        ({"revision": 2}, UnknownRevision, "/revision"),
        ({"revision": 0}, Invalid, "/revision"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, UnfitExpiry, "/expires_at"),
        ({"expires_at": (datetime.now(UTC) + timedelta(days=91)).isoformat()}, UnfitExpiry, "/expires_at"),
        ({"token": "mine"}, Invalid, "/token"),
    ],
)
async def test_what_is_no_link(
    desk: httpx.AsyncClient, sessions: Sessions, wish: dict[str, Any], error: Any, pointer: str
) -> None:
    async with sessions.begin() as session:
        post = await make.draft(session)
    assert_problem(await desk.post(f"{POSTS}/{post.id}/preview-links", json=wish), error, pointer)


async def test_how_long_it_lasts(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.draft(session)
    now = datetime.now(UTC)
    week = datetime.fromisoformat((await link(desk, post))["expires_at"]) - now
    assert timedelta(days=7) <= week < timedelta(days=7, minutes=1)
    longest = (now + timedelta(days=90)).isoformat()
    assert datetime.fromisoformat((await link(desk, post, expires_at=longest))["expires_at"]).isoformat() == longest


async def test_the_posts_of_others_are_out_of_reach(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, ada, by_ada = await make.writer(session, "Ada")
        _, _, by_grace = await make.writer(session, "Grace")
        post = await make.draft(session, authors=[ada.slug])
    url = f"{POSTS}/{post.id}/preview-links"
    made = await client.post(url, headers=by_ada)
    assert made.status_code == 201
    for method, path in (("GET", url), ("POST", url), ("DELETE", f"{url}/{made.json()['id']}")):
        assert_problem(await client.request(method, path, headers=by_grace), PostNotFound)
