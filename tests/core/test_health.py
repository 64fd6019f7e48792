"""Alive, ready, and what is answered when the database is gone."""

import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from byline.app import create_app
from byline.core.embedded import EmbeddedPostgres
from byline.core.health import MigrationsPending
from byline.core.problems import ServiceUnavailable
from byline.core.settings import Settings
from tests.conftest import close
from tests.problems import assert_problem


async def client_of(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(_env_file=None, database_url=SecretStr(database_url)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield client
    await close(app)


@pytest.fixture(params=["127.0.0.1", "localhost"])
async def stranded(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """A service whose database is gone: nobody listens at its port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async for client in client_of(f"postgresql://byline:x@{request.param}:{unused.getsockname()[1]}/byline"):
            yield client


@pytest.fixture
async def unmigrated(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[httpx.AsyncClient]:
    name = f"byline_health_{worker_id}"
    admin = create_async_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"drop database if exists {name} with (force)"))
        await connection.execute(text(f"create database {name}"))
    async for client in client_of(postgres.url(name)):
        yield client
    async with admin.connect() as connection:
        await connection.execute(text(f"drop database {name} with (force)"))
    await admin.dispose()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_all_is_well(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_without_a_database_it_lives_and_is_not_ready(stranded: httpx.AsyncClient) -> None:
    assert (await stranded.get("/livez")).status_code == 200
    response = await stranded.get("/readyz")
    assert_problem(response, ServiceUnavailable)
    assert response.headers["retry-after"].isdecimal()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/posts"), ("GET", "/v1/posts/x.html"), ("DELETE", "/v1/auth/token"), ("POST", "/v1/manage/posts")],
)
async def test_without_a_database_clients_are_told_to_come_back(
    stranded: httpx.AsyncClient, method: str, path: str
) -> None:
    body = {"title": "x"} if method == "POST" else None
    response = await stranded.request(method, path, json=body, headers={"Authorization": "Bearer x"})
    problem = assert_problem(response, ServiceUnavailable)
    assert response.headers["retry-after"].isdecimal()
    assert "byline:x" not in str(problem) and "127.0.0.1" not in str(problem)


async def test_without_its_tables_it_is_not_ready(unmigrated: httpx.AsyncClient) -> None:
    assert_problem(await unmigrated.get("/readyz"), MigrationsPending)
    broken = await unmigrated.get("/v1/posts")
    assert (broken.status_code, broken.json()["code"]) == (500, "internal_error")
    assert "select" not in broken.text.lower() and "posts.id" not in broken.text
