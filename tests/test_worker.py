"""Workers at work, on a database of their own; real processes where they have to die."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.jobs import TASKS, Job, JobFailure, Sessions, Status, Task, TaskContext, enqueue
from byline.core.mail import LoggingMailer
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.jobs import service
from byline.worker import Pace, Worker, conninfo
from tests.conftest import create_database
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[1]
# Signs of life never fail to come within the time after which a worker counts as lost.
QUICK = Pace(look=0.05, sign_of_life=0.5, grace=20, patience=0.5, pause=0.05)


@pytest.fixture(scope="module")
async def context(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[TaskContext]:
    url = await create_database(postgres, f"byline_{worker_id}_worker")
    settings = Settings(_env_file=None, database_url=SecretStr(url))
    database = Database(settings)
    await migrate(database.engine)
    yield TaskContext(database.sessions, settings, LoggingMailer())
    await database.close()


@pytest.fixture(autouse=True)
async def queue(context: TaskContext) -> AsyncIterator[Sessions]:
    yield context.sessions
    async with context.sessions.begin() as session:
        await session.execute(delete(Job))
        await session.execute(text("delete from procrastinate_periodic_defers"))


Declare = Callable[..., Task]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Makes a task, for this test alone, and leaves the rest out."""
    known: dict[str, Task] = {}
    for name in list(TASKS):
        monkeypatch.delitem(TASKS, name)

    def make(
        run: Callable[..., Awaitable[None]],
        name: str = "test.task",
        attempts: int = 3,
        timeout: float = 60,
        cron: str | None = None,
    ) -> Task:
        known[name] = Task(name, run, attempts, first_wait=0.02, timeout=timeout, cron=cron)
        monkeypatch.setitem(TASKS, name, known[name])
        return known[name]

    make(nothing, "test.never", cron="0 0 29 2 *")  # one that a clock begins is always there
    return make


async def nothing(*_: object, **__: object) -> None:
    pass


@asynccontextmanager
async def working(context: TaskContext, pace: Pace = QUICK) -> AsyncIterator[Worker]:
    worker = Worker(context, pace)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        async with asyncio.timeout(PATIENCE):
            await running


async def put(queue: Sessions, task: Task, **options: object) -> int:
    async with queue.begin() as session:
        return await enqueue(session, task, **options)  # type: ignore[arg-type]


async def found(queue: Sessions, job_id: int) -> tuple[Status, int, str | None]:
    """The status of a job, its attempts, and its last error."""
    async with queue.begin() as session:
        job = await session.get_one(Job, job_id)
        failure = await session.get(JobFailure, job_id)
        return job.status, job.attempts, failure.error if failure else None


async def ends(queue: Sessions, job_id: int, status: Status) -> tuple[int, str | None]:
    """Waits until the job has that status; its attempts, and its last error."""

    async def has_it() -> bool:
        return (await found(queue, job_id))[0] is status

    await until(has_it)
    return (await found(queue, job_id))[1:]


async def test_a_job_is_run_as_soon_as_it_is_committed(context: TaskContext, queue: Sessions, declare: Declare) -> None:
    done: asyncio.Queue[tuple[TaskContext, dict[str, object]]] = asyncio.Queue()

    async def run(context: TaskContext, **payload: object) -> None:
        done.put_nowait((context, payload))

    task = declare(run)
    async with working(context, Pace(look=PATIENCE * 2)):  # so that it is the notice that wakes it
        first = await put(queue, task, payload={"n": 1})
        await asyncio.wait_for(done.get(), PATIENCE)
        await ends(queue, first, Status.SUCCEEDED)
        for _ in range(2):
            job_id = await put(queue, task, payload={"n": 2, "who": "é"})
            assert await asyncio.wait_for(done.get(), PATIENCE) == (context, {"n": 2, "who": "é"})
            assert await ends(queue, job_id, Status.SUCCEEDED) == (1, None)


async def test_what_fails_is_tried_again_and_then_kept(context: TaskContext, queue: Sessions, declare: Declare) -> None:
    tries: list[int] = []

    async def run(context: TaskContext, *, fails: int) -> None:
        tries.append(fails)
        if len(tries) <= fails:
            raise RuntimeError(f"no {len(tries)}: password=hunter2 Bearer abcdef")

    task = declare(run)
    async with working(context):
        job_id = await put(queue, task, payload={"fails": 2})
        assert await ends(queue, job_id, Status.SUCCEEDED) == (
            3,
            "RuntimeError: no 2: password=hunter2 Bearer [redacted]",
        )
        tries.clear()
        job_id = await put(queue, task, payload={"fails": 9})
        attempts, error = await ends(queue, job_id, Status.FAILED)
        assert (attempts, len(tries)) == (3, 3)
        assert error is not None and error.startswith("RuntimeError: no 3")


