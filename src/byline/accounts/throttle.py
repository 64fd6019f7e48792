"""Guessing made slow: growing delays for an account and for an address, for those that exist and those that do not.

Each try is counted before it is judged, in a transaction of its own, so that many at once count as many, and a refused
request counts too. What succeeds takes its count back.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import case, delete, extract, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from byline.accounts.models import Attempt
from byline.core.addresses import neighbourhood
from byline.core.errors import TooManyRequests

FREE = {"account": 5, "address": 50}
"""How many failures in a row cost nothing; a household or an office shares an address."""

LONGEST = timedelta(minutes=15)
FORGOTTEN = timedelta(days=1)

NOW = func.clock_timestamp()
"""The moment itself: of many that wait for one row, each judges by the time when its turn comes."""


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"
    title = "Too many attempts: wait before the next one"


def account_key(email: str) -> str:
    return f"account:{hashlib.sha256(email.strip().lower().encode(errors='replace')).hexdigest()}"


def address_key(address: str | None) -> str:
    return f"address:{neighbourhood(address)}"


async def count(session: AsyncSession, *keys: str) -> None:
    """Counts a try for each key. Raises TooManyAttempts, with the seconds to wait, where one has to wait still."""
    for key in sorted(keys):
        if await session.scalar(_another(key)) is None:
            seconds = func.ceil(extract("epoch", Attempt.blocked_until - NOW))
            raise TooManyAttempts(
                retry_after=max(int(await session.scalar(select(seconds).where(Attempt.key == key)) or 0), 1)
            )
    await session.execute(delete(Attempt).where(Attempt.last_at < NOW - FORGOTTEN))


async def forgive(session: AsyncSession, *keys: str) -> None:
    """It succeeded: an account starts afresh, an address gets this one try back."""
    for key in sorted(keys):
        if key.startswith("account:"):
            await session.execute(delete(Attempt).where(Attempt.key == key))
        else:
            taken_back = {"failures": func.greatest(Attempt.failures - 1, 0), "blocked_until": NOW}
            await session.execute(update(Attempt).where(Attempt.key == key).values(taken_back))


def _another(key: str) -> ReturningInsert[int]:
    """Adds a failure and gives how many there are now; gives nothing where the key is blocked."""
    failures = case((Attempt.last_at < NOW - FORGOTTEN, 1), else_=Attempt.failures + 1)
    beyond = failures - FREE[key.partition(":")[0]]
    seconds = case((beyond > 0, func.least(func.power(2.0, func.least(beyond, 30)), LONGEST.total_seconds())), else_=0)
    new = insert(Attempt).values(key=key, failures=1, last_at=NOW, blocked_until=NOW)
    return new.on_conflict_do_update(
        index_elements=[Attempt.key],
        set_={
            "failures": failures,
            "last_at": NOW,
            "blocked_until": NOW + func.make_interval(0, 0, 0, 0, 0, 0, seconds),
        },
        where=Attempt.blocked_until <= NOW,
    ).returning(Attempt.failures)
