"""The migrations make what the models say, and can be undone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
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

QUEUE = [f"procrastinate_{name}" for name in ("events", "jobs", "periodic_defers", "workers")]

# Whatever belongs to the queue: each as PostgreSQL itself writes it down.
OF_THE_QUEUE = """
    select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' '
        || a.attnotnull || a.attidentity::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relname ~ 'procrastinate' and c.relkind in ('r', 'c') and a.attnum > 0
    union all select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
        where conrelid::regclass::text ~ 'procrastinate'
    union all select indexdef from pg_indexes where tablename ~ 'procrastinate'
    union all select pg_get_functiondef(oid) from pg_proc where proname ~ 'procrastinate'
    union all select pg_get_triggerdef(oid) from pg_trigger
        where tgrelid::regclass::text ~ 'procrastinate' and not tgisinternal
    union all select 'value ' || enumtypid::regtype || ' ' || enumsortorder || ' ' || enumlabel from pg_enum
        where enumtypid::regtype::text ~ 'procrastinate'
    order by 1
"""


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


def of_the_queue(connection: Connection) -> list[object]:
    return [*connection.execute(text(OF_THE_QUEUE)).scalars()]


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
        assert await ask(empty, tables) == sorted([*Base.metadata.tables, *QUEUE, "alembic_version"])
        await migrate(empty)  # nothing to do
        await ask(empty, downgrade)
        assert await ask(empty, tables) == ["alembic_version"]
        assert await ask(empty, of_the_queue) == []
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


async def test_the_queue_is_as_the_installed_procrastinate_has_it(empty: AsyncEngine) -> None:
    """Where this fails after an upgrade of procrastinate, a migration has to bring what that has changed."""
    await migrate(empty)
    migrated = await ask(empty, of_the_queue)
    await ask(empty, downgrade)
    schema = files("procrastinate.sql").joinpath("schema.sql").read_text()
    async with empty.begin() as connection:
        raw = await connection.get_raw_connection()
        await raw.driver_connection.execute(schema)  # type: ignore[union-attr]
    installed = await ask(empty, of_the_queue)
    assert len(installed) > 80
    assert migrated == installed
