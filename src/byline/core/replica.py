"""A streaming replica that public reads may use, as long as it is not too far behind."""

import asyncio
import logging
import math
from collections import deque
from time import monotonic

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from byline.core.database import Connections, make_engine
from byline.core.settings import Settings

logger = logging.getLogger(__name__)

CHECK_EVERY = 1.0
PATIENCE = 2.0
"""Seconds that a server may take to tell its position."""

# As bytes of the log; what is inserted there is what other sessions can see, even before it is on the disk.
_WRITTEN = text("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
_REPLAYED = text("select pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint")

# The header of a page of the log, by which an insert position may be ahead though nothing follows. A commit is longer.
_HEADER = 24


class Replica:
    """How far behind it is, is not asked of its clock: whatever the primary had written by `as_of`, it has replayed.

    So one that has nothing to replay is not behind, and one that nobody could ask is, more with each second.
    """

    def __init__(self, settings: Settings, primary: AsyncEngine) -> None:
        assert settings.replica_url is not None
        self._primary = primary.execution_options(isolation_level="AUTOCOMMIT")
        # One more than readers take, for who looks how far behind it is.
        self.engine = make_engine(settings.replica_url, settings, pool_size=settings.read_pool_size + 1)
        self.connections = Connections(self.engine, settings)
        self._max_lag = settings.replica_max_lag
        self._written: deque[tuple[float, int]] = deque()  # when the primary was how far
        self.as_of = -math.inf
        self._is_there = False
        self._is_alone = False

    def is_fit(self, changed_at: float = -math.inf) -> bool:
        """Whether it has all that was committed by then, and is not too far behind. While the primary is away, nothing
        newer can be had elsewhere.
        """
        is_recent = self.as_of >= changed_at and monotonic() - self.as_of <= self._max_lag
        return self._is_there and (self._is_alone or is_recent)

    def leave_out(self, error: Exception) -> None:
        """Until a check finds it again."""
        if self._is_there:
            logger.warning("the replica is left out: %s", str(error) or type(error).__name__)
        self._is_there = False

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(CHECK_EVERY)

    async def check(self) -> None:
        now = monotonic()
        written = await self._position(self._primary, _WRITTEN)
        self._is_alone = isinstance(written, Exception)
        if isinstance(written, int):
            self._written.append((now, written))
        replayed = await self._position(self.engine, _REPLAYED)
        if isinstance(replayed, Exception):
            self.leave_out(replayed)
            return
        if not self._is_there:
            logger.info("the replica is there")
        self._is_there = True
        while self._written and self._written[0][1] <= replayed + _HEADER:
            self.as_of = self._written.popleft()[0]
        while self._written and self._written[0][0] < now - self._max_lag:
            self._written.popleft()  # to have replayed that would make it no fitter

    async def _position(self, engine: AsyncEngine, statement: object) -> int | Exception:
        try:
            async with asyncio.timeout(PATIENCE), engine.connect() as connection:
                position: int | None = await connection.scalar(statement)  # type: ignore[call-overload]
        except (OSError, DBAPIError) as error:
            return error
        return RuntimeError("it is no replica") if position is None else position

    async def close(self) -> None:
        await self.connections.close()
