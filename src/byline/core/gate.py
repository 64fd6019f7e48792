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
        has_to_wait = self._places.locked()
        if has_to_wait and self._waiting >= self._line:
            raise Overloaded()
        is_in = False
        try:
            async with asyncio.timeout(PATIENCE if has_to_wait else self._timeout) as limit:
                await self._enter()
                is_in = True
                try:
                    if has_to_wait:
                        limit.reschedule(asyncio.get_running_loop().time() + self._timeout)
                    yield
                finally:
                    self._places.release()
        except TimeoutError:
            if is_in:
                raise
            raise Overloaded() from None

    async def _enter(self) -> None:
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
