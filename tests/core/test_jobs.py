"""Jobs are part of the transaction that enqueues them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from byline.core.jobs import LONGEST_WAIT, TASKS, Job, Status, Task, describe, enqueue, note_failure, task
from tests.conftest import Sessions


async def nothing(*_: object, **__: object) -> None:
    pass


TASK = Task("test.nothing", nothing, attempts=3, first_wait=10, timeout=60, cron=None)


@pytest.fixture
async def committed(app: FastAPI) -> AsyncIterator[Sessions]:
    """Real transactions; the queue is emptied afterwards."""
    yield app.state.sessions
    async with app.state.sessions.begin() as session:
        await session.execute(delete(Job))


async def queued(sessions: Sessions) -> list[int]:
    async with sessions.begin() as session:
        return list(await session.scalars(select(Job.id).order_by(Job.id)))


async def test_a_job_is_there_when_its_transaction_is_committed(committed: Sessions) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    async with committed.begin() as session:
        job_id = await enqueue(session, TASK, {"who": "é", "n": [1, None]}, at=at, lock="one", priority=5)
        async with committed.begin() as other:
            assert await other.get(Job, job_id) is None
    async with committed.begin() as session:
        job = await session.get_one(Job, job_id)
        assert (job.task_name, job.queue_name, job.args) == (
            "test.nothing",
            "test.nothing",
            {"who": "é", "n": [1, None]},
        )
        assert (job.status, job.scheduled_at, job.lock, job.priority, job.attempts) == (Status.TODO, at, "one", 5, 0)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("queueing_lock", [None, "same"])
async def test_a_job_is_gone_with_its_transaction(committed: Sessions, first: bool, queueing_lock: str | None) -> None:
    """Also as the first statement of a session, for which nothing has begun the transaction yet."""
    async with committed() as session:
        if not first:
            await session.execute(select(1))
        assert await enqueue(session, TASK, queueing_lock=queueing_lock) > 0
        await session.rollback()
    assert await queued(committed) == []


async def test_a_failed_request_enqueues_nothing(committed: Sessions) -> None:
    with pytest.raises(DBAPIError):
        async with committed.begin() as session:
            await enqueue(session, TASK)
            await session.execute(select(1 / func.abs(0)))
    assert await queued(committed) == []


async def test_of_a_queueing_lock_one_job_waits(committed: Sessions) -> None:
    async with committed.begin() as session:
        job_id = await enqueue(session, TASK, {"n": 1}, queueing_lock="one")
        assert await enqueue(session, TASK, {"n": 2}, queueing_lock="one") == job_id
        assert await enqueue(session, TASK, queueing_lock="two") != job_id
    async with committed.begin() as session:
        assert await enqueue(session, TASK, {"n": 3}, queueing_lock="one") == job_id
        assert (await session.get_one(Job, job_id)).args == {"n": 1}
        await session.execute(update(Job).where(Job.id == job_id).values(status=Status.DOING))
        assert await enqueue(session, TASK, queueing_lock="one") > job_id


async def test_of_transactions_at_once_one_enqueues(committed: Sessions) -> None:
    async def once() -> int:
        async with committed.begin() as session:
            return await enqueue(session, TASK, queueing_lock="one")

    assert len(set(await asyncio.gather(*(once() for _ in range(8))))) == 1
    assert len(await queued(committed)) == 1


async def test_a_job_that_waits_does_not_begin_before_the_end_of_who_relies_on_it(committed: Sessions) -> None:
    async with committed.begin() as session:
        job_id = await enqueue(session, TASK, queueing_lock="one")
    fetch = select(func.procrastinate_fetch_job_v2(None, None).table_valued("id").c.id)
    async with committed() as writer, committed() as worker:
        assert await enqueue(writer, TASK, queueing_lock="one") == job_id
        assert await worker.scalar(fetch) is None
        await worker.rollback()
        await writer.commit()
        assert await worker.scalar(fetch) == job_id


async def test_json_alone_is_taken(sessions: Sessions) -> None:
    for unfit in ({"at": datetime.now(UTC)}, {"n": float("nan")}):
        with pytest.raises((TypeError, ValueError)):
            async with sessions.begin() as session:
                await enqueue(session, TASK, unfit)


async def test_waits_grow_and_differ() -> None:
    for failed in range(1, 40):
        longest = min(LONGEST_WAIT, 10 * 2 ** (failed - 1))
        waits = {TASK.wait(failed) for _ in range(20)}
        assert len(waits) > 1
        assert all(longest / 2 <= wait <= longest for wait in waits)


async def test_the_name_of_a_task_is_its_own_and_fits_a_channel() -> None:
    for name in ("jobs.prune", "test." + "x" * 36):
        with pytest.raises(ValueError, match="name of a task"):
            task(name)(nothing)
    assert "test.nothing" not in TASKS


async def test_failures_are_kept_with_their_losses(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        job_id = await enqueue(session, TASK, at=datetime.now(UTC) + timedelta(days=1))
        assert await note_failure(session, job_id, "first") == 0
        assert await note_failure(session, job_id, "lost", lost=True) == 1
        assert await note_failure(session, job_id, "lost", lost=True) == 2
        assert await note_failure(session, job_id, "last") == 2


def test_errors_are_told_without_secrets() -> None:
    error = ValueError("Authorization: Bearer abc\x00 and postgresql://u:hunter2@host/x")
    assert "hunter2" not in describe(error) and "abc" not in describe(error) and "\0" not in describe(error)
    assert describe(TimeoutError()) == "TimeoutError"
    assert len(describe(ValueError("x" * 9000))) == 2000
