"""Answers from memory: two applications on one database, and what they or somebody else write to it."""

import asyncio
import gzip
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import brotli
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import event, text

from byline.accounts.caller import Role
from byline.app import create_app
from byline.core import notices
from byline.core import store as store_module
from byline.core.answers import IDENTITY, preferred_coding
from byline.core.database import Database
from byline.core.delivery import STALE
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.core.store import Store
from byline.models import Base
from byline.posts import publishing, queries
from byline.posts.models import Post
from byline.posts.schemas import PostPublish
from tests import make
from tests.conftest import Sessions, create_database
from tests.waiting import PATIENCE, until


@asynccontextmanager
async def running(url: str, **settings: Any) -> AsyncIterator[FastAPI]:
    """An application that has begun to listen."""
    app = create_app(
        Settings(
            _env_file=None,
            database_url=SecretStr(url),
            site_url="https://blog.example",
            worker=False,
            read_timeout=PATIENCE,
            **settings,
        )
    )
    async with app.router.lifespan_context(app):
        await until(lambda: app.state.store.is_open or not app.state.store.limit)
        yield app


def reader(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="https://blog.example",
        headers={"Accept-Encoding": "identity", **headers},
    )


@pytest.fixture(scope="module")
async def database(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[Database]:
    url = await create_database(postgres, f"byline_{worker_id}_store")
    database = Database(Settings(_env_file=None, database_url=SecretStr(url)))
    await migrate(database.engine)
    yield database
    await database.close()


def url_of(database: Database) -> str:
    return database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="module")
async def one(database: Database) -> AsyncIterator[FastAPI]:
    async with running(url_of(database)) as app:
        yield app


@pytest.fixture(scope="module")
async def other(database: Database) -> AsyncIterator[FastAPI]:
    async with running(url_of(database)) as app:
        yield app


@pytest.fixture
async def written(database: Database) -> AsyncIterator[Sessions]:
    """Transactions of somebody else: their writes are what `psql` would write."""
    yield database.sessions
    async with database.engine.begin() as connection:
        await connection.execute(text("set local byline.erasing = 'on'"))
        for table in reversed(Base.metadata.sorted_tables):
            await connection.execute(table.delete())


@pytest.fixture
async def post(written: Sessions, one: FastAPI, other: FastAPI) -> Post:
    async with written.begin() as session:
        tag = await make.tag(session)
        author = await make.author(session)
        post = await make.post(session, "First", tags=[tag.slug], authors=[author.slug], markdown="Text. " * 300)
    for app in (one, other):
        await app.state.notices.catch_up()
    return post


async def hits(app: FastAPI, ask: Awaitable[httpx.Response]) -> tuple[httpx.Response, bool]:
    """The answer, and whether it came from memory."""
    before = app.state.store.hits
    answer = await ask
    return answer, app.state.store.hits > before


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


# ── what is kept, and when it goes ───────────────────────────────────────────────────────────────────────────────────


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


# ── who gets it ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "a=b"},
        {"Authorization": "Bearer x"},
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "max-age=0, No-Store"},
        {"Pragma": "no-cache"},
    ],
)
async def test_these_are_answered_anew(one: FastAPI, post: Post, headers: dict[str, str]) -> None:
    async with reader(one) as client:
        kept = await client.get("/v1/posts/first")
        answer, was_hit = await hits(one, client.get("/v1/posts/first", headers=headers))
        assert not was_hit and answer.json() == kept.json()
        assert (await hits(one, client.get("/v1/posts/first", headers={"Cache-Control": "max-age=0"})))[1]


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/v1/posts/none", "/v1/posts?x=1", "/openapi.json", "/v1/changes"]
)
async def test_these_are_never_kept(one: FastAPI, post: Post, path: str) -> None:
    async with reader(one) as client:
        for _ in range(2):
            answer, was_hit = await hits(one, client.get(path))
            assert not was_hit and "must-revalidate" not in answer.headers.get("cache-control", "")


