"""Where public reads get their sessions: connections of their own, a bounded line in front, a time in which to end.

A read is no transaction: each of its statements stands for itself, so that it costs one round trip. What has to fit
together, such as an article and its authors, is therefore one statement.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from byline.core.database import Connections, Database, make_engine
from byline.core.gate import Gate
from byline.core.plain import Query, Row
from byline.core.replica import Replica
from byline.core.settings import Settings

logger = logging.getLogger(__name__)


class Readers:
    """The sessions of public reads: of the replica, where there is one that is not too far behind.

    It has to have all that this process has heard of, too: so no answer goes back behind one that was given before, and
    what was read may be kept (`core/store.py`).
    """

    def __init__(self, settings: Settings, database: Database, *, cookie: str, changed_at: Callable[[], float]) -> None:
        """`cookie` is the name of the one that carries a token. `changed_at` tells when this process last heard of a
        change, by `time.monotonic`.
        """
        assert settings.database_url is not None
        self.gate = Gate(settings.read_pool_size, settings.database_queue, settings.read_timeout)
        engine = make_engine(settings.database_url, settings, pool_size=settings.read_pool_size)
        self.connections = Connections(engine, settings)
        self.replica = Replica(settings, database.engine) if settings.replica_url is not None else None
        self._is_pooled = bool(settings.database_pooler)
        self._cookie = cookie
        self._changed_at = changed_at

    @asynccontextmanager
    async def session(self, request: Request) -> AsyncIterator[AsyncSession]:
        """Raises Overloaded; TimeoutError."""
        async with self.gate.place(), AsyncExitStack() as stack:
            connection = None
            replica = self._replica_for(request)
            if replica is not None:
                try:
                    connection = await stack.enter_async_context(replica.connections.taken())
                except (OSError, DBAPIError) as error:
                    replica.leave_out(error)
            if connection is None:
                connection = await stack.enter_async_context(self.connections.taken())
            try:
                async with AsyncSession(connection.alchemy, autoflush=False) as session:
                    yield session
            except DBAPIError as error:
                if self.replica is not None and error.connection_invalidated:
                    self.replica.leave_out(error)  # whichever it was: the next check says so where it was the other
                raise

    async def rows(self, request: Request, query: Query, values: Mapping[str, Any]) -> list[Row]:
        """Raises Overloaded; TimeoutError."""
        async with self.gate.place():
            replica = self._replica_for(request)
            if replica is not None:
                try:
                    return await self._rows_of(replica.connections, query, values)
                except (OSError, DBAPIError) as error:
                    if isinstance(error, DBAPIError) and not error.connection_invalidated:
                        raise
                    replica.leave_out(error)
            return await self._rows_of(self.connections, query, values)

    async def _rows_of(self, connections: Connections, query: Query, values: Mapping[str, Any]) -> list[Row]:
        async with connections.taken() as connection:
            driver = connection.driver
            try:
                if not self._is_pooled:
                    return await query.rows(driver, values)
                async with driver.transaction():  # what is prepared and what executes it have to be in one
                    return await query.rows(driver, values)
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                kind = InterfaceError if isinstance(error, asyncpg.InterfaceError) else DBAPIError
                raise kind(query.sql, None, error, True, connection_invalidated=driver.is_closed()) from error

    def _replica_for(self, request: Request) -> Replica | None:
        replica = self.replica
        if replica is not None and replica.is_fit(self._changed_at()) and not self._wants_newest(request):
            return replica
        return None

    def _wants_newest(self, request: Request) -> bool:
        """Who may have written just now, or says so."""
        headers = request.headers
        return (
            "authorization" in headers
            or "no-cache" in headers.get("cache-control", "")
            or ("cookie" in headers and self._cookie in request.cookies)
        )

    async def close(self) -> None:
        if self.replica is not None:
            await self.replica.close()
        await self.connections.close()
