"""Jobs at the desk: seen, run again, cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from byline.accounts.deps import ScopeMissing
from byline.core.errors import Invalid
from byline.core.events import Event
from byline.core.jobs import Job, JobEvent, JobFailure, Sessions, Task, enqueue, note_failure
from byline.core.pagination import InvalidCursor
from byline.jobs import service
from byline.jobs.tasks import prune, rescue
from tests.problems import assert_problem


async def nothing(*_: object, **__: object) -> None:
    pass


MAIL = Task("mail.send", nothing, attempts=8, first_wait=10, timeout=60, cron=None)
OTHER = Task("other.do", nothing, attempts=8, first_wait=10, timeout=60, cron=None)


async def job(sessions: Sessions, task: Task = MAIL, **options: Any) -> int:
    async with sessions.begin() as session:
        return await enqueue(session, task, **options)


async def become(sessions: Sessions, job_id: int, *ways: str) -> None:
    """The job goes these ways, as a worker would lead it: `doing`, `failed`, …"""
    async with sessions.begin() as session:
        for status in ways:
            change = text(
                "update procrastinate_jobs set status = cast(:status as procrastinate_job_status) where id = :id"
            )
            await session.execute(change, {"status": status, "id": job_id})


async def failed(sessions: Sessions, **options: Any) -> int:
    job_id = await job(sessions, **options)
    await become(sessions, job_id, "doing", "failed")
    async with sessions.begin() as session:
        await note_failure(session, job_id, "TimeoutError", lost=True)
        await session.execute(text("update procrastinate_jobs set attempts = 8"))
    return job_id


async def test_a_job_says_how_it_stands(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    job_id = await failed(sessions, payload={"to": "ada@example.com", "token": "hush"}, priority=3, lock="a")
    shown = (await desk.get(f"/v1/manage/jobs/{job_id}")).raise_for_status().json()
    assert shown.pop("created_at") and shown.pop("finished_at") and shown.pop("failed_at")
    assert shown == {
        "id": job_id,
        "task": "mail.send",
        "status": "failed",
        "payload": {"to": "ada@example.com", "token": "[redacted]"},
        "priority": 3,
        "lock": "a",
        "queueing_lock": None,
        "attempts": 8,
        "scheduled_at": None,
        "error": "TimeoutError",
    }


async def test_a_list_is_narrowed_and_paged(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    ids = [await job(sessions) for _ in range(4)] + [await job(sessions, OTHER)]
    dead = await failed(sessions)

    async def listed(**query: Any) -> list[int]:
        answer = (await desk.get("/v1/manage/jobs", params=query)).raise_for_status().json()
        return [found["id"] for found in answer["data"]]

    assert await listed() == [dead, *reversed(ids)]
    assert await listed(status="failed") == [dead]
    assert await listed(task="other.do", sort="id") == [ids[-1]]
    page = (await desk.get("/v1/manage/jobs?limit=4&count=true")).json()
    assert page["total"] == 6
    assert await listed(cursor=page["next_cursor"]) == [ids[1], ids[0]]
    assert_problem(await desk.get("/v1/manage/jobs?cursor=x"), InvalidCursor)
    assert_problem(await desk.get("/v1/manage/jobs?status=dead"), Invalid)


async def test_a_failed_job_is_run_again_with_all_its_tries(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    job_id = await failed(sessions)
    shown = (await desk.post(f"/v1/manage/jobs/{job_id}/retry")).raise_for_status().json()
    assert (shown["status"], shown["attempts"], shown["finished_at"]) == ("todo", 0, None)
    assert shown["error"] == "TimeoutError"
    async with sessions.begin() as session:
        assert (await session.get_one(JobFailure, job_id)).losses == 0
        assert await session.scalar(select(JobEvent.type).order_by(JobEvent.id.desc())) == "retried"
        recorded = (await session.scalars(select(Event).where(Event.type == "job.retried"))).one()
        assert recorded.changes["job_id"]["after"] == job_id
    assert_problem(await desk.post(f"/v1/manage/jobs/{job_id}/retry"), service.JobNotFailed)


async def test_what_waits_already_is_not_queued_twice(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    job_id = await failed(sessions, queueing_lock="one")
    await job(sessions, queueing_lock="one")
    assert_problem(await desk.post(f"/v1/manage/jobs/{job_id}/retry"), service.JobIsQueuedAgain)


async def test_a_waiting_job_is_cancelled(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    job_id = await job(sessions)
    shown = (await desk.post(f"/v1/manage/jobs/{job_id}/cancel")).raise_for_status().json()
    assert shown["status"] == "cancelled" and shown["finished_at"] is not None
    assert_problem(await desk.post(f"/v1/manage/jobs/{job_id}/cancel"), service.JobNotWaiting)


@pytest.mark.parametrize(("method", "verb"), [("GET", ""), ("POST", "/retry"), ("POST", "/cancel")])
async def test_who_may(desk: httpx.AsyncClient, weak: httpx.AsyncClient, method: str, verb: str) -> None:
    assert_problem(await weak.request(method, f"/v1/manage/jobs/1{verb}"), ScopeMissing)
    assert_problem(await desk.request(method, f"/v1/manage/jobs/{2**63 - 1}{verb}"), service.JobNotFound)
    for wrong in ("0", "x", str(2**63)):
        assert_problem(await desk.request(method, f"/v1/manage/jobs/{wrong}{verb}"), Invalid)


# ── what the clock begins ────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_ended_long_ago_is_deleted(sessions: Sessions) -> None:
    ends = {"succeeded": 7, "cancelled": 7, "aborted": 7, "failed": 90}
    kept = [await job(sessions)]
    for status, days in ends.items():
        for age, ids in ((days - 1, kept), (days + 1, [])):
            job_id = await job(sessions, at=datetime.now(UTC) - timedelta(days=age))
            await become(sessions, job_id, *([status] if status == "cancelled" else ["doing", status]))
            ids.append(job_id)
            async with sessions.begin() as session:
                back = text(
                    "update procrastinate_events set at = now() - make_interval(days => :age) where job_id = :id"
                )
                await session.execute(back, {"age": age, "id": job_id})
    async with sessions.begin() as session:
        await service.prune(session)
        assert list(await session.scalars(select(Job.id).order_by(Job.id))) == kept


async def test_what_a_lost_worker_ran_leaves_the_rest_to_the_same_that_waits(sessions: Sessions) -> None:
    lost = await job(sessions, queueing_lock="one")
    await become(sessions, lost, "doing")
    waiting = await job(sessions, queueing_lock="one")
    async with sessions.begin() as session:
        await service.rescue(session)
        assert list(await session.scalars(select(Job.id))) == [waiting]


def test_the_clock_looks_after_the_queue() -> None:
    assert (rescue.cron, prune.cron) == ("* * * * *", "17 * * * *")
