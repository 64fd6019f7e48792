"""Runs jobs: beside the API in each process of `byline serve`, or alone as `byline worker`.

The queue is asked through psycopg, by procrastinate; the tasks themselves use our own pool. A worker hears of new jobs
by NOTIFY, and looks for them every few seconds besides: where notices do not get through, as behind PgBouncer, and for
those whose time has come.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import procrastinate
from procrastinate import exceptions, jobs, manager, retry, worker
from psycopg import AsyncConnection, errors
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

import byline.accounts.tasks  # the tasks of each room that has some
import byline.announcements.tasks
import byline.insights.tasks
import byline.jobs.tasks
import byline.links.tasks
import byline.models  # so that every mapper is known
import byline.posts.tasks
import byline.webhooks.tasks  # noqa: F401
from byline.core.database import Database
from byline.core.jobs import TASKS, Task, TaskContext, describe, note_failure
from byline.core.mail import create_mailer
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.jobs.service import LOST_AFTER

logger = logging.getLogger(__name__)

LATEST = 24 * 3600
"""Seconds after which a time of `cron` at which no worker ran is not made up for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds: how often the queue is looked at, and a sign of life given; how long running jobs may go on after a
    stop, before they are interrupted and put back; how long a connection to the database is waited for, and how long
    after that it is tried again.
    """

    look: float = 5
    sign_of_life: float = 10
    grace: float = 30
    patience: float = 5
    pause: float = 1


class Worker:
    """Of one process: `run` until `stop`."""

    def __init__(self, context: TaskContext, pace: Pace = Pace()) -> None:
        self._context = context
        self._pace = pace
        self._stopped = asyncio.Event()
        self._running: worker.Worker | None = None
        _quieten()

    def stop(self) -> None:
        """Begins no job any more; `run` returns when those that run have ended."""
        self._stopped.set()
        if self._running is not None:
            self._running.stop()  # type: ignore[no-untyped-call]

    async def run(self) -> None:
        """Never raises for what the database does: then it begins anew until that is back."""
        while not self._stopped.is_set():
            try:
                await self._run_once()
            except Exception as error:
                logger.warning("the worker lost its queue and begins anew: %s", describe(error.__cause__ or error))
            # A worker that fails ends; its jobs are taken back as those of a lost one.
            if not self._stopped.is_set():
                await _first(self._stopped.wait(), asyncio.sleep(self._pace.pause))

    async def _run_once(self) -> None:
        settings = self._context.settings
        address = conninfo(settings)
        # Where the database is away, this says so at once, and why; the pool would try on for half a minute.
        await (await AsyncConnection.connect(address, connect_timeout=ceil(self._pace.patience))).close()
        queue = procrastinate.PsycopgConnector(
            conninfo=address,
            kwargs={"prepare_threshold": None},  # PgBouncer gives each transaction another connection
            min_size=1,
            max_size=4,
            timeout=self._pace.patience,
        )
        app = procrastinate.App(connector=queue, periodic_defaults={"max_delay": LATEST})
        app.job_manager = Queue(queue, self._pace.pause)
        for task in TASKS.values():
            self._declare(app, task)
        async with app.open_async():
            self._running = worker.Worker(
                app,
                queues=list(TASKS),  # each has a queue of its own: what only a newer version knows is left to that
                concurrency=settings.worker_concurrency,
                fetch_job_polling_interval=self._pace.look,
                update_heartbeat_interval=self._pace.sign_of_life,
                stalled_worker_timeout=LOST_AFTER,
                shutdown_graceful_timeout=self._pace.grace,
                install_signal_handlers=False,
            )
            try:
                if not self._stopped.is_set():
                    await self._running.run()  # type: ignore[no-untyped-call]
            finally:
                self._running = None

    def _declare(self, app: procrastinate.App, task: Task) -> None:
        async def perform(job: procrastinate.JobContext, /, **payload: Any) -> None:
            await self._perform(task, job.job, payload)

        declared = app.task(name=task.name, queue=task.name, pass_context=True, retry=Backoff(task))(perform)
        if task.cron is not None:
            app.periodic(cron=task.cron, queueing_lock=task.name)(declared)  # type: ignore[arg-type]

    async def _perform(self, task: Task, job: jobs.Job, payload: dict[str, Any]) -> None:
        if task.cron is not None:
            payload.pop("timestamp", None)  # procrastinate's: when it should have begun
        about = {"job": job.id, "task": task.name, "attempt": job.attempts + 1}
        began = time.perf_counter()
        try:
            await task(self._context, **payload)
        except Exception as error:
            logger.warning("job failed", extra=about, exc_info=error)
            await self._note(job, error)
            raise
        logger.info("job done", extra={**about, "duration_ms": round((time.perf_counter() - began) * 1000, 1)})

    async def _note(self, job: jobs.Job, failure: Exception) -> None:
        assert job.id is not None
        try:
            async with self._context.sessions.begin() as session:
                await note_failure(session, job.id, describe(failure))
        except Exception as error:  # the database is away, which may be what the job failed of
            logger.warning("the failure of job %s was not kept: %s", job.id, describe(error))


class Backoff(retry.BaseRetryStrategy):
    def __init__(self, task: Task) -> None:
        self.task = task

    def get_retry_decision(self, *, exception: BaseException, job: jobs.Job) -> procrastinate.RetryDecision | None:
        now = datetime.now(UTC)
        if isinstance(exception, asyncio.CancelledError):  # the worker stops: put back, whatever the number of tries
            return procrastinate.RetryDecision(retry_at=now)
        failed = job.attempts + 1
        if failed >= self.task.attempts:
            return None
        return procrastinate.RetryDecision(retry_at=now + timedelta(seconds=self.task.wait(failed)))


class Queue(manager.JobManager):
    """Procrastinate's, so that what a job came to is written for certain: until then it would count as running."""

    def __init__(self, connector: procrastinate.PsycopgConnector, pause: float) -> None:
        super().__init__(connector)
        self._pause = pause

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        # What a clock began is of no interest once it went well.
        task = TASKS.get(job.task_name)
        went_well = status is jobs.Status.SUCCEEDED and task is not None and task.cron is not None
        await self._insist(lambda: super(Queue, self).finish_job(job, status, delete_job or went_well))

    async def retry_job(
        self,
        job: jobs.Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        try:
            await self._insist(lambda: super(Queue, self).retry_job(job, retry_at, priority, queue, lock))
        except exceptions.UniqueViolation:  # the same was enqueued again while this one ran
            await self.finish_job(job, jobs.Status.ABORTED, delete_job=True)

    async def _insist(self, write: Callable[[], Awaitable[None]]) -> None:
        """For longer than it takes for the signs of life to fail, whereupon the worker begins anew."""
        for tries_left in reversed(range(6)):
            try:
                await write()
                return
            except exceptions.UniqueViolation:
                raise
            except exceptions.ConnectorException as error:
                if isinstance(error.__cause__, errors.RaiseException):  # written already, or by another worker
                    logger.warning("%s", describe(error.__cause__))
                    return
                if not tries_left:
                    raise
                await asyncio.sleep(self._pause)


def conninfo(settings: Settings) -> str:
    """The address of the database as libpq has it, from what SQLAlchemy makes of ours for asyncpg."""
    address = settings.listening_url
    assert address is not None
    url = make_url(address.get_secret_value())
    _, given = url.get_dialect()().create_connect_args(url)
    hosts, ports = given.get("host"), given.get("port")
    return make_conninfo(
        host=",".join(map(str, hosts)) if isinstance(hosts, list) else hosts,
        port=",".join(map(str, ports)) if isinstance(ports, list) else ports,
        user=given.get("user"),
        password=given.get("password"),
        dbname=given.get("database"),
        sslmode=given.get("ssl"),
        application_name="byline worker",
    )


async def _first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _quieten() -> None:
    """Procrastinate tells each job with its payload, which is nothing for logs: we tell it without."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("procrastinate.worker").setLevel(logging.CRITICAL)  # the outcome of jobs
    logging.getLogger("procrastinate.worker.worker").setLevel(logging.WARNING)  # what happens to the worker itself


async def work(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; then for as long as running jobs take, up to the grace."""
    database = Database(settings)
    await migrate(database.engine)
    own = Worker(TaskContext(database.sessions, settings, create_mailer(settings)))
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, own.stop)
    try:
        await own.run()
    finally:
        await database.close()