async def test_a_job_that_hangs_is_ended(context: TaskContext, queue: Sessions, declare: Declare) -> None:
    task = declare(lambda context: asyncio.Event().wait(), attempts=1, timeout=0.05)
    async with working(context):
        assert await ends(queue, await put(queue, task), Status.FAILED) == (1, "TimeoutError")


async def test_a_job_for_later_waits_and_one_that_nobody_knows_too(
    context: TaskContext, queue: Sessions, declare: Declare
) -> None:
    task = declare(nothing)
    stranger = Task("test.newer", nothing, 1, 1, 1, None)
    async with working(context):
        unknown = await put(queue, stranger)
        later = await put(queue, task, at=datetime(2100, 1, 1, tzinfo=UTC))
        due = await put(queue, task, at=datetime(2020, 1, 1, tzinfo=UTC))
        await ends(queue, due, Status.SUCCEEDED)
        assert await found(queue, later) == await found(queue, unknown) == (Status.TODO, 0, None)


async def test_jobs_with_one_lock_run_one_after_another(
    context: TaskContext, queue: Sessions, declare: Declare
) -> None:
    log: list[str] = []

    async def run(context: TaskContext, *, n: int) -> None:
        log.append(f"begin {n}")
        await asyncio.sleep(0.01)
        log.append(f"end {n}")

    task = declare(run)
    async with working(context):
        ids = [await put(queue, task, payload={"n": n}, lock="one") for n in range(4)]
        for job_id in ids:
            await ends(queue, job_id, Status.SUCCEEDED)
    assert log == [f"{what} {n}" for n in range(4) for what in ("begin", "end")]


async def test_a_job_that_failed_while_the_same_was_enqueued_again_leaves_the_rest_to_that_one(
    context: TaskContext, queue: Sessions, declare: Declare
) -> None:
    tries: list[int] = []

    async def run(context: TaskContext) -> None:
        tries.append(1)
        if len(tries) == 1:
            again.append(await put(queue, task, queueing_lock="one"))
            raise RuntimeError("too early")

    again: list[int] = []
    task = declare(run)
    one_at_a_time = context.settings.model_copy(update={"worker_concurrency": 1})
    async with working(replace(context, settings=one_at_a_time)):
        first = await put(queue, task, queueing_lock="one")
        await until(lambda: asyncio.sleep(0, again))
        await ends(queue, again[0], Status.SUCCEEDED)

        async def gone() -> bool:
            async with queue.begin() as session:
                return await session.get(Job, first) is None

        await until(gone)
    assert len(tries) == 2


async def test_a_job_that_does_not_end_in_time_is_put_back(
    context: TaskContext, queue: Sessions, declare: Declare
) -> None:
    begun = asyncio.Event()

    async def run(context: TaskContext) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = declare(run, attempts=1)
    async with working(context, Pace(look=0.05, grace=0.01)):
        job_id = await put(queue, task)
        await asyncio.wait_for(begun.wait(), PATIENCE)
    assert await found(queue, job_id) == (Status.TODO, 1, None)


async def test_what_a_clock_begins_is_begun_once_among_all_workers(
    context: TaskContext, queue: Sessions, declare: Declare, caplog: pytest.LogCaptureFixture
) -> None:
    """The tick of last midnight, which both make up for as they start."""
    runs: list[int] = []

    async def run(context: TaskContext) -> None:
        runs.append(1)

    declare(run, "test.daily", cron="0 0 * * *")
    today = datetime.now(UTC).date()
    caplog.set_level(logging.DEBUG, "procrastinate.periodic")

    async def both_tried() -> bool:
        actions = [vars(record).get("action") for record in caplog.records if "test.daily" in record.getMessage()]
        ends = {"periodic_task_deferred", "periodic_task_already_deferred", "skip_periodic_task_queueing_lock"}
        return len([action for action in actions if action in ends]) >= 2 and bool(runs)

    async with working(context), working(context):
        await until(both_tried)
    assert len(runs) == 1 or datetime.now(UTC).date() != today
    async with queue.begin() as session:
        assert (
            await session.scalar(select(Job.id).where(Job.task_name == "test.daily")) is None
        )  # of no interest any more


