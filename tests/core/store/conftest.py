"""Two applications on one database, and what they or somebody else write to it."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.models import Base
from byline.posts.models import Post
from tests import make
from tests.conftest import Sessions, create_database
from tests.core.store.applications import running, url_of


@pytest.fixture(scope="session")
async def database(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[Database]:
    url = await create_database(postgres, f"byline_{worker_id}_store")
    database = Database(Settings(_env_file=None, database_url=SecretStr(url)))
    await migrate(database.engine)
    yield database
    await database.close()


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
