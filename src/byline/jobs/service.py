import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Text, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core import events
from byline.core.errors import Conflict, NotFound
from byline.core.jobs import QUEUEING_LOCK, Job, JobFailure, Status, note_failure
from byline.jobs import queries
from byline.jobs.schemas import JobOut

logger = logging.getLogger(__name__)

LOST_AFTER = 30.0
"""Seconds without a sign of life after which a worker is taken for lost. They give one every ten."""

MOST_LOSSES = 3
"""A job that so many workers were lost with is not given to another one: it may be what they died of."""

LOST = "the worker was lost"

KEPT = {
    Status.SUCCEEDED: timedelta(days=7),
    Status.CANCELLED: timedelta(days=7),
    Status.ABORTED: timedelta(days=7),
    Status.FAILED: timedelta(days=90),
}
"""How long jobs are kept after their end."""


class JobNotFound(NotFound):
    code = "job_not_found"
    title = "There is no such job"


class JobNotFailed(Conflict):
    code = "job_not_failed"
    title = "Only a job that has failed can be run again"


class JobNotWaiting(Conflict):
    code = "job_not_waiting"
    title = "Only a job that waits can be cancelled"


class JobIsQueuedAgain(Conflict):
    code = "job_is_queued_again"
    title = "A job with the same queueing lock waits already"


async def describe(session: AsyncSession, jobs: Sequence[Job]) -> list[JobOut]:
    """With what is known of their pasts, in the same order."""
    histories = {row[0]: row[1:] for row in await session.execute(queries.histories(jobs))}
    return [JobOut.of_job(job, *histories[job.id]) for job in jobs]


async def retry(session: AsyncSession, job: Job) -> None:
    """Lets a failed job begin anew, with all its tries. Raises JobNotFailed, JobIsQueuedAgain."""
    again = (
        update(Job)
        .where(Job.id == job.id, Job.status == Status.FAILED)
        .values(status=Status.TODO, attempts=0, scheduled_at=None)
    )
    try:
        async with session.begin_nested():
            retried = await session.scalar(again.returning(Job.id))
    except IntegrityError as error:
        if QUEUEING_LOCK not in str(error.orig):
            raise
        raise JobIsQueuedAgain() from error
    if retried is None:
        raise JobNotFailed()
    await session.execute(update(JobFailure).where(JobFailure.job_id == job.id).values(losses=0))
    await _wake(session, job)
    events.record(session, "job.retried", None, {"job_id": {"before": None, "after": job.id}})
    await session.refresh(job)


async def cancel(session: AsyncSession, job: Job) -> None:
    """Raises JobNotWaiting."""
    if await session.scalar(select(func.procrastinate_cancel_job_v1(job.id, False, False))) is None:
        raise JobNotWaiting()
    events.record(session, "job.cancelled", None, {"job_id": {"before": None, "after": job.id}})
    await session.refresh(job)


async def rescue(session: AsyncSession, lost_after: float = LOST_AFTER) -> None:
    """Takes back the jobs of workers that gave no sign of life for so many seconds, or are gone."""
    await session.execute(select(func.procrastinate_prune_stalled_workers_v1(lost_after)))
    # A worker that ends in good order leaves no running job. What leaves one without a worker is the line above.
    lost = select(Job).where(Job.status == Status.DOING, Job.worker_id.is_(None))
    for job in await session.scalars(lost.with_for_update(skip_locked=True)):
        losses = await note_failure(session, job.id, LOST, lost=True)
        logger.warning("a worker was lost", extra={"job": job.id, "task": job.task_name, "losses": losses})
        if losses >= MOST_LOSSES:
            await session.execute(text("select procrastinate_finish_job_v1(:id, 'failed', false)"), {"id": job.id})
        else:
            await _put_back(session, job)


async def _put_back(session: AsyncSession, job: Job) -> None:
    try:
        async with session.begin_nested():
            await session.execute(
                text("select procrastinate_retry_job_v2(:id, now(), null, null, null)"), {"id": job.id}
            )
    except IntegrityError as error:
        if QUEUEING_LOCK not in str(error.orig):
            raise
        await session.execute(delete(Job).where(Job.id == job.id))  # the same waits already
        return
    await _wake(session, job)


async def _wake(session: AsyncSession, job: Job) -> None:
    """Tells the workers, whom procrastinate tells of new jobs alone."""
    notice = func.json_build_object("type", "job_inserted", "job_id", job.id).cast(Text)
    await session.execute(select(func.pg_notify(f"procrastinate_queue_v1#{job.queue_name}", notice)))


async def prune(session: AsyncSession) -> None:
    """Deletes jobs that ended long ago."""
    now = datetime.now(UTC)
    for status, age in KEPT.items():
        old = delete(Job).where(queries.ended_before(status, now - age))
        await session.execute(old, execution_options={"synchronize_session": False})
