"""Keys of rows, and of the request that is being answered."""

import os
import time
from contextvars import ContextVar
from uuid import UUID

request_id: ContextVar[str] = ContextVar("request_id", default="")


def uuid7() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): Unix milliseconds in 48 bits, their fraction in 12 (§6.2, method 3), 62 random ones.

    So keys that one machine makes grow with time, to a quarter of a microsecond.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    random = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)
