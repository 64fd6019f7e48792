"""What is kept in memory, when it goes, and how much there is of it."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from byline.accounts.caller import Role
from byline.core import store as store_module
from byline.core.database import Database
from byline.core.store import Store
from byline.posts import publishing, queries
from byline.posts.models import Post
from byline.posts.schemas import PostPublish
from tests import make
from tests.conftest import Sessions
from tests.core.store.applications import hits, reader, running, url_of
from tests.waiting import until

PATHS = (
    "/v1/posts?tag=measurement",
    "/v1/posts/first",
    "/v1/posts/first.html",
    "/v1/tags",
    "/v1/authors/ada-lovelace",
    "/v1/resolve?path=/posts/first",
    "/feed.xml",
    "/tags/measurement/atom.xml",
)


@pytest.mark.parametrize("path", PATHS)
async def test_the_second_answer_is_the_first_from_memory(one: FastAPI, post: Post, path: str) -> None:
    async with reader(one) as client:
        first, _ = await hits(one, client.get(path))
        second, was_hit = await hits(one, client.get(path))
        head, head_hit = await hits(one, client.head(path))
    assert was_hit and head_hit and first.status_code == 200
    assert second.content == first.content and head.content == b""
    ids = {answer.headers.pop("x-request-id") for answer in (first, second, head)}
    assert len(ids) == 3
    assert first.headers == second.headers == head.headers
    assert first.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert {"content-security-policy", "x-content-type-options", "etag"} <= set(first.headers)


@pytest.mark.parametrize(
    ("statement", "paths"),
    [
        ("update posts set title = 'Changed'", PATHS[:3] + PATHS[5:]),
        ("delete from post_tags", PATHS[:3]),
        ("update tags set name = 'Changed'", (PATHS[0], PATHS[3], PATHS[7])),
        ("truncate redirects", ()),
        ("with new as (update authors set name = 'Changed' returning id) select * from new", PATHS[4:5]),
    ],
)
async def test_whatever_writes_sql_ends_what_was_read_from_the_table(
    one: FastAPI, post: Post, written: Sessions, statement: str, paths: Sequence[str]
) -> None:
    async with reader(one) as client:
        before = {path: (await client.get(path)).text for path in PATHS}
        async with written.begin() as session:
            await session.execute(text(statement))
        await one.state.notices.catch_up()
        for path in paths:
            _, was_hit = await hits(one, client.get(path))
            assert not was_hit
        if "Changed" in statement:
            assert [path for path in paths if (await client.get(path)).text != before[path]]


async def test_a_change_of_one_table_leaves_what_was_read_from_others(
    one: FastAPI, post: Post, written: Sessions
) -> None:
    async with reader(one) as client:
        await client.get("/v1/series")
        async with written.begin() as session:
            await session.execute(text("update tags set description = 'x'"))
        await one.state.notices.catch_up()
        assert (await hits(one, client.get("/v1/series")))[1]


async def test_what_is_written_at_the_desk_leaves_what_is_kept_for_readers(
    one: FastAPI, post: Post, written: Sessions
) -> None:
    async with reader(one) as client:
        for path in PATHS:
            await client.get(path)
        async with written.begin() as session:
            draft = await make.draft(session, "Second", tags=["measurement"], authors=["ada-lovelace"])
        await one.state.notices.catch_up()
        for statement in (
            "update posts set title = 'x' where slug = 'second'",
            "update post_tags set position = 2 where post_id = :id",
            "delete from posts where id = :id",
        ):
            for path in PATHS:
                assert (await hits(one, client.get(path)))[1]
            async with written.begin() as session:
                await session.execute(text(statement), {"id": draft.id} if ":id" in statement else {})
            await one.state.notices.catch_up()
        for path in PATHS:
            assert (await hits(one, client.get(path)))[1]


@pytest.mark.parametrize(
    "statement",
    [
        "update posts set status = 'published', published_at = now() where slug = 'second'",
        "update posts set status = 'scheduled', published_at = now() + interval '1 hour' where slug = 'second'",
        "update posts set status = 'unpublished' where slug = 'first'",
        "update posts set deleted_at = now() where slug = 'first'",
        "delete from posts where slug = 'first'",
        "truncate posts cascade",
    ],
)
async def test_what_readers_see_or_saw_is_told(one: FastAPI, post: Post, written: Sessions, statement: str) -> None:
    async with written.begin() as session:
        await make.draft(session, "Second")
    async with reader(one) as client:
        await client.get("/v1/posts")
        async with written.begin() as session:
            await session.execute(text(statement))
        await one.state.notices.catch_up()
        assert not (await hits(one, client.get("/v1/posts")))[1]


async def test_every_table_that_readers_see_has_the_trigger(one: FastAPI, post: Post) -> None:
    """All paths above were hits. A table without it is never relied upon."""
    assert one.state.store._told == {"posts", "post_authors", "post_tags", "authors", "tags", "series", "redirects"}
    one.state.store._told -= {"tags"}
    try:
        async with reader(one) as client:
            await client.get("/v1/tags")
            assert not (await hits(one, client.get("/v1/tags")))[1]
    finally:
        one.state.store._told |= {"tags"}


async def test_who_wrote_is_answered_when_nothing_old_is_given_any_more(one: FastAPI, written: Sessions) -> None:
    async with written.begin() as session:
        _, _, headers = await make.writer(session, role=Role.OWNER)
    async with reader(one) as client:
        made = await client.post("/v1/manage/tags", json={"name": "T0"}, headers=headers)
        tag = made.json()
        for number in range(1, 30):
            assert (await client.get("/v1/tags")).json()["data"][0]["name"] == f"T{number - 1}"
            changed = await client.patch(
                f"/v1/manage/tags/{tag['id']}", json={"name": f"T{number}"}, headers={**headers, "If-Match": "*"}
            )
            assert changed.status_code == 200
            assert (await client.get("/v1/tags")).json()["data"][0]["name"] == f"T{number}"


async def test_an_answer_that_was_overtaken_is_not_kept(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and keeping, somebody writes."""
    is_current = Store.is_current

    async def overtaken(self: Store, *reading: Any) -> bool:
        async with written.begin() as session:
            await session.execute(text("update posts set title = 'Overtaken'"))
        return await is_current(self, *reading)

    async with reader(one) as client:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "is_current", overtaken)
            assert (await client.get("/v1/posts/first")).json()["title"] == "First"
        answer, was_hit = await hits(one, client.get("/v1/posts/first"))
    assert answer.json()["title"] == "Overtaken" and not was_hit