async def test_previews_are_never_kept(one: FastAPI, written: Sessions) -> None:
    async with written.begin() as session:
        _, _, headers = await make.writer(session, role=Role.OWNER)
        draft = await make.draft(session)
    async with reader(one) as client:
        link = (await client.post(f"/v1/manage/posts/{draft.id}/preview-links", json={}, headers=headers)).json()
        for _ in range(2):
            answer, was_hit = await hits(one, client.get(f"/v1/previews/{link['token']}"))
            assert (answer.status_code, answer.headers["cache-control"], was_hit) == (200, "no-store", False)


async def test_forms_differ_in_tag_and_length_and_not_in_what_they_say(one: FastAPI, post: Post) -> None:
    found = {}
    async with reader(one) as client:
        for coding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress), ("identity", bytes)):
            async with client.stream("GET", "/v1/posts/first", headers={"Accept-Encoding": coding}) as answer:
                raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            assert answer.headers.get("content-encoding", "identity") == coding
            assert int(answer.headers["content-length"]) == len(raw)
            assert answer.headers["vary"] == "Accept, Accept-Encoding"
            found[coding] = (unpack(raw), answer.headers["etag"])
        tags = [tag for _, tag in found.values()]
        assert len({body for body, _ in found.values()}) == 1 and len(set(tags)) == 3
        for coding, (_, tag) in found.items():
            for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
                headers = {"Accept-Encoding": coding, "If-None-Match": known}
                answer, was_hit = await hits(one, client.get("/v1/posts/first", headers=headers))
                assert (answer.status_code, answer.content, was_hit) == (304, b"", True)
                assert answer.headers["etag"] == tag and "content-length" not in answer.headers
                assert answer.headers["vary"] == "Accept, Accept-Encoding"
            others = ", ".join(other for other in tags if other != tag)
            headers = {"Accept-Encoding": coding, "If-None-Match": others}
            assert (await client.get("/v1/posts/first", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", IDENTITY),
        ("gzip, deflate, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("GZIP;Q=0.8", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "br"),
        ("*;q=0.1, br;q=0", "gzip"),
        ("br;q=0, gzip;q=0.000", IDENTITY),
        ("identity, br;q=0.9", IDENTITY),
        ("identity;q=0.5, br;q=0.9", "br"),
        ("br;q=2, gzip;level=3, zstd", IDENTITY),
        (",;,=\x00", IDENTITY),
    ],
)
def test_the_form_is_the_one_that_is_ranked_highest(header: str, coding: str) -> None:
    assert preferred_coding(header.encode()) == coding


async def test_the_first_answer_is_as_those_from_memory(one: FastAPI, post: Post) -> None:
    """Though it comes conditional, in part, and compressed."""
    async with reader(one) as client:
        headers = {"Accept-Encoding": "br", "If-None-Match": '"old"', "Range": "bytes=0-3", "If-Range": '"old"'}
        first = await client.get("/v1/posts/first", headers=headers)
        second, was_hit = await hits(one, client.get("/v1/posts/first", headers=headers))
    assert was_hit and first.status_code == second.status_code == 200
    assert first.content == second.content and first.json()["title"] == "First"
    assert first.headers["content-encoding"] == "br"


async def test_media_types_hosts_and_addresses_are_kept_apart(one: FastAPI, post: Post) -> None:
    async with reader(one) as client:
        for _ in range(2):
            assert (await client.get("/v1/posts/first")).json()["title"] == "First"
            answer = await client.get("/v1/posts/first", headers={"Accept": "text/markdown"})
            assert answer.text.startswith("Text. ")
            assert len((await client.get("/v1/posts?limit=1&fields=slug")).json()["data"][0]) == 1
        repeated = [("Accept", "text/markdown"), ("Accept", "application/json;q=0.1")]
        answer, was_hit = await hits(one, client.get("/v1/posts/first", headers=repeated))
        assert not was_hit


async def test_each_origin_gets_its_own_answer(database: Database, post: Post) -> None:
    origins = ["https://a.example", "https://b.example"]
    async with running(url_of(database), cors_origins=origins) as app, reader(app) as client:
        for _ in range(2):
            for origin in origins:
                answer = await client.get("/v1/posts", headers={"Origin": origin})
                assert answer.headers["access-control-allow-origin"] == origin
                assert "Origin" in answer.headers["vary"]
            plain = await client.get("/v1/posts")
            assert "access-control-allow-origin" not in plain.headers and "Origin" in plain.headers["vary"]
        assert app.state.store.hits == 3
        foreign = await client.get("/v1/posts", headers={"Origin": "https://c.example"})
        assert "access-control-allow-origin" not in foreign.headers and app.state.store.hits == 3
    async with running(url_of(database), cors_origins=["*"]) as app, reader(app) as client:
        for origin in origins:
            answer = await client.get("/v1/posts", headers={"Origin": origin})
            assert answer.headers["access-control-allow-origin"] == "*"
        assert app.state.store.hits == 1


async def test_what_must_see_each_request_does(
    database: Database, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(url_of(database), allowed_hosts=["blog.example"]) as app, reader(app) as client:
        for host, status in [
            ("blog.example", 200),
            ("evil.example", 400),
            ("blog.example", 200),
            ("evil.example", 400),
        ]:
            assert (await client.get("/v1/posts", headers={"Host": host})).status_code == status
        assert app.state.store.hits == 1
    async with running(url_of(database), rate_limit_anonymous="3/minute") as app, reader(app) as client:
        statuses = [(await client.get("/v1/posts")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429] and app.state.store.hits == 2
    caplog.set_level("INFO", "byline.access")
    for setting, lines in ((True, 3), (False, 1)):
        caplog.clear()
        async with running(url_of(database), cache_log=setting) as app, reader(app) as client:
            given = [(await client.get("/v1/posts", headers={"X-Request-ID": "mine-0123"})) for _ in range(3)]
        assert {answer.headers.get_list("x-request-id")[0] for answer in given} == {"mine-0123"}
        assert len(caplog.records) == lines


async def test_over_tls_browsers_are_told_to_stay(database: Database, post: Post) -> None:
    production: dict[str, Any] = {"environment": "production", "secret_key": "x" * 32}
    async with running(url_of(database), **production) as app, reader(app) as client:
        for _ in range(2):
            assert "strict-transport-security" in (await client.get("/v1/posts")).headers
            plain = await client.get("http://blog.example/v1/posts")
            assert "strict-transport-security" not in plain.headers
        assert app.state.store.hits == 2


async def test_where_the_database_cannot_say_until_when_nothing_is_kept(
    written: Sessions, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with written.begin() as session:
        await make.post(session, "First")
    async with running(url_of(database), database_pool_size=1) as app, reader(app) as client:
        async with app.state.sessions.begin() as session:  # which has the one connection
            await session.execute(text("select 1"))
            monkeypatch.setattr(app.state.database.engine.sync_engine.pool, "_timeout", 0.05)
            for _ in range(2):
                answer, was_hit = await hits(app, client.get("/v1/posts/first"))
                assert answer.status_code == 200 and not was_hit
        monkeypatch.undo()
        await client.get("/v1/posts/first")
        assert (await hits(app, client.get("/v1/posts/first")))[1]


# ── how much, and how often ──────────────────────────────────────────────────────────────────────────────────────────


async def test_of_many_who_ask_at_once_one_computes(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    engine = one.state.readers.engine.sync_engine

    def note(connection: object, *_: object) -> None:
        asked.append(connection)

    event.listen(engine, "checkout", note)
    async with reader(one) as client:
        answers = await asyncio.gather(*(client.get("/v1/posts/first") for _ in range(50)))
    event.remove(engine, "checkout", note)
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


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_while_nothing_is_heard_nothing_comes_from_memory(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = text(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'byline notices' and datname = current_database()"
    )
    async with reader(one) as client:
        for number in range(3):
            await client.get("/v1/posts/first")
            async with written.begin() as session:
                assert any(await session.scalars(end))
            async with written.begin() as session:
                await session.execute(text("update posts set title = 'Cut ' || :n"), {"n": str(number)})
            await until(lambda: not one.state.notices.listening)
            for _ in range(3):
                answer = await client.get("/v1/posts/first")
                assert answer.json()["title"] == f"Cut {number}"
            await until(lambda: one.state.store.is_open)
            await client.get("/v1/posts/first")
            answer, was_hit = await hits(one, client.get("/v1/posts/first"))
            assert was_hit and answer.json()["title"] == f"Cut {number}"


async def test_a_connection_that_is_gone_without_a_word_is_found_out(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing comes through it any more, and nobody says so."""
    monkeypatch.setattr(notices, "HEARTBEAT", 0.2)
    async with reader(one) as client:
        await client.get("/v1/posts/first")
        process = text(
            "select pid from pg_stat_activity"
            " where application_name = 'byline notices' and datname = current_database()"
        )
        async with written.begin() as session:
            pids = (await session.scalars(process)).all()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: not one.state.notices.listening)
            async with written.begin() as session:
                await session.execute(text("update posts set title = 'Unheard'"))
            assert (await client.get("/v1/posts/first")).json()["title"] == "Unheard"
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        await until(lambda: one.state.store.is_open)


async def test_a_pooler_in_between_is_found_out(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """It tells its clients ids that are no process of the database, and gives their notices to others."""

    class Pooled(asyncpg.Connection):  # type: ignore[misc]
        def get_server_pid(self) -> int:
            return 1

    app = create_app(Settings(_env_file=None, database_url=SecretStr(url_of(database)), worker=False))
    app.state.notices._address["connection_class"] = Pooled
    async with app.router.lifespan_context(app), reader(app) as client:
        await until(lambda: any("BYLINE_LISTEN_DATABASE_URL" in record.getMessage() for record in caplog.records))
        for _ in range(2):
            assert (await client.get("/v1/tags")).status_code == 200
        assert app.state.store.hits == 0 and not app.state.store.is_open


async def goes_on_reading(app: FastAPI, client: httpx.AsyncClient) -> None:
    """What is given while the database is away."""
    known = await client.get("/v1/posts/first")
    assert known.status_code == 200 and known.json()["title"] == "First"
    assert known.headers["cache-status"] == STALE.decode() and int(known.headers["age"]) >= 0
    unchanged = await client.get("/v1/posts/first", headers={"If-None-Match": known.headers["etag"]})
    assert unchanged.status_code == 304 and "age" in unchanged.headers
    assert (await client.get("/v1/posts/second")).status_code == 503  # that nobody had asked for
    for own in ({"Authorization": "Bearer x"}, {"Cache-Control": "no-cache"}):
        assert (await client.get("/v1/posts/first", headers=own)).status_code == 503
    app.state.store.stale, allowed = 0, app.state.store.stale
    assert (await client.get("/v1/posts/first")).status_code == 503
    app.state.store.stale = allowed


async def test_after_a_restart_of_the_database_nothing_is_old(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    server.start()
    try:
        settings = Settings(_env_file=None, database_url=SecretStr(server.url()))
        database = Database(settings)
        await migrate(database.engine)
        async with database.sessions.begin() as session:
            await make.post(session, "First")
        async with running(server.url()) as app, reader(app) as client:
            await client.get("/v1/posts/first")
            assert (await hits(app, client.get("/v1/posts/first")))[1]
            await database.close()
            await asyncio.to_thread(server.stop)
            await until(lambda: not app.state.notices.listening)
            await goes_on_reading(app, client)
            await asyncio.to_thread(server.start)
            async with database.sessions.begin() as session:
                await session.execute(text("update posts set title = 'Restarted'"))
            restarted = await client.get("/v1/posts/first")
            assert restarted.json()["title"] == "Restarted" and "age" not in restarted.headers
            await until(lambda: app.state.store.is_open)
            await client.get("/v1/posts/first")
            answer, was_hit = await hits(app, client.get("/v1/posts/first"))
            assert was_hit and answer.json()["title"] == "Restarted"
        await database.close()
    finally:
        server.stop()
