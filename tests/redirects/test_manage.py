"""Redirects made by hand, one at a time."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from byline.accounts.caller import Scope
from byline.core.errors import Invalid, StaleVersion, VersionRequired
from byline.core.events import Event
from byline.redirects.service import MAX_HOPS, RedirectExists, RedirectLoop, RedirectNotFound, UnfitTarget
from tests.conftest import Sessions, signed_in
from tests.problems import assert_problem

REDIRECTS = "/v1/manage/redirects"
ANY = {"If-Match": "*"}


async def add(desk: httpx.AsyncClient, path: str, target: str | None, status: int = 301) -> dict[str, Any]:
    response = await desk.post(REDIRECTS, json={"path": path, "target": target, "status": status})
    assert response.status_code == 201, response.text
    added: dict[str, Any] = response.json()
    return added


async def paths(desk: httpx.AsyncClient, query: str = "") -> list[str]:
    response = await desk.get(f"{REDIRECTS}?{query}")
    assert response.status_code == 200, response.text
    return [row["path"] for row in response.json()["data"]]


async def test_create_read_change_delete(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    created = await desk.post(REDIRECTS, json={"path": "/Old/caf%C3%A9/", "target": "https://blog.example/new/#part"})
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    row = created.json()
    assert {name: row[name] for name in ("path", "target", "status", "source", "version")} == {
        "path": "/Old/café",
        "target": "/new#part",
        "status": 301,
        "source": "manual",
        "version": 1,
    }
    url = created.headers["location"]
    assert (await desk.get(url)).json() == row

    assert_problem(await desk.patch(url, json={"status": 302}), VersionRequired)
    changed = await desk.patch(url, json={"status": 302}, headers={"If-Match": '"1"'})
    assert (changed.headers["etag"], changed.json()["status"], changed.json()["target"]) == ('"2"', 302, "/new#part")
    assert_problem(await desk.patch(url, json={"status": 301}, headers={"If-Match": '"1"'}), StaleVersion)
    assert (await desk.patch(url, json={"status": 302}, headers=ANY)).json() == changed.json()  # nothing new
    gone = await desk.patch(url, json={"status": 410, "target": None}, headers=ANY)
    assert (gone.json()["status"], gone.json()["target"]) == (410, None)
    moved = await desk.patch(url, json={"path": "/other", "status": 308, "target": "/x"}, headers=ANY)
    assert moved.json()["path"] == "/other"

    assert_problem(await desk.delete(url), VersionRequired)
    assert (await desk.delete(url, headers={"If-Match": '"4"'})).status_code == 204
    for refused in (
        await desk.get(url),
        await desk.patch(url, json={}, headers=ANY),
        await desk.delete(url, headers=ANY),
    ):
        assert_problem(refused, RedirectNotFound)
    async with sessions.begin() as session:
        found = await session.scalars(select(Event).where(Event.subject_id == UUID(row["id"])).order_by(Event.id))
        events = found.all()
    assert [event.type for event in events] == ["redirect.created", *["redirect.updated"] * 3, "redirect.deleted"]
    assert events[1].changes == {"status": {"before": 301, "after": 302}}


@pytest.mark.parametrize(
    "wish",
    [
        {"path": "/a"},
        {"path": "/a", "target": None, "status": 302},
        {"path": "/a", "target": "/b", "status": 410},
        {"path": "/a", "target": "https://blog.example/../x"},
    ],
)
async def test_410_has_no_target_and_all_others_have_one(desk: httpx.AsyncClient, wish: dict[str, Any]) -> None:
    assert_problem(await desk.post(REDIRECTS, json=wish), UnfitTarget, "/target")


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"path": "a", "target": "/b"}, "/path"),
        ({"path": "/a/../b", "target": "/b"}, "/path"),
        ({"path": "/a", "target": "javascript:alert(1)"}, "/target"),
        ({"path": "/a", "target": "/b", "status": 303}, "/status"),
        ({"path": "/a", "target": "/b", "source": "slug"}, "/source"),
    ],
)
async def test_what_is_no_redirect(desk: httpx.AsyncClient, wish: dict[str, Any], pointer: str) -> None:
    assert_problem(await desk.post(REDIRECTS, json=wish), Invalid, pointer)


async def test_a_path_leads_one_way(desk: httpx.AsyncClient) -> None:
    await add(desk, "/a", "/x")
    other = await add(desk, "/b", "/x")
    assert_problem(await desk.post(REDIRECTS, json={"path": "/%61/", "target": "/y"}), RedirectExists)
    taken = await desk.patch(f"{REDIRECTS}/{other['id']}", json={"path": "/a"}, headers=ANY)
    assert_problem(taken, RedirectExists)
    await add(desk, "/a?p=1", "/y")


async def test_no_loop_is_made(desk: httpx.AsyncClient) -> None:
    for path, target in (
        ("/a", "/a"),
        ("/a", "/a?x=1#y"),
        ("/a", "https://blog.example/a/"),
        ("/", "https://blog.example"),
    ):
        assert_problem(await desk.post(REDIRECTS, json={"path": path, "target": target}), RedirectLoop)
    await add(desk, "/a", "/b")
    second = await add(desk, "/b", "/c?from=b#top")
    assert_problem(await desk.post(REDIRECTS, json={"path": "/c", "target": "/a"}), RedirectLoop)
    back = await desk.patch(f"{REDIRECTS}/{second['id']}", json={"target": "/a"}, headers=ANY)
    assert_problem(back, RedirectLoop)
    await add(desk, "/c?from=elsewhere", "/a")  # another address than the one that is led to
    assert_problem(await desk.post(REDIRECTS, json={"path": "/c?from=b", "target": "/a"}), RedirectLoop)


async def test_two_that_are_a_loop_together_are_not_both_made(app: FastAPI, committing: Sessions) -> None:
    async with signed_in(app, committing, Scope) as one, signed_in(app, committing, Scope) as other:
        for number in range(10):
            here, there = (
                {"path": f"/{number}/a", "target": f"/{number}/b"},
                {"path": f"/{number}/b", "target": f"/{number}/a"},
            )
            adding = (one.post(REDIRECTS, json=here), other.post(REDIRECTS, json=there))
            first, second = sorted(await asyncio.gather(*adding), key=lambda answer: answer.status_code)
            assert first.status_code == 201
            assert_problem(second, RedirectLoop)


async def test_a_chain_has_an_end(desk: httpx.AsyncClient) -> None:
    for number in range(MAX_HOPS):
        await add(desk, f"/{number}", f"/{number - 1}" if number else "/end")
    assert_problem(await desk.post(REDIRECTS, json={"path": "/last", "target": f"/{MAX_HOPS - 1}"}), RedirectLoop)
    await add(desk, "/last", f"/{MAX_HOPS - 2}")


async def test_filters_and_sorts(desk: httpx.AsyncClient) -> None:
    await add(desk, "/2019/b", "/x", 302)
    await add(desk, "/2019/a", None, 410)
    await add(desk, "/2020_a", "/x")
    assert await paths(desk) == ["/2019/a", "/2019/b", "/2020_a"]
    assert await paths(desk, "sort=-path") == ["/2020_a", "/2019/b", "/2019/a"]
    assert await paths(desk, "sort=created_at") == ["/2019/b", "/2019/a", "/2020_a"]
    assert await paths(desk, "q=/2019/") == ["/2019/a", "/2019/b"]
    assert await paths(desk, "q=/2020_") == ["/2020_a"]
    assert await paths(desk, "q=/____/") == []
    assert await paths(desk, "status=410") == ["/2019/a"]
    assert await paths(desk, "source=slug") == []
    assert await paths(desk, "source=manual&limit=1") == ["/2019/a"]
    assert_problem(await desk.get(f"{REDIRECTS}?status=303"), Invalid, "/query/status")