async def test_no_reader_goes_back_in_time(one: FastAPI, other: FastAPI, post: Post, written: Sessions) -> None:
    """Readers of several addresses on two processes, while somebody writes: what each process shows only grows."""
    paths = ("/v1/posts/first", "/v1/posts", "/feed.json", "/v1/posts?limit=1", "/v1/posts/first?again")
    done = asyncio.Event()
    asked = 0

    async def read(app: FastAPI, seen: list[int], number: int) -> None:
        nonlocal asked
        async with reader(app, **({"Cache-Control": "no-cache"} if number == 0 else {})) as client:
            for path in itertools.cycle(paths[number % 5 :] + paths[: number % 5]):
                if done.is_set():
                    return
                floor = seen[0]
                found = int((await client.get(path)).text.split("title number ")[1].split('"')[0].split("<")[0])
                assert found >= floor, f"{path} showed {found} after this process had shown {floor}"
                seen[0] = max(seen[0], found)
                asked += 1
                await asyncio.sleep(0)  # what comes from memory waits for nothing: nobody else would have a turn

    async def write() -> None:
        for number in range(1, 41):
            async with written.begin() as session:
                await session.execute(text("update posts set title = 'title number ' || :n"), {"n": str(number)})
            enough = asked + number % 4 * 10
            await until(partial(lambda least: asked >= least, enough))
        done.set()

    async with written.begin() as session:
        await session.execute(text("update posts set title = 'title number 0'"))
    for app in (one, other):
        await app.state.notices.catch_up()
    seen: dict[int, list[int]] = {0: [0], 1: [0]}
    before = one.state.store.hits
    readers = [read(app, seen[place], number) for place, app in enumerate((one, other)) for number in range(5)]
    await asyncio.gather(write(), *readers)
    for app in (one, other):
        await app.state.notices.catch_up()
        async with reader(app) as client:
            for path in paths:
                assert "title number 40" in (await client.get(path)).text
    assert one.state.store.hits - before > 20 and asked > 100


async def test_time_ends_what_a_schedule_changes(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    async with written.begin() as session:
        later = await make.draft(session, "Later")
        await publishing.publish(session, later, PostPublish(at=soon), caller=None)
    await one.state.notices.catch_up()
    async with reader(one) as client:
        await client.get("/v1/posts")
        answer, was_hit = await hits(one, client.get("/v1/posts"))
        assert len(answer.json()["data"]) == 1
        assert was_hit or datetime.now(UTC) >= soon
        await asyncio.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()))
        answer, was_hit = await hits(one, client.get("/v1/posts"))
        assert len(answer.json()["data"]) == 2 and not was_hit
        assert (await hits(one, client.get("/v1/posts")))[1]
        with monkeypatch.context() as patch:  # nor for longer than a minute, in any case
            later_on = time.time() + store_module.LONGEST + 1
            patch.setattr(time, "time", lambda: later_on)
            assert not (await hits(one, client.get("/v1/posts")))[1]


async def test_next_change_is_the_first_moment_to_come(written: Sessions) -> None:
    now = datetime.now(UTC)
    async with written.begin() as session:
        assert await session.scalar(queries.next_change(now)) is None
        for days in (-1, 2, 1):
            await make.post(session, f"In {days}", at=now + timedelta(days=days))
        assert await session.scalar(queries.next_change(now)) == now + timedelta(days=1)
        assert await session.scalar(queries.next_change(now + timedelta(days=1))) == now + timedelta(days=2)


async def test_of_many_who_ask_at_once_one_computes(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    connections = one.state.readers.connections
    taken = connections.taken

    def taken_and_noted() -> object:
        asked.append(connections)
        return taken()

    monkeypatch.setattr(connections, "taken", taken_and_noted)
    async with reader(one) as client:
        answers = await asyncio.gather(*(client.get("/v1/posts/first") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200} and len({answer.text for answer in answers}) == 1
    assert len(asked) == 1


async def test_memory_has_a_bound_and_keeps_what_is_read(database: Database, post: Post) -> None:
    limit = 150_000
    async with running(url_of(database), cache_bytes=limit) as app, reader(app) as client:
        store: Store = app.state.store
        for number in range(60):
            await client.get(f"/v1/posts?limit={number + 1}")
            assert (await hits(app, client.get("/v1/posts/first")))[1] or number == 0
            assert store.size <= limit
        assert not (await hits(app, client.get("/v1/posts?limit=1")))[1]  # the oldest
        assert store.size == sum(answer.size for answer in store._answers.values())
        store._empty()
        assert store.size == 0
    async with running(url_of(database), cache_bytes=0) as app, reader(app) as client:
        first, second = [await client.get("/v1/posts/first") for _ in range(2)]
        assert app.state.store.hits == 0 and first.headers["cache-control"] == second.headers["cache-control"]
