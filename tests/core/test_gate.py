"""What becomes of requests when the database has more to do than it can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from byline.app import create_app
from byline.core.gate import Gate, Overloaded
from byline.core.problems import ServiceUnavailable
from byline.core.settings import Settings
from tests import make
from tests.conftest import Sessions, close
from tests.problems import assert_problem
from tests.waiting import until

LOCK = text("lock table posts in access exclusive mode")


@asynccontextmanager
async def narrow(settings: Settings, **fields: object) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """A service that has one connection for readers and one for the desk."""
    app = create_app(settings.model_copy(update={"read_pool_size": 1, "database_pool_size": 1, **fields}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield app, client
    await close(app)


async def test_no_more_than_its_width_pass_and_no_more_than_its_line_wait() -> None:
    gate = Gate(2, 1, 10)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(gate.place())
        waiting = asyncio.create_task(held.enter_async_context(gate.place()))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await held.enter_async_context(gate.place())
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
    for _ in range(3):  # whoever left, by whatever way, has given the place back
        async with gate.place(), gate.place():
            pass


async def test_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("byline.core.gate.PATIENCE", 0.01)
    gate = Gate(1, 1, 10)
    async with gate.place():
        with pytest.raises(Overloaded):
            async with gate.place():
                pass
    async with gate.place():
        pass


async def test_who_stays_too_long_is_ended() -> None:
    gate = Gate(1, 0, 0.01)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with gate.place():
                await asyncio.Event().wait()


async def test_beyond_the_line_it_is_a_503_at_once_and_then_all_is_well(
    settings: Settings, committing: Sessions
) -> None:
    async with committing.begin() as session:
        await make.post(session)
    async with narrow(settings, database_queue=1) as (app, client):
        async with committing.begin() as session:
            await session.execute(LOCK)
            asked = [asyncio.create_task(client.get("/v1/posts")) for _ in range(2)]
            await until(lambda: app.state.readers.gate._waiting == 1)
            refused = await client.get("/v1/posts/how-to-measure")
            assert_problem(refused, Overloaded)
            assert refused.headers["retry-after"] == "1"
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/v1/manage/posts")).status_code == 401  # readers do not stand in the desk's way
        assert [response.status_code for response in await asyncio.gather(*asked)] == [200, 200]
        assert (await client.get("/v1/posts/how-to-measure")).status_code == 200


async def test_a_read_that_takes_too_long_is_a_503_and_leaves_nothing_behind(
    settings: Settings, committing: Sessions
) -> None:
    async with narrow(settings, read_timeout=0.2) as (_, client):
        assert (await client.get("/v1/posts")).status_code == 200
        async with committing.begin() as session:
            await session.execute(LOCK)
            response = await client.get("/v1/posts")
            assert_problem(response, ServiceUnavailable)
            assert response.headers["retry-after"]
        assert (await client.get("/v1/posts")).status_code == 200


async def test_a_request_that_is_cancelled_gives_its_place_back(settings: Settings, committing: Sessions) -> None:
    async with narrow(settings, database_queue=0) as (app, client):
        for _ in range(2):
            async with committing.begin() as session:
                await session.execute(LOCK)
                asked = asyncio.create_task(client.get("/v1/posts"))
                await until(lambda: app.state.readers.gate._places.locked())
                asked.cancel()
                await asyncio.wait([asked])
            assert (await client.get("/v1/posts")).status_code == 200


async def test_a_connection_that_the_server_has_closed_is_made_anew(settings: Settings, committing: Sessions) -> None:
    async with narrow(settings) as (app, client):
        assert (await client.get("/v1/posts")).status_code == 200
        async with app.state.readers.connections.taken() as connection:
            driver = connection.driver
            own = await driver.fetchval("select pg_backend_pid()")
        async with committing.begin() as session:
            await session.execute(text("select pg_terminate_backend(:pid)"), {"pid": own})
        await until(lambda: driver.is_closed())
        assert (await client.get("/v1/posts")).status_code == 200
