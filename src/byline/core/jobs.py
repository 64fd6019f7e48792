"""Work for later: a job is a row, written in the transaction of what it follows from, and run after that is committed.

The queue is procrastinate's, in tables and SQL functions of its own, which our migrations make. Here is what rooms need
of it: they declare tasks in their `tasks.py`, and enqueue jobs. `byline.worker` runs them.

A job runs at least once: one whose worker is lost is run again, so a task has to bear being run twice.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum, ForeignKey, MetaData, Text, func, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from byline.core.database import Base
from byline.core.mail import Mailer
from byline.core.redaction import redacted
from byline.core.settings import Settings
from byline.core.text import printable

LONGEST_WAIT = 3600.0
"""Seconds between two tries, at most."""

LONGEST_NAME = 40  # of a task: PostgreSQL's names of channels have 63 bytes, and procrastinate's prefix is one of 23

LONGEST_ERROR = 2000  # characters

QUEUEING_LOCK = "procrastinate_jobs_queueing_lock_idx_v1"
"""The unique index of what waits under one `queueing_lock`."""


# ── the tables of the queue ──────────────────────────────────────────────────────────────────────────────────────────


class Status(StrEnum):
    TODO = "todo"
    DOING = "doing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABORTED = "aborted"


class JobEventType(StrEnum):
    DEFERRED = "deferred"
    STARTED = "started"
    DEFERRED_FOR_RETRY = "deferred_for_retry"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    ABORT_REQUESTED = "abort_requested"
    ABORTED = "aborted"
    SCHEDULED = "scheduled"
    RETRIED = "retried"


def _enum(of: type[StrEnum], name: str) -> Enum:
    return Enum(of, name=name, create_type=False, values_callable=lambda members: [member.value for member in members])


class _Queue(DeclarativeBase):
    """Tables that the migrations make as procrastinate has them, so Alembic does not compare them with the models."""

    metadata = MetaData()
    type_annotation_map = {  # noqa: RUF012 -- declared as a plain dict by SQLAlchemy
        int: BigInteger(),
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
    }


class JobEvent(_Queue):
    __tablename__ = "procrastinate_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int]
    type: Mapped[JobEventType] = mapped_column(_enum(JobEventType, "procrastinate_job_event_type"))
    at: Mapped[datetime]


class Job(_Queue):
    __tablename__ = "procrastinate_jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    queue_name: Mapped[str]
    task_name: Mapped[str]
    priority: Mapped[int]
    lock: Mapped[str | None]
    queueing_lock: Mapped[str | None]
    args: Mapped[dict[str, Any]]
    status: Mapped[Status] = mapped_column(_enum(Status, "procrastinate_job_status"))
    scheduled_at: Mapped[datetime | None]
    attempts: Mapped[int]
    worker_id: Mapped[int | None]


class JobFailure(Base):
    """How the last try of a job failed, and how many workers were lost while they ran it."""

    __tablename__ = "job_failures"

    job_id: Mapped[int] = mapped_column(ForeignKey(Job.id, ondelete="CASCADE"), primary_key=True, autoincrement=False)
    error: Mapped[str]
    failed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    losses: Mapped[int] = mapped_column(server_default=text("0"))


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Sessions = async_sessionmaker[AsyncSession]


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a task has to work with. `sessions.begin()` is a transaction: a task may need several, or none."""

    sessions: Sessions
    settings: Settings
    mailer: Mailer


@dataclass(frozen=True, slots=True)
class Task:
    """Called with a context and the payload of a job, it does that job now: so do the worker, and tests."""

    name: str
    run: Callable[..., Awaitable[None]]
    attempts: int
    first_wait: float
    timeout: float
    cron: str | None

    async def __call__(self, context: TaskContext, **payload: Any) -> None:
        async with asyncio.timeout(self.timeout):
            await self.run(context, **payload)

    def wait(self, failed: int) -> float:
        """Seconds until the next try, after so many that failed: twice as long each time, less up to a half by chance,
        so that what failed together is not tried together.
        """
        longest = min(LONGEST_WAIT, self.first_wait * 2.0 ** min(failed - 1, 30))
        return longest * random.uniform(0.5, 1)


TASKS: dict[str, Task] = {}
"""By name. Only what has been imported is here: `byline.worker` imports all."""


def task(
    name: str, *, attempts: int = 8, first_wait: float = 10, timeout: float = 600, cron: str | None = None
) -> Callable[[Callable[..., Awaitable[None]]], Task]:
    """Declares a task, `room.verb`. What it raises is a failed try; after so many `attempts` the job has failed.

    With the defaults the last try comes about twenty minutes after the first one. `timeout` is that of one try. With
    `cron` (five fields, UTC) it is also enqueued at these times, once among all nodes, without a payload.
    """
    if len(name) > LONGEST_NAME or name in TASKS:
        raise ValueError(f"{name} is too long for the name of a task, or already one")

    def declare(run: Callable[..., Awaitable[None]]) -> Task:
        TASKS[name] = Task(name, run, attempts, first_wait, timeout, cron)
        return TASKS[name]

    return declare


# ── enqueueing ───────────────────────────────────────────────────────────────────────────────────────────────────────

_DEFER = text("""
    select unnest(procrastinate_defer_jobs_v1(array[row(
        :task, :task, :priority, :lock, :queueing_lock, cast(:payload as jsonb), cast(:at as timestamptz)
    )::procrastinate_job_to_defer_v1]))
""")


async def enqueue(
    session: AsyncSession,
    task: Task,
    payload: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
    lock: str | None = None,
    queueing_lock: str | None = None,
    priority: int = 0,
) -> int:
    """Adds a job to the transaction; gives its id. The payload is JSON, and is kept and shown: no place for secrets.

    `at` is the earliest time. Of the jobs with one `lock`, one runs at a time, in the order of their `priority` (the
    highest first) and age. Where a job with this `queueing_lock` waits already, none is added, and that one's id given:
    it will not begin before this transaction has ended, and so sees what this has written.
    """
    values = {
        "task": task.name,
        "priority": priority,
        "lock": lock,
        "queueing_lock": queueing_lock,
        "payload": json.dumps(payload or {}, allow_nan=False),
        "at": at,
    }
    if queueing_lock is None:
        return int((await session.execute(_DEFER, values)).scalar_one())
    # Whoever takes a job skips rows that are locked.
    waiting = select(Job.id).where(Job.queueing_lock == queueing_lock, Job.status == Status.TODO)
    while True:
        job_id = await session.scalar(waiting.with_for_update(read=True, key_share=True))
        if job_id is not None:
            return job_id
        try:
            async with session.begin_nested():
                return int((await session.execute(_DEFER, values)).scalar_one())
        except IntegrityError as error:
            if QUEUEING_LOCK not in str(error.orig):
                raise


async def note_failure(session: AsyncSession, job_id: int, error: str, *, lost: bool = False) -> int:
    """Keeps why a try failed; gives how many workers were lost with this job, which is one more if this one was."""
    kept = {"error": error, "failed_at": func.now(), "losses": int(lost)}
    statement = insert(JobFailure).values(job_id=job_id, **kept)
    statement = statement.on_conflict_do_update(
        index_elements=[JobFailure.job_id], set_={**kept, "losses": JobFailure.losses + int(lost)}
    )
    return (await session.execute(statement.returning(JobFailure.losses))).scalar_one()


def describe(error: BaseException) -> str:
    """One text for people, without secrets."""
    reason = f"{type(error).__name__}: {error}".removesuffix(": ")
    return printable(str(redacted(reason)))[:LONGEST_ERROR]
