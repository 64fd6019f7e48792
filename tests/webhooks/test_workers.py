"""Deliveries by real workers, on a database of their own: several at once, and one that is killed."""

import asyncio
import os
import random
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text, update

from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.jobs import TaskContext
from byline.core.mail import LoggingMailer
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.jobs import service as jobs
from byline.tags import service as tags
from byline.tags.models import Tag
from byline.tags.schemas import TagUpdate
from byline.webhooks import delivering
from byline.webhooks.models import Delivery, State
from byline.worker import Pace, Worker
from tests import make
from tests.conftest import create_database
from tests.waiting import PATIENCE, until
from tests.webhooks.conftest import Receiver

ROOT = Path(__file__).resolve().parents[2]
QUICK = Pace(look=0.05, sign_of_life=0.5, grace=20, patience=0.5, pause=0.05)


@pytest.fixture
async def context(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[TaskContext]:
    url = await create_database(postgres, f"byline_{worker_id}_webhooks")
    settings = Settings(
        _env_file=None, database_url=SecretStr(url), webhook_allowed_networks=[ip_network("127.0.0.0/8")]
    )
    database = Database(settings)
    await migrate(database.engine)
    yield TaskContext(database.sessions, settings, LoggingMailer())
    await database.close()


@asynccontextmanager
async def working(context: TaskContext) -> AsyncIterator[None]:
    worker = Worker(context, QUICK)
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        async with asyncio.timeout(PATIENCE):
            await running


async def all_delivered(context: TaskContext, number: int) -> bool:
    async with context.sessions.begin() as session:
        states = list(await session.scalars(select(Delivery.state)))
    return states == [State.DELIVERED] * number


async def rename(context: TaskContext, tag: Tag, times: int) -> None:
    for turn in range(times):
        async with context.sessions.begin() as session:
            row = await session.get_one(Tag, tag.id, with_for_update=True)
            await tags.update(session, row, TagUpdate(name=f"{tag.slug} {turn}"))


async def test_about_each_subject_messages_come_in_order(
    context: TaskContext, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two workers, from writers at once, to a receiver that fails every third time."""
    monkeypatch.setattr(delivering, "WAITS", (0.01,) * 50)
    dice = random.Random(4)

    async def stumble(_: dict[str, Any]) -> None:
        await asyncio.sleep(dice.random() / 100)
        receiver.answers.append((dice.choice([200, 200, 503]), ""))

    receiver.meanwhile = stumble
    async with context.sessions.begin() as session:
        await make.webhook(session, receiver.url)
        made = [await make.tag(session, name) for name in ("one", "two", "three", "four")]
    async with AsyncExitStack() as workers:
        for _ in range(2):
            await workers.enter_async_context(working(context))
        await asyncio.gather(*(rename(context, tag, 6) for tag in made))
        await until(lambda: all_delivered(context, 4 * 7))
    told: dict[str, list[str]] = defaultdict(list)
    for message in receiver.messages:
        names = told[message["data"]["slug"]]
        if names[-1:] != [message["data"]["name"]]:  # the same again is a try more
            names.append(message["data"]["name"])
    assert told == {tag.slug: [tag.name, *(f"{tag.slug} {turn}" for turn in range(6))] for tag in made}
    assert len(receiver.got) > 4 * 7


async def test_a_worker_that_is_killed_in_the_middle_of_a_delivery(
    context: TaskContext, receiver: Receiver, tmp_path: Path
) -> None:
    """The receiver has it, and nobody knows: it gets it again, under the same id."""
    reached = asyncio.Event()

    async def hang(_: dict[str, Any]) -> None:
        if not reached.is_set():
            reached.set()
            await worker.wait()

    receiver.meanwhile = hang
    async with context.sessions.begin() as session:
        await make.webhook(session, receiver.url)
        await make.tag(session)
    url = context.settings.database_url
    assert url is not None
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.worker_program", "worker"),
        cwd=tmp_path,
        env={
            **os.environ,
            "BYLINE_DATABASE_URL": url.get_secret_value(),
            "BYLINE_WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.wait_for(reached.wait(), PATIENCE)
    finally:
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    async with context.sessions.begin() as session:
        assert await session.scalar(select(Delivery.state)) == State.PENDING
        await jobs.rescue(session, lost_after=0)
    async with working(context):
        await until(lambda: all_delivered(context, 1))
    assert receiver.types == ["tag.created", "tag.created"]
    assert len({received.headers["webhook-id"] for received in receiver.got}) == 1


async def test_the_trigger_leaves_no_way_around_it(context: TaskContext, receiver: Receiver) -> None:
    """Events that plain SQL writes are told too, those of one statement in their order."""
    async with context.sessions.begin() as session:
        await make.webhook(session, receiver.url)
        tag = await make.tag(session)
    insert = text("""
        insert into events (id, type, subject_type, subject_id, changes)
        select gen_random_uuid(), 'tag.updated', 'tag', :id, jsonb_build_object('name', change)
        from (values ('{"before": "Measurement", "after": "B"}'::jsonb), ('{"before": "B", "after": "C"}')) as c(change)
    """)
    async with context.sessions.begin() as session:
        await session.execute(insert, {"id": tag.id})
        await session.execute(update(Tag).values(name="C"))
    async with working(context):
        await until(lambda: all_delivered(context, 3))
    assert [message["data"]["name"] for message in receiver.messages] == ["Measurement", "B", "C"]
