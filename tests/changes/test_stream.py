"""Server-sent events from real servers: what an `EventSource` gets."""

import asyncio
import json
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy import text

from byline.app import create_app
from byline.changes import hub, routes
from byline.changes.feed import CursorGone
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from tests import make
from tests.conftest import Sessions, create_database
from tests.problems import assert_problem
from tests.test_cli import serving
from tests.waiting import until

PATIENCE = 30.0
PING = {"": "ping"}

Event = dict[str, str]


@pytest.fixture(scope="module")
async def settings(postgres: EmbeddedPostgres, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    url = await create_database(postgres, f"byline_{worker_id}_stream")
    data_dir = tmp_path_factory.mktemp("data")
    return Settings(_env_file=None, database_url=SecretStr(url), data_dir=data_dir, worker=False)


@pytest.fixture(scope="module")
async def transactions(settings: Settings) -> AsyncIterator[Sessions]:
    database = Database(settings)
    await migrate(database.engine)
    yield database.sessions
    await database.close()


@pytest.fixture(scope="module")
async def server(settings: Settings, transactions: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    app = create_app(settings)
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", limits=limits, timeout=PATIENCE
    ) as client:
        yield client
    running.should_exit = True
    await asyncio.to_thread(thread.join)
    listener.close()


@asynccontextmanager
async def following(client: httpx.AsyncClient, last: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of a stream, which begins with the one that has no data."""
    headers = {"Last-Event-ID": last} if last else {}
    async with client.stream("GET", "/v1/events", headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "no-transform" in response.headers["cache-control"] and response.headers["x-accel-buffering"] == "no"
        yield parsed(response)


async def parsed(response: httpx.Response) -> AsyncIterator[Event]:
    event: Event = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            yield event
            event = {}


async def following_one(events: AsyncIterator[Event]) -> Event:
    """The next one; signs of life, which a slow machine gets in between, are passed over."""
    async with asyncio.timeout(PATIENCE):
        while (event := await anext(events)) == PING:
            pass
        return event


async def tag(transactions: Sessions, name: str) -> None:
    async with transactions.begin() as session:
        await make.tag(session, name)


async def test_a_stream_goes_on_where_it_was_cut_off(
    server: httpx.AsyncClient, transactions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "LOOK_EVERY", 10 * PATIENCE)  # so that it is the notice that wakes it
    async with following(server) as events:
        hello = await following_one(events)
        assert 2000 <= int(hello["retry"]) <= 5000 and "data" not in hello
    await tag(transactions, "While away")
    async with following(server, hello["id"]) as events:
        assert "data" not in await following_one(events)
        missed = await following_one(events)
        assert json.loads(missed["data"])["slug"] == "while-away"
        await tag(transactions, "While here")
        heard = await following_one(events)
    change = json.loads(heard["data"])
    assert (heard["event"], heard["id"]) == ("upsert", change["cursor"])
    assert (change["type"], change["kind"], change["slug"], change["path"]) == (
        "upsert", "tag", "while-here", "/tags/while-here",
    )  # fmt: skip
    async with following(server, missed["id"]) as events:
        await following_one(events)
        assert (await following_one(events)) == heard
    page = (await server.get("/v1/changes", params={"since": hello["id"]})).json()
    assert [item["cursor"] for item in page["data"]] == [missed["id"], heard["id"]]


async def test_one_that_is_far_behind_gets_all_in_order(
    server: httpx.AsyncClient, transactions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "KEPT", 3)
    monkeypatch.setattr(hub, "AT_ONCE", 2)
    async with following(server) as events:
        hello = await following_one(events)
    names = [f"far-{n}" for n in range(10)]
    for name in names:
        await tag(transactions, name)
    async with following(server, hello["id"]) as events:
        await following_one(events)
        assert [json.loads((await following_one(events))["data"])["slug"] for _ in names] == names


async def test_an_idle_stream_shows_that_it_lives(server: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT", 0.05)
    async with following(server) as events:
        await following_one(events)
        async with asyncio.timeout(PATIENCE):
            assert await anext(events) == PING


async def test_only_the_head_of_a_stream_has_an_end(server: httpx.AsyncClient) -> None:
    response = await server.head("/v1/events")
    assert (response.status_code, response.content) == (200, b"")
    assert (await server.get("/livez")).status_code == 200  # over the same connection


async def test_many_idle_streams_share_one_reader(server: httpx.AsyncClient, transactions: Sessions) -> None:
    connections = text("select count(*) from pg_stat_activity where datname = current_database()")
    async with following(server) as first:
        await following_one(first)
        async with transactions.begin() as session:
            before = (await session.execute(connections)).scalar_one()
        opened = [following(server) for _ in range(200)]
        streams = [await stream.__aenter__() for stream in opened]
        for events in streams:
            await following_one(events)
        async with transactions.begin() as session:
            assert (await session.execute(connections)).scalar_one() <= before
        assert (await server.get("/v1/tags")).status_code == 200  # there is a connection for it
        await tag(transactions, "For all")
        heard = [json.loads((await following_one(events))["data"])["slug"] for events in [first, *streams]]
        assert heard == ["for-all"] * 201
        for stream in opened:
            await stream.__aexit__(None, None, None)


async def test_a_stream_hears_without_notices_too(server: httpx.AsyncClient, transactions: Sessions) -> None:
    """As behind a PgBouncer, or while the listening connection is lost."""
    async with following(server) as events:
        await following_one(events)
        listening = "application_name = 'byline notices' and datname = current_database()"
        end = text(f"select pg_terminate_backend(pid) from pg_stat_activity where {listening}")

        async def ended() -> bool:
            async with transactions.begin() as session:
                return (await session.execute(end)).scalar() is True

        await until(ended)
        await tag(transactions, "All the same")
        assert json.loads((await following_one(events))["data"])["slug"] == "all-the-same"


async def test_streams_end_when_the_database_is_an_earlier_one(
    server: httpx.AsyncClient, transactions: Sessions
) -> None:
    """As after a restore, where numbers come again for other events: clients are told to begin again."""
    await tag(transactions, "Lost")
    async with following(server) as events:
        hello = await following_one(events)
        async with transactions.begin() as session:
            await session.execute(text("delete from event_log"))
        with pytest.raises(StopAsyncIteration):
            while True:  # what was lost may have come first
                await following_one(events)
    assert_problem(await server.get("/v1/events", headers={"Last-Event-ID": hello["id"]}), CursorGone)
    async with following(server) as events:
        await following_one(events)
        await tag(transactions, "Afterwards")
        assert json.loads((await following_one(events))["data"])["slug"] == "afterwards"


async def test_who_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PATIENCE", 0.05)
    given = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(3):
            given += 1
            yield b"x"

    async def send(message: Any) -> None:
        if message.get("body"):
            await asyncio.Event().wait()

    await routes.EventStream(body()).stream_response(send)
    assert given == 1


async def test_a_server_ends_promptly_though_streams_are_open(
    settings: Settings, transactions: Sessions, tmp_path: Path
) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    with serving(tmp_path, "--no-demo", "--no-worker", BYLINE_DATABASE_URL=url) as (address, process, log):
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client, following(client) as events:
            await following_one(events)
            os.kill(process.pid, signal.SIGTERM)
            with pytest.raises(StopAsyncIteration):
                await following_one(events)
            assert await asyncio.to_thread(process.wait, PATIENCE) == 0
        assert "Traceback" not in log.read_text()
