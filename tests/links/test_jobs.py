"""Mails outlive the processes, and mail servers that are away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select, update

from byline.accounts.models import Ticket
from byline.accounts.tickets import Purpose
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.events import Event
from byline.core.jobs import TASKS, Job, Sessions, Status, TaskContext
from byline.core.mail import MailDelayed, SmtpMailer, create_mailer
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.links import tasks
from byline.worker import Pace, Worker
from tests import make
from tests.conftest import create_database
from tests.links.conftest import run_jobs
from tests.postbox import Postbox, mail_server
from tests.test_cli import free_port, serving
from tests.waiting import until

QUICK = Pace(look=0.05, sign_of_life=0.5, grace=20, patience=0.5, pause=0.05)
RESET = "/v1/auth/password-reset"
SEND = "links.send_password_reset"
ADA = "ada@example.com"


@pytest.fixture
async def mails(app: FastAPI, sessions: Sessions) -> AsyncIterator[tuple[TaskContext, Postbox]]:
    """A mail server, and what a worker needs to write to it: nothing is sent by itself."""
    async with mail_server() as postbox:
        mailer = SmtpMailer(postbox.url, Address("Byline", "no-reply", "blog.example"))
        yield TaskContext(sessions, app.state.settings, mailer), postbox


async def queued(context: TaskContext) -> list[Job]:
    async with context.sessions.begin() as session:
        return list(await session.scalars(select(Job).where(Job.task_name.startswith("links.")).order_by(Job.id)))


async def test_the_queue_holds_neither_tokens_nor_addresses(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, mails: tuple[TaskContext, Postbox]
) -> None:
    context, postbox = mails
    async with context.sessions.begin() as session:
        await make.user(session, email=ADA)
    await desk.post("/v1/manage/invitations", json={"email": "bob@example.com", "role": "author"})
    await desk.post("/v1/account/email", json={"email": "new@example.com"})
    await client.post(RESET, json={"email": ADA})
    await client.post(RESET, json={"email": "nobody@example.com"})
    jobs = await queued(context)
    assert [job.task_name for job in jobs] == [
        "links.send_invitation",
        "links.send_email_change",
        "links.send_email_change_notice",
        "links.grant_password_reset",
        "links.grant_password_reset",
    ]
    async with context.sessions.begin() as session:
        known = {str(ticket_id) for ticket_id in await session.scalars(select(Ticket.id))}
    assert all(job.args.keys() == {"ticket_id"} and job.args["ticket_id"] in known for job in jobs)
    await run_jobs(context)
    assert len(postbox.mails) == 4 and len(postbox.to(ADA)) == 1


async def test_a_job_that_is_run_twice_grants_once(
    client: httpx.AsyncClient, mails: tuple[TaskContext, Postbox]
) -> None:
    context, _ = mails
    async with context.sessions.begin() as session:
        await make.user(session, email=ADA)
    await client.post(RESET, json={"email": ADA})
    [wish] = await queued(context)
    for _ in range(2):
        await tasks.grant_password_reset(context, **wish.args)
    assert [job.task_name for job in await queued(context)] == [wish.task_name, SEND]
    async with context.sessions.begin() as session:
        requested = select(Event.id).where(Event.type == "user.password_reset_requested")
        assert len((await session.scalars(requested)).all()) == 1


async def test_a_mail_that_fails_is_sent_by_another_try(
    desk: httpx.AsyncClient, mails: tuple[TaskContext, Postbox]
) -> None:
    context, postbox = mails
    await desk.post("/v1/manage/invitations", json={"email": ADA, "role": "author"})
    [job] = await queued(context)
    postbox.answers = ["451 later"]
    with pytest.raises(MailDelayed):
        await tasks.send_invitation(context, **job.args)
    assert postbox.mails == []
    await tasks.send_invitation(context, **job.args)
    assert [mail["To"] for mail in postbox.mails] == [ADA]


@pytest.mark.parametrize("purpose", [Purpose.INVITATION, Purpose.EMAIL_CHANGE, Purpose.PASSWORD_RESET_WISH])
async def test_what_has_run_out_is_not_sent(
    desk: httpx.AsyncClient, mails: tuple[TaskContext, Postbox], purpose: Purpose
) -> None:
    context, postbox = mails
    async with context.sessions.begin() as session:
        await make.user(session, email=ADA)
    await desk.post("/v1/manage/invitations", json={"email": "bob@example.com", "role": "author"})
    await desk.post("/v1/account/email", json={"email": "new@example.com"})
    await desk.post(RESET, json={"email": ADA})
    async with context.sessions.begin() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(Ticket).where(Ticket.purpose == purpose).values(expires_at=past))
    await run_jobs(context)
    assert len(postbox.mails) == 3


async def test_the_old_address_hears_of_a_change_that_was_quicker_than_the_mail(
    client: httpx.AsyncClient, mails: tuple[TaskContext, Postbox]
) -> None:
    context, postbox = mails
    async with context.sessions.begin() as session:
        user = await make.user(session, email=ADA)
        client.headers["Authorization"] = f"Bearer {await make.token(session, scopes=[], of=user)}"
    await client.post("/v1/account/email", json={"email": "new@example.com"})
    link, notice = await queued(context)
    await TASKS[link.task_name](context, **link.args)
    token = postbox.token("new@example.com")
    assert (await client.post("/v1/auth/email-change/confirm", json={"token": token})).status_code == 204
    await TASKS[notice.task_name](context, **notice.args)
    assert [mail["To"] for mail in postbox.mails] == ["new@example.com", ADA]


async def test_a_mail_outlives_the_server_that_promised_it(
    postgres: EmbeddedPostgres, worker_id: str, tmp_path: Path
) -> None:
    """Which is killed after its answer; the mail server is away by then, and when a worker tries first."""
    port = free_port()
    url = await create_database(postgres, f"byline_{worker_id}_mails")
    settings = Settings(_env_file=None, database_url=SecretStr(url), smtp_url=SecretStr(f"smtp://127.0.0.1:{port}"))
    database = Database(settings)
    await migrate(database.engine)
    async with database.sessions.begin() as session:
        await make.user(session, email=ADA)
    with serving(tmp_path, "--no-demo", "--no-worker", BYLINE_DATABASE_URL=url) as (address, process, _):
        async with httpx.AsyncClient(base_url=address) as client:
            assert (await client.post(RESET, json={"email": ADA})).status_code == 202
        process.kill()
        process.wait()
    worker = Worker(TaskContext(database.sessions, settings, create_mailer(settings)), QUICK)
    running = asyncio.create_task(worker.run())

    async def tried() -> bool:
        async with database.sessions.begin() as session:
            return bool(await session.scalar(select(Job.attempts).where(Job.task_name == SEND)))

    async def sent() -> bool:
        async with database.sessions.begin() as session:
            return await session.scalar(select(Job.status).where(Job.task_name == SEND)) == Status.SUCCEEDED

    await until(tried)
    async with mail_server(port=port) as postbox:
        async with database.sessions.begin() as session:  # the time of the next try has come
            await session.execute(update(Job).values(scheduled_at=None))
        await until(sent)
        worker.stop()
        await running
    assert [mail["To"] for mail in postbox.mails] == [ADA]
    await database.close()
