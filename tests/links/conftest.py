from collections.abc import AsyncIterator
from email.headerregistry import Address

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select
from starlette.types import Receive, Scope, Send

from byline.core.jobs import TASKS, Job, Sessions, Status, TaskContext
from byline.core.mail import SmtpMailer
from tests.postbox import Postbox, mail_server


async def run_jobs(context: TaskContext) -> None:
    """Does what this room has enqueued, in order, until nothing is left."""
    mine = select(Job).where(Job.status == Status.TODO, Job.task_name.startswith("links."))
    while True:
        async with context.sessions.begin() as session:
            job = await session.scalar(mine.order_by(Job.id).limit(1).with_for_update(skip_locked=True))
            if job is None:
                return
            await session.execute(delete(Job).where(Job.id == job.id))
        await TASKS[job.task_name](context, **job.args)


@pytest.fixture
async def postbox(app: FastAPI) -> AsyncIterator[Postbox]:
    """Where the mails of the test arrive, by a worker that has sent them before a request of a test is over."""
    async with mail_server() as postbox:
        mailer = SmtpMailer(postbox.url, Address("Byline", "no-reply", "blog.example"))
        real = app.middleware_stack = app.middleware_stack or app.build_middleware_stack()

        async def with_worker(scope: Scope, receive: Receive, send: Send) -> None:
            await real(scope, receive, send)
            sessions: Sessions = app.state.sessions
            await run_jobs(TaskContext(sessions, app.state.settings, mailer))

        app.middleware_stack = with_worker
        yield postbox
        app.middleware_stack = real