async def test_a_database_that_goes_away_and_comes_back(
    context: TaskContext, queue: Sessions, declare: Declare, postgres: EmbeddedPostgres
) -> None:
    """The job that ran meanwhile comes to its end, and new ones are run; no worker is started for it."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def run(context: TaskContext) -> None:
        begun.set()
        await go.wait()

    slow, quick = declare(run), declare(nothing, "test.quick")
    admin = create_async_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    async with queue.begin() as session:
        name = str(await session.scalar(text("select current_database()")))
    try:
        async with working(context):
            job_id = await put(queue, slow)
            await asyncio.wait_for(begun.wait(), PATIENCE)
            async with admin.connect() as connection:
                await connection.execute(text(f"alter database {name} with allow_connections false"))
                cut = text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name")
                await connection.execute(cut, {"name": name})
                go.set()
                await asyncio.sleep(2 * QUICK.sign_of_life)  # it is away for a while
                await connection.execute(text(f"alter database {name} with allow_connections true"))
            await ends(queue, await put(queue, quick), Status.SUCCEEDED)

            async def ended() -> bool:
                async with queue.begin() as session:
                    await service.rescue(session, lost_after=10 * QUICK.sign_of_life)
                return (await found(queue, job_id))[0] is Status.SUCCEEDED

            await until(ended)
    finally:
        await admin.dispose()


async def test_a_database_that_is_not_there_holds_nobody_up(
    context: TaskContext, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = context.settings.model_copy(
        update={"database_url": SecretStr("postgresql+asyncpg://u:hush@127.0.0.1:1/x")}
    )

    async def said() -> bool:
        return caplog.text.count("begins anew") >= 2

    async with working(replace(context, settings=nowhere)):
        await until(said)
    assert "refused" in caplog.text and "hush" not in caplog.text


# ── real processes ───────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def program(context: TaskContext, folder: Path, command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tests/worker_program.py`, running."""
    url = context.settings.database_url
    assert url is not None
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.worker_program", command),
        cwd=folder,
        env={**os.environ, "BYLINE_DATABASE_URL": url.get_secret_value(), "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


# As that program has them.
HOLD, DIE = (
    Task(name, nothing, attempts=8, first_wait=10, timeout=600, cron=None) for name in ("test.hold", "test.die")
)


async def test_a_signal_lets_the_running_job_end(context: TaskContext, queue: Sessions, tmp_path: Path) -> None:
    async with program(context, tmp_path, "worker") as worker:
        job_id = await put(queue, HOLD, payload={"folder": str(tmp_path)})
        await until(lambda: asyncio.to_thread((tmp_path / "begun").exists))
        worker.send_signal(signal.SIGTERM)
        assert (await found(queue, job_id))[0] is Status.DOING
        (tmp_path / "go").touch()
        assert await asyncio.wait_for(worker.wait(), PATIENCE) == 0
    assert await found(queue, job_id) == (Status.SUCCEEDED, 1, None)
    async with queue.begin() as session:
        assert await session.scalar(text("select count(*) from procrastinate_workers")) == 0


async def test_a_job_that_kills_its_worker_is_tried_three_times(
    context: TaskContext, queue: Sessions, tmp_path: Path
) -> None:
    job_id = await put(queue, DIE)
    async with program(context, tmp_path, "again") as workers:
        assert workers.stdin is not None and workers.stdout is not None
        for losses in (1, 2, 3):
            workers.stdin.write(b"\n")
            assert int(await asyncio.wait_for(workers.stdout.readline(), PATIENCE)) == -signal.SIGKILL
            assert (await found(queue, job_id))[:2] == (Status.DOING, losses - 1)
            async with queue.begin() as session:
                await service.rescue(session, lost_after=PATIENCE * 60)  # it gave a sign of life just now
            assert (await found(queue, job_id))[0] is Status.DOING
            async with queue.begin() as session:
                await service.rescue(session, lost_after=0)
            expected = Status.FAILED if losses == 3 else Status.TODO
            assert await found(queue, job_id) == (expected, losses, service.LOST)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://u:p%40ss@db.example:6432/blog?sslmode=require",
            {
                "host": "db.example",
                "port": "6432",
                "user": "u",
                "password": "p@ss",
                "dbname": "blog",
                "sslmode": "require",
            },
        ),
        ("postgres://u@/blog?host=/run/a%20b", {"host": "/run/a b", "user": "u", "dbname": "blog"}),
        ("postgresql://[::1]/blog", {"host": "::1", "dbname": "blog"}),
        ("postgresql://u@/blog?host=a:1&host=b:2", {"host": "a,b", "port": "1,2", "user": "u", "dbname": "blog"}),
    ],
)
def test_the_address_of_the_database_for_both_drivers(url: str, expected: dict[str, str]) -> None:

    settings = Settings(_env_file=None, database_url=SecretStr(url))
    assert conninfo_to_dict(conninfo(settings)) == {**expected, "application_name": "byline worker"}
