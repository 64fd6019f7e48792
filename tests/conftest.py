"""One PostgreSQL for all workers, a database for each built by the real migrations, and a rollback after each test."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

import httpx
import hypothesis
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

from byline.accounts.caller import Scope
from byline.app import create_app
from byline.core.database import Connection, Connections
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.models import Base
from tests import make
from tests.waiting import PATIENCE

for _name in [name for name in os.environ if name.startswith("BYLINE_") and name != "BYLINE_CORPORA"]:
    del os.environ[_name]  # the suite decides
os.environ.pop("DATABASE_URL", None)

# The same examples in every run: a test that fails once in a hundred runs tells nobody anything.
hypothesis.settings.register_profile("suite", derandomize=True, database=None, deadline=None, max_examples=40)
hypothesis.settings.register_profile("thorough", database=None, deadline=None, max_examples=1000)
hypothesis.settings.load_profile("suite")

Sessions = async_sessionmaker[AsyncSession]

# What takes a worker longest is begun first, so that none is alone with it at the end.
LONG = {
    "test_cli.py",
    "test_embedded.py",
    "test_faults.py",
    "test_hostile.py",
    "test_importing.py",
    "test_logging.py",
    "test_openapi.py",
    "test_stream.py",
    "test_worker.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session")
def thorough() -> bool:
    """Whether this is `make thorough`, which tries everything, and not `make test`, which tries a fair part."""
    return hypothesis.settings.get_current_profile_name() == "thorough"


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[EmbeddedPostgres]:
    """The server of all workers: the first one starts it, the last one stops it. Its data is worth no disk flush."""
    unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
    with EmbeddedPostgres(pytestconfig.rootpath / ".test" / "postgres", settings=unsafe) as server:
        yield server


async def create_database(postgres: EmbeddedPostgres, name: str) -> str:
    """The address of an empty database of this name."""
    admin = create_async_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"drop database if exists {name} with (force)"))
        await connection.execute(text(f"create database {name}"))
    await admin.dispose()
    return postgres.url(name)


@pytest.fixture(scope="session")
async def database_url(postgres: EmbeddedPostgres, worker_id: str) -> str:
    """An empty database of this worker."""
    return await create_database(postgres, f"byline_{worker_id}")


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        _env_file=None,
        database_url=SecretStr(database_url),
        data_dir=tmp_path_factory.mktemp("data"),
        site_url="https://blog.example",
        read_timeout=PATIENCE,
    )


async def close(app: FastAPI) -> None:
    """As the end of its lifespan does, of one that never began."""
    await app.state.readers.close()
    await app.state.database.close()


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    await migrate(app.state.database.engine)
    yield app
    await close(app)


class OfTheTest:
    """In place of the readers' connections: what a test has written and not committed is there to be read."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Connection]:
        driver = (await self.connection.get_raw_connection()).driver_connection
        assert driver is not None
        async with self.connection.begin_nested():
            yield Connection(self.connection, driver)


@pytest.fixture
async def sessions(app: FastAPI) -> AsyncIterator[Sessions]:
    """Transactions for arranging and looking, as the requests of the test get them: all undone afterwards.

    Each is a savepoint of one outer transaction, so one has to end before the next begins.
    """
    real: Sessions = app.state.sessions
    connections: Connections = app.state.readers.connections
    async with app.state.database.engine.connect() as connection:
        outer = await connection.begin()
        app.state.sessions = async_sessionmaker(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )
        app.state.readers.connections = OfTheTest(connection)
        yield app.state.sessions
        app.state.sessions = real
        app.state.readers.connections = connections
        await outer.rollback()


@pytest.fixture
async def committing(app: FastAPI) -> AsyncIterator[Sessions]:
    """Real transactions, for tests of what happens between several of them. Every table is emptied afterwards."""
    yield app.state.sessions
    async with app.state.database.engine.begin() as connection:
        await connection.execute(text("set local byline.erasing = 'on'"))
        await connection.execute(text("delete from procrastinate_jobs"))
        for table in reversed(Base.metadata.sorted_tables):
            await connection.execute(table.delete())


@pytest.fixture
async def client(app: FastAPI, sessions: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield client


@asynccontextmanager
async def signed_in(app: FastAPI, sessions: Sessions, scopes: Iterable[Scope]) -> AsyncIterator[httpx.AsyncClient]:
    async with sessions.begin() as session:
        token = await make.token(session, scopes=scopes)
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://blog.example", headers=headers) as client:
        yield client


@pytest.fixture
async def desk(app: FastAPI, sessions: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    """The owner, with every scope."""
    async with signed_in(app, sessions, Scope) as client:
        yield client


@pytest.fixture
async def weak(app: FastAPI, sessions: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has signed in, but without any scope: what needs one is a 403."""
    async with signed_in(app, sessions, []) as client:
        yield client


@pytest.fixture
def count_queries(app: FastAPI) -> Iterator[Callable[[], int]]:
    """The number of statements sent to the database since it was called last."""
    sent: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(statement)

    def count() -> int:
        number = len(sent)
        sent.clear()
        return number

    engine = app.state.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield count
    event.remove(engine, "before_cursor_execute", note)
