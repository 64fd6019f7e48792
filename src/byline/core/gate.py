"""How many requests the database is asked for at once: no more than there are connections, and a bounded line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from byline.core.errors import BylineError

PATIENCE = 2.0
"""Seconds that a request waits in the line."""


class Overloaded(BylineError):
    status = 503
    code = "overloaded"
    title = "There are too many requests at the moment"
    headers = {"Retry-After": "1"}  # noqa: RUF012


class Gate:
    """Lets `width` in at a time, for `timeout` seconds at most, and `line` wait for it."""

    def __init__(self, width: int, line: int, timeout: float) -> None:
        self._places = asyncio.Semaphore(width)
        self._line = line
        self._timeout = timeout
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Raises Overloaded: at once where the line is full, else after `PATIENCE`; TimeoutError."""
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()
        try:
            async with asyncio.timeout(self._timeout):
                yield
        finally:
            self._places.release()

    async def _wait(self) -> None:
        if self._waiting >= self._line:
            raise Overloaded()
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            raise Overloaded() from None
        finally:
            self._waiting -= 1
