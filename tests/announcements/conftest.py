"""A hub and an IndexNow endpoint on loopback ports, and jobs that are done when a test says so."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qsl

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select

from byline.announcements import tasks
from byline.core.jobs import TASKS, Job, Sessions, Status, TaskContext
from byline.core.mail import LoggingMailer
from byline.core.settings import Settings
from tests.webhooks.conftest import Receiver, receiving

KEY = "0123456789abcdef-0123456789ABCDEF"


@pytest.fixture
async def hub() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def index() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def configured(app: FastAPI, settings: Settings, hub: Receiver, index: Receiver) -> Iterator[Settings]:
    """The settings with both; the application has them too."""
    given = {"websub_hub": hub.url, "indexnow_key": KEY, "indexnow_endpoint": index.url}
    app.state.settings = settings.model_copy(update=given)
    yield app.state.settings
    app.state.settings = settings


@pytest.fixture
async def context(committing: Sessions, configured: Settings) -> TaskContext:
    """Of a site that has been announced so far: it is empty."""
    made = TaskContext(committing, configured, LoggingMailer())
    await tasks.follow(made)
    return made


@pytest.fixture
async def anybody(app: FastAPI, context: TaskContext) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield client


async def announce(context: TaskContext) -> None:
    """A minute has passed: everything that follows from it is done. What a job raises leaves it in the queue."""
    await tasks.follow(context)
    await run_jobs(context)


async def run_jobs(context: TaskContext) -> None:
    for job in await waiting(context):
        await TASKS[job.task_name](context, **job.args)
        async with context.sessions.begin() as session:
            await session.execute(delete(Job).where(Job.id == job.id))


async def waiting(context: TaskContext) -> list[Job]:
    async with context.sessions.begin() as session:
        ours = Job.status == Status.TODO, Job.task_name.startswith("announcements.")
        return list(await session.scalars(select(Job).where(*ours).order_by(Job.id)))


def pings(hub: Receiver) -> list[str]:
    """The topics that the hub was told of since it was asked last, each by a form of its own."""
    topics = []
    for received in hub.got:
        assert received.headers["content-type"] == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(received.body.decode(), strict_parsing=True))
        assert form.keys() == {"hub.mode", "hub.url"}
        assert form["hub.mode"] == "publish"
        topics.append(form["hub.url"])
    hub.got.clear()
    return topics
