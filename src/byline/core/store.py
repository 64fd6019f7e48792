"""Finished answers, for as long as nothing that they were made of has changed.

A trigger tells (NOTIFY) of each table that a transaction changes, whoever writes: Byline, `psql`, a bulk load. An
answer is kept with the tables it was read from, and goes when one of them changes. What makes that right:

- It is kept only if none of them changed since its request began, and all that was committed until it was read has been
  heard of (`Notices.catch_up`): so nothing kept is older than what this process has shown already.
- Where the listening connection is lost, nothing is given; when it stands again, the store is empty. Only while the
  database does not answer at all, what was kept when it was lost is better than nothing (`last_known`).
- Nothing is given after the moment at which time alone changes what readers see, nor for longer than `LONGEST`: for
  writers who switch triggers off.
"""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Set
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from byline.core.answers import Answer
from byline.core.notices import Notices
from byline.core.reads import Reads, noting

logger = logging.getLogger(__name__)

CHANNEL = "byline_tables"
"""On which the trigger `tell_change` names the table that it stands on."""

LONGEST = 60.0  # seconds

_TOLD = "select distinct tgrelid::regclass::text from pg_trigger where tgname = 'tell_change' and tgenabled <> 'D'"

NextChange = Callable[[datetime], Awaitable[datetime | None]]
"""The first moment after this one at which time alone changes what readers see."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The moment at which a reading began: by the clock, and in the order of what this process has heard."""

    at: float
    heard: int


@dataclass(frozen=True, slots=True)
class _Horizon:
    reading: Reading
    tables: frozenset[str]
    moment: float


class Store:
    """Of one process. Least recently used answers go first where all together take more than `limit` bytes."""

    def __init__(self, limit: int, notices: Notices, next_change: NextChange, *, stale: float = 0) -> None:
        """A `limit` of 0 keeps nothing. `stale` is for how many seconds `last_known` knows anything."""
        self.limit = limit
        self.stale = stale
        self.size = 0
        self.hits = 0
        self._notices = notices
        self._next_change = next_change
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._lost: OrderedDict[Hashable, Answer] = OrderedDict()  # what was kept when the connection was lost
        self._lost_at = -math.inf
        self._by_tables: dict[frozenset[str], set[Hashable]] = {}
        self._told: frozenset[str] = frozenset()  # the tables that have the trigger
        self._heard = 0
        self.changed_at = -math.inf
        """When this process last heard that a table had changed, or may have missed that (`time.monotonic`)."""
        self._changed: dict[str, int] = {}
        self._emptied = 0
        self._horizon: _Horizon | None = None
        if limit:
            notices.subscribe(CHANNEL, self._hear, self._empty, self._prepare)

    @property
    def is_open(self) -> bool:
        return self.limit > 0 and self._notices.listening

    def get(self, key: Hashable) -> Answer | None:
        answer = self._answers.get(key)
        if answer is None or not self._notices.listening:
            return None
        now = time.time()
        if answer.until <= now or answer.read_at + LONGEST <= now:
            self._drop(key)
            return None
        self._answers.move_to_end(key)
        self.hits += 1
        return answer

    def last_known(self, key: Hashable) -> Answer | None:
        """What was kept when the database was lost, for as long as `stale` allows."""
        answer = self._lost.get(key)
        now = time.time()
        if answer is None or now > self._lost_at + self.stale or now >= answer.until:
            return None
        return answer

    def begin(self) -> Reading:
        return Reading(time.time(), self._heard)

    async def catch_up(self) -> None:
        """Before an answer is sent that tells of something new: what is older must not be given after it."""
        if self.limit:
            await self._notices.catch_up()

    async def is_current(self, reads: Reads, reading: Reading) -> bool:
        """Whether what was read since then is, by now, neither old nor of unknown origin."""
        await self.catch_up()
        return reads.is_known and self._is_unchanged(reads.tables, reading)

    async def end_of(self, reading: Reading) -> float:
        """Until when what was read since then holds, if nothing is written. In seconds since 1970; where the database
        does not say, no longer than until it was read.
        """
        horizon = self._horizon
        if horizon is None or horizon.moment <= reading.at or not self._is_unchanged(horizon.tables, horizon.reading):
            began = Reading(reading.at, self._heard)
            try:
                with noting() as reads:
                    moment = await self._next_change(datetime.fromtimestamp(reading.at, UTC))
            except (SQLAlchemyError, OSError) as error:
                logger.warning("an answer cannot be kept: %s", error)
                return reading.at
            horizon = _Horizon(began, frozenset(reads.tables), math.inf if moment is None else moment.timestamp())
            self._horizon = horizon
        return horizon.moment

    def keep(self, key: Hashable, answer: Answer) -> None:
        """What `is_current` has just said is; nothing may be awaited in between."""
        self._drop(key)
        if answer.size > self.limit // 8:
            return
        self._answers[key] = answer
        self._by_tables.setdefault(answer.tables, set()).add(key)
        self.size += answer.size
        while self.size > self.limit:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: Hashable) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self.size -= answer.size
            self._by_tables[answer.tables].discard(key)

    def _hear(self, table: str) -> None:
        self._heard += 1
        self.changed_at = time.monotonic()
        self._changed[table] = self._heard
        for tables in [found for found in self._by_tables if table in found]:
            for key in self._by_tables.pop(tables):
                self.size -= self._answers.pop(key).size

    def _empty(self) -> None:
        self._heard += 1
        self.changed_at = time.monotonic()
        self._emptied = self._heard
        if self._answers:
            self._lost, self._lost_at = self._answers, time.time()
        self._answers = OrderedDict()
        self._by_tables.clear()
        self.size = 0
        self._horizon = None

    def _is_unchanged(self, tables: Set[str], reading: Reading) -> bool:
        return (
            self.is_open
            and self._emptied <= reading.heard
            and tables <= self._told
            and all(self._changed.get(table, 0) <= reading.heard for table in tables)
        )

    async def _prepare(self, connection: asyncpg.Connection) -> None:
        self._lost.clear()
        self._told = frozenset(row[0] for row in await connection.fetch(_TOLD))
