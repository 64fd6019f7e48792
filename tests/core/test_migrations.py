"""The migrations make what the models say, and can be undone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import HEAD, is_at_head, is_compared, migrate
from byline.models import Base


@pytest.fixture
async def empty(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[AsyncEngine]:
    """A database of its own."""
    name = f"byline_migrations_{worker_id}"
    admin = create_async_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"drop database if exists {name} with (force)"))
        await connection.execute(text(f"create database {name}"))
    engine = create_async_engine(postgres.url(name))
    yield engine
    await engine.dispose()
    async with admin.connect() as connection:
        await connection.execute(text(f"drop database {name} with (force)"))
    await admin.dispose()


async def ask(engine: AsyncEngine, question: Callable[[Connection], list[object]]) -> list[object]:
    async with engine.connect() as connection:
        return await connection.run_sync(question)


def tables(connection: Connection) -> list[object]:
    return [*sorted(inspect(connection).get_table_names())]


def differences(connection: Connection) -> list[object]:
    compared = {"compare_type": True, "compare_server_default": True, "include_name": is_compared}
    context = MigrationContext.configure(connection, opts=compared)
    return list(compare_metadata(context, Base.metadata))


def downgrade(connection: Connection) -> list[object]:
    config = Config(Path(__file__).parents[2] / "alembic.ini")
    config.attributes["connection"] = connection
    command.downgrade(config, "base")
    connection.commit()
    return []


async def test_up_down_and_up_again(empty: AsyncEngine) -> None:
    assert not await is_at_head(empty)
    for _ in range(2):
        await migrate(empty)
        assert await is_at_head(empty)
        assert await ask(empty, differences) == []
        assert await ask(empty, tables) == sorted([*Base.metadata.tables, "alembic_version"])
        await migrate(empty)  # nothing to do
        await ask(empty, downgrade)
        assert await ask(empty, tables) == ["alembic_version"]
        assert not await is_at_head(empty)


async def test_several_processes_may_migrate_at_once(empty: AsyncEngine) -> None:
    engines = [create_async_engine(empty.url) for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for engine in engines:
            group.create_task(migrate(engine))
    assert await is_at_head(empty)
    for engine in engines:
        await engine.dispose()


async def test_a_database_from_the_future_is_not_at_head(empty: AsyncEngine) -> None:
    await migrate(empty)
    async with empty.begin() as connection:
        await connection.execute(text("update alembic_version set version_num = 'ffffffffffff'"))
    assert not await is_at_head(empty)


def test_there_is_one_head() -> None:
    assert HEAD is not None
