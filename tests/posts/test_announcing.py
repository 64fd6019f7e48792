"""A schedule holds by its time alone; workers, however many and however late, announce it once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update

from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.events import Event
from byline.core.jobs import Job, TaskContext
from byline.core.mail import LoggingMailer
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.posts import publishing, queries, tasks
from byline.posts.models import Kind, Post
from byline.posts.schemas import PostPublish
from tests import make
from tests.conftest import create_database
from tests.test_worker import QUICK, working
from tests.waiting import until


@pytest.fixture(scope="module")
async def context(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[TaskContext]:
    url = await create_database(postgres, f"byline_{worker_id}_announcing")
    settings = Settings(_env_file=None, database_url=SecretStr(url))
    database = Database(settings)
    await migrate(database.engine)
    yield TaskContext(database.sessions, settings, LoggingMailer())
    await database.close()


async def scheduled(context: TaskContext, *titles: str, seconds: float = 0.3, expiring: bool = False) -> datetime:
    """Posts that come, or with `expiring` go, so many seconds after this, however long it takes to make them."""
    later = datetime.now(UTC) + timedelta(days=1)
    async with context.sessions.begin() as session:
        posts = []
        for title in titles:
            draft = await make.draft(session, title)
            wish = PostPublish(expires_at=later) if expiring else PostPublish(at=later)
            posts.append(await publishing.publish(session, draft, wish, caller=None))
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        for post in posts:
            if expiring:
                post.expires_at = at
            else:
                post.published_at = at
        await session.execute(update(Job).where(Job.scheduled_at == later).values(scheduled_at=at))
    return at


async def announced(context: TaskContext, type: str = "post.went_live") -> list[str]:
    async with context.sessions.begin() as session:
        of = select(Post.title).join(Event, Event.subject_id == Post.id).where(Event.type == type)
        return sorted(await session.scalars(of))


async def waiting(context: TaskContext) -> int:
    async with context.sessions.begin() as session:
        return (await session.scalars(select(func.count()).where(Job.task_name == tasks.announce.name))).one()


async def test_two_workers_announce_each_schedule_once(context: TaskContext) -> None:
    titles = [f"By two, {n}" for n in range(4)]
    await scheduled(context, *titles)
    async with working(context), working(context):

        async def is_done() -> bool:
            return not await waiting(context)

        await until(is_done)
    assert await announced(context) == titles


async def test_two_workers_tell_once_that_a_post_has_expired(context: TaskContext) -> None:
    titles = [f"Over, {n}" for n in range(3)]
    at = await scheduled(context, *titles, expiring=True)
    async with working(context), working(context):

        async def is_done() -> bool:
            return datetime.now(UTC) > at and not await waiting(context)

        await until(is_done)
    assert await announced(context, "post.expired") == titles


async def test_what_came_while_no_process_ran_is_announced_once_after_the_start(context: TaskContext) -> None:
    known = await announced(context)
    at = await scheduled(context, "By none")
    await asyncio.sleep((at - datetime.now(UTC)).total_seconds() + 0.01)
    async with context.sessions.begin() as session:
        seen = select(Post.title).where(Post.id.in_(queries.listed(Kind.POST, at).with_only_columns(Post.id)))
        assert "By none" in (await session.scalars(seen)).all()  # at its time, to the second
    assert await announced(context) == known
    for _ in range(2):  # two starts
        async with working(context, QUICK):

            async def is_done() -> bool:
                return not await waiting(context)

            await until(is_done)
        assert await announced(context) == sorted([*known, "By none"])


async def test_one_whose_job_was_lost_is_found_by_the_clock(context: TaskContext) -> None:
    assert tasks.announce.cron == "* * * * *"
    known = await announced(context)
    await scheduled(context, "By the clock", seconds=3600)
    async with context.sessions.begin() as session:
        await session.execute(delete(Job))
    await tasks.announce(context)  # before its time
    assert await announced(context) == known
    async with context.sessions.begin() as session:  # an hour later
        await session.execute(update(Post).where(Post.title == "By the clock").values(published_at=func.now()))
    await tasks.announce(context)
    await tasks.announce(context)
    assert await announced(context) == sorted([*known, "By the clock"])


async def test_what_is_put_off_or_published_by_hand_is_not_announced(context: TaskContext) -> None:
    known = await announced(context)
    at = await scheduled(context, "Put off", "By hand", seconds=0.1)
    async with context.sessions.begin() as session:
        first, second = (await session.scalars(select(Post).where(Post.published_at == at).order_by(Post.id))).all()
        await publishing.publish(session, first, PostPublish(at=at + timedelta(days=1)), caller=None)
        await publishing.publish(session, second, PostPublish(at=datetime.now(UTC)), caller=None)
    await asyncio.sleep((at - datetime.now(UTC)).total_seconds() + 0.01)
    await tasks.announce(context)
    assert await announced(context) == known


async def test_what_came_and_went_while_no_process_ran_is_told_of_in_that_order(context: TaskContext) -> None:
    at = await scheduled(context, "Came and went", seconds=0.1)
    async with context.sessions.begin() as session:
        post = (await session.scalars(select(Post).where(Post.published_at == at))).one()
        post.expires_at = at + timedelta(microseconds=1)
    await asyncio.sleep((at - datetime.now(UTC)).total_seconds() + 0.01)
    for _ in range(2):
        await tasks.announce(context)
    async with context.sessions.begin() as session:
        told = select(Event.type, Event.shown).where(Event.subject_id == post.id).order_by(Event.id)
        events = [(type, shown) for type, shown in await session.execute(told)][2:]
    slug = "came-and-went"
    assert events == [
        ("post.went_live", {"kind": "post", "before": None, "after": slug}),
        ("post.expired", {"kind": "post", "before": slug, "after": None}),
    ]
