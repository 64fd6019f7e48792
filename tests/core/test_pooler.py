"""Behind a pooler of transactions, each of which may be on another connection: nothing prepared is there any more."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from byline.app import create_app
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from tests import make
from tests.conftest import close, create_database

PATHS = ("/v1/posts/first", "/v1/posts", "/v1/posts/first/translations", "/v1/tags", "/feed.json")


@pytest.fixture(scope="module")
async def url(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[str]:
    url = await create_database(postgres, f"byline_{worker_id}_pooler")
    database = Database(Settings(_env_file=None, database_url=SecretStr(url)))
    await migrate(database.engine)
    async with database.sessions.begin() as session:
        await make.post(session, "First")
    await database.close()
    yield url


async def forget(app: FastAPI) -> None:
    """Whatever was prepared on a connection, as if it were another one."""
    async with app.state.database.engine.connect() as connection:
        await (await connection.get_raw_connection()).driver_connection.execute("deallocate all")
    async with app.state.readers.connections.taken() as connection:
        await connection.driver.execute("deallocate all")


async def statuses(url: str, pooler: str) -> list[int]:
    """Of each path three times, while only the connections of one are there."""
    one = {"database_pool_size": 1, "read_pool_size": 1}
    app = create_app(
        Settings(_env_file=None, worker=False, database_url=SecretStr(url), database_pooler=pooler, **one)  # type: ignore[arg-type]
    )
    found = []
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in (*PATHS, *PATHS, *PATHS):
            found.append((await client.get(path)).status_code)
            await forget(app)
    await close(app)
    return found


async def test_nothing_relies_on_what_was_prepared_before(url: str) -> None:
    assert set(await statuses(url, "transaction")) == {200}


async def test_without_the_setting_it_would(url: str) -> None:
    assert set(await statuses(url, "")) != {200}
