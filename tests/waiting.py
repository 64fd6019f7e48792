"""Waiting for what happens elsewhere: in another task, another process, the database."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable

PATIENCE = 60
"""Seconds: far more than any of it takes, on a machine that has much else to do."""


async def until(condition: Callable[[], object | Awaitable[object]]) -> None:
    """Returns when the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if await found if isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)
