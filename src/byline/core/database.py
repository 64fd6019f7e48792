"""The engines, the sessions and the base of every table.

A request or a task is one transaction: it gets its session from `Database.sessions.begin()`, which commits at the
end or rolls back on any error. Nothing else in Byline commits. What only reads for the public has connections of its
own (`core/readers.py`).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from pydantic import SecretStr
from pydantic_core import from_json
from sqlalchemy import BigInteger, DateTime, MetaData, Text, Uuid, event, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from byline.core.ids import uuid7
from byline.core.reads import note_reads
from byline.core.settings import Settings

# A pooler gives each transaction another connection: what was prepared on one is not there on the next, and a name may
# be taken there already.
_UNPREPARED: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: f"byline_{uuid4().hex}",
}


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 -- declared as a plain dict by SQLAlchemy
        UUID: Uuid(),
        str: Text(),
        int: BigInteger(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[dict[str, Any]]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text()),
    }


class Row:
    """The columns that every row with a life of its own has."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Versioned(Row):
    """A row that people edit: its `version` is its ETag, and grows by one with every change."""

    version: Mapped[int] = mapped_column(default=1)

    def change(self, fields: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Sets the named columns; where that changes anything, it is a new version. Gives what was and what is."""
        before = {name: getattr(self, name) for name in fields}
        changes = {
            name: {"before": before[name], "after": value} for name, value in fields.items() if before[name] != value
        }
        for name, change in changes.items():
            setattr(self, name, change["after"])
        if changes:
            self.version += 1
            self.updated_at = datetime.now(UTC)
        return changes


CONNECT_TIMEOUT = 5.0
"""Seconds that a server may take to let us in."""


class Database:
    """The pool of one process. `sessions.begin()` is a transaction."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None:
            raise ValueError("no database: set BYLINE_DATABASE_URL, or start by `byline serve`, which brings its own")
        self.engine = make_engine(settings.database_url, settings, pool_size=settings.database_pool_size)
        self.sessions = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)

    async def close(self) -> None:
        await self.engine.dispose()


def make_engine(url: SecretStr, settings: Settings, *, pool_size: int) -> AsyncEngine:
    """A pool of at most so many connections, none of which is handed out dead."""
    arguments: dict[str, Any] = {"timeout": CONNECT_TIMEOUT}
    if settings.database_pooler:
        arguments |= _UNPREPARED
    engine = create_async_engine(
        url.get_secret_value(),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        connect_args=arguments,
        hide_parameters=True,  # drafts, addresses and hashes are nothing for a log
        json_deserializer=from_json,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False),
    )
    event.listen(engine.sync_engine, "checkout", _refuse_dead)
    note_reads(engine)
    return engine


@dataclass(frozen=True, slots=True)
class Connection:
    """As SQLAlchemy has it, and the driver's own."""

    alchemy: AsyncConnection
    driver: asyncpg.Connection


class Connections:
    """For readers, whose statements stand each for itself, outside of a transaction. Each is taken from the engine
    once, and rests here between two requests: a pool that resets it each time takes as long as a query.

    Whoever takes them sees to it that they are no more than the engine has.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        # Behind a pooler of transactions, what is prepared and what executes it have to be in one.
        level = "READ COMMITTED" if settings.database_pooler else "AUTOCOMMIT"
        self._engine = engine.execution_options(isolation_level=level)
        self._resting: list[Connection] = []

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Connection]:
        connection = await self._take()
        try:
            yield connection
        except asyncio.CancelledError:
            connection.driver.terminate()  # in the middle of an answer: nobody else may get the rest of it
            raise
        finally:
            if connection.driver.is_closed() or connection.alchemy.invalidated:
                await connection.alchemy.close()
            else:
                self._resting.append(connection)

    async def _take(self) -> Connection:
        while self._resting:
            connection = self._resting.pop()
            if not connection.driver.is_closed():
                return connection
            await connection.alchemy.close()
        alchemy = await self._engine.connect()
        driver = (await alchemy.get_raw_connection()).driver_connection
        return Connection(alchemy, driver)

    async def close(self) -> None:
        while self._resting:
            await self._resting.pop().alchemy.close()
        await self._engine.dispose()


def _refuse_dead(connection: Any, *_: object) -> None:
    """What the server has closed is made anew. It costs nothing, where asking the server (`pool_pre_ping`) costs three
    round trips; a server that is gone without a word is found by neither, but by the time that a request may take.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError()
