"""How many requests a caller may make: `RateLimit` headers (IETF draft-ietf-httpapi-ratelimit-headers), a 429 beyond.

Callers are counted by class: users (all their sessions together), API keys (each for itself) and anonymous addresses.
The windows slide: a caller who was refused gets on as their oldest requests grow older than the window.
"""

import asyncio
import logging
import math
import re
import time
from typing import NamedTuple

from limits import parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError

from byline.core.settings import Settings

logger = logging.getLogger(__name__)

Principal = tuple[str, object]
"""A class of callers and the id of one: what `get_caller` leaves in `request.state.principal`."""

PATIENCE = 0.5
"""Seconds that the store may take."""

REST = 10.0
"""Seconds in which a store that failed is not asked again."""

SWEEP_EVERY = 60.0


class LimitsUnavailable(Exception):
    """The store of the rate limits cannot be used; the message says to the operator what to do."""


class Standing(NamedTuple):
    """Where a caller is, after a request was counted."""

    name: str
    limit: int
    window: int
    remaining: int
    reset_after: int
    allowed: bool

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.limit};w={self.window}',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset_after}',
        }


class Memory(MemoryStorage):
    """Counts in this process. The one that it derives from looks at all its keys with every hit: 2 ms for 10,000."""

    def __init__(self) -> None:
        super().__init__()
        self.sweep_at = time.time() + SWEEP_EVERY

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        if self.sweep_at <= now:
            self.sweep_at = now + SWEEP_EVERY
            for old in [old for old, expires_at in self.expirations.items() if expires_at <= now]:
                await self.clear(old)
        count = await self.get(key) + amount  # nothing here waits, so no other request comes between
        if count == amount:
            self.expirations[key] = now + expiry
        self.storage[key] = count
        return count


class Limiter:
    """The limits of the settings, counted in this process or in the Redis or Valkey that they name."""

    def __init__(self, settings: Settings) -> None:
        """Raises LimitsUnavailable where the client of a store is not installed."""
        texts = {
            "anonymous": settings.rate_limit_anonymous,
            "user": settings.rate_limit_user,
            "api_key": settings.rate_limit_api_key,
        }
        self.items = {name: parse(text) for name, text in texts.items() if text}
        url = settings.rate_limit_url
        self.storage = Memory() if url is None else _redis(url.get_secret_value())
        self.strategy = SlidingWindowCounterRateLimiter(self.storage)
        self.asleep_until = 0.0

    async def close(self) -> None:
        if isinstance(self.storage, RedisStorage):
            await self.storage.bridge.storage.aclose()  # type: ignore[attr-defined]

    async def check(self) -> None:
        """Raises LimitsUnavailable where the store does not answer."""
        try:
            async with asyncio.timeout(10 * PATIENCE):
                await self.storage.get("check")  # its own `check` does not tell why not
        except (StorageError, TimeoutError) as error:
            raise LimitsUnavailable(f"BYLINE_RATE_LIMIT_URL cannot be reached: {_reason(error)}") from error

    async def count(self, principal: Principal) -> Standing | None:
        """Counts a request; None where there is no limit, or its store cannot say: better all than nobody."""
        name, identity = principal
        item = self.items.get(name)
        if item is None or time.monotonic() < self.asleep_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                allowed = await self.strategy.hit(item, name, str(identity))
                stats = await self.strategy.get_window_stats(item, name, str(identity))
        except (StorageError, TimeoutError) as error:
            if time.monotonic() >= self.asleep_until:  # the first of those that waited for it at the same time
                self.asleep_until = time.monotonic() + REST
                logger.warning("no rate limits for %d seconds, their store fails: %s", REST, _reason(error))
            return None
        reset_after = max(1, math.ceil(stats.reset_time - time.time()))
        return Standing(name, item.amount, item.get_expiry(), stats.remaining, reset_after, allowed)


def _redis(url: str) -> RedisStorage:
    url = re.sub("^valkey", "redis", url)  # one protocol, so one client is enough
    # The client's own patience is 5 seconds, which it takes where it overhears that it was cancelled.
    patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    try:
        return RedisStorage(url, wrap_exceptions=True, implementation="redispy", key_prefix="byline", **patience)
    except ConfigurationError as error:
        raise LimitsUnavailable("BYLINE_RATE_LIMIT_URL needs the package redis: install byline[redis]") from error


def _reason(error: Exception) -> str:
    cause = error.storage_error if isinstance(error, StorageError) else error
    return str(cause) or type(cause).__name__
