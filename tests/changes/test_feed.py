"""The change feed through the application; what it is told of is committed."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from byline.accounts.models import User
from byline.authors import service as authors
from byline.changes.feed import CursorGone
from byline.core import events
from byline.core.pagination import InvalidCursor, encode_cursor
from byline.core.settings import Settings
from byline.posts import publishing, queries, service
from byline.posts.announcing import announce_next
from byline.posts.models import Kind, Post, Status
from byline.posts.schemas import PostPublish, PostUpdate
from byline.posts.service import SlugTaken
from byline.privacy import service as privacy
from byline.privacy.schemas import Byline
from byline.tags import service as tags
from byline.tags.schemas import TagUpdate
from tests import make
from tests.changes.replica import Replica
from tests.conftest import Sessions
from tests.problems import assert_problem

Told = tuple[str, str, str | None]


@pytest.fixture
async def anybody(app: FastAPI, committing: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield client


@pytest.fixture
async def replica(anybody: httpx.AsyncClient) -> Replica:
    """One that has read all there is: nothing."""
    made = Replica(anybody)
    assert await made.pull_all() == []
    return made


def told(changes: list[dict[str, Any]]) -> list[Told]:
    return [(change["type"], change["kind"], change["slug"]) for change in changes]


async def lists(sessions: Sessions) -> dict[str, str]:
    """The title of what readers' lists show, by its path."""
    async with sessions.begin() as session:
        return {
            post.path: post.title
            for kind in Kind
            for post in await session.scalars(queries.listed(kind, datetime.now(UTC)))
        }


async def test_the_life_of_a_post(committing: Sessions, replica: Replica) -> None:
    async with committing.begin() as session:
        post = await make.draft(session, "One")
    assert told(await replica.pull_all()) == []
    async with committing.begin() as session:
        await publishing.publish(session, await session.get_one(Post, post.id), PostPublish(), caller=None)
    [change] = await replica.pull_all()
    assert (change["id"], change["path"]) == (str(post.id), "/posts/one")
    assert told([change]) == [("upsert", "post", "one")]

    async def step(*verbs: Any) -> list[Told]:
        async with committing.begin() as session:
            row = await session.get_one(Post, post.id)
            for verb in verbs:
                await verb(session, row)
        return told(await replica.pull_all())

    def save(**fields: Any) -> Any:
        return lambda session, row: service.update(session, row, PostUpdate(**fields), caller=None)

    def publish(**wish: Any) -> Any:
        return lambda session, row: publishing.publish(session, row, PostPublish(**wish), caller=None)

    later = datetime.now(UTC) + timedelta(days=1)
    assert await step(save(title="Two")) == []  # readers keep what they have
    assert await step(publish()) == [("upsert", "post", "one")]
    assert await step(save(slug="two"), publish()) == [("delete", "post", "one"), ("upsert", "post", "two")]
    assert await step(lambda s, row: publishing.unpublish(s, row, caller=None)) == [("delete", "post", "two")]
    assert await step(publish()) == [("upsert", "post", "two")]
    assert await step(save(visibility="unlisted"), publish()) == [("delete", "post", "two")]
    assert await step(save(visibility="public"), publish()) == [("upsert", "post", "two")]
    assert await step(publish(at=later)) == [("delete", "post", "two")]
    assert await step(publish(at=datetime(2026, 1, 1, tzinfo=UTC))) == [("upsert", "post", "two")]
    assert await step(lambda s, row: service.trash(s, row, caller=None)) == [("delete", "post", "two")]
    assert len(set(replica.cursors)) == len(replica.cursors)


async def test_authors_tags_and_series_are_told_too(committing: Sessions, replica: Replica) -> None:
    async with committing.begin() as session:
        tag = await make.tag(session)
        await make.series(session)
        author = await make.author(session)
    async with committing.begin() as session:
        await tags.update(session, tag := await session.get_one(type(tag), tag.id), TagUpdate(description="x"))
        await tags.update(session, tag, TagUpdate(slug="metrology"))
        await tags.delete(session, tag)
        await authors.delete(session, await session.get_one(type(author), author.id))
    changes = await replica.pull_all()
    assert told(changes) == [
        ("upsert", "tag", "measurement"),
        ("upsert", "series", "measuring-well"),
        ("upsert", "author", "ada-lovelace"),
        ("upsert", "tag", "measurement"),
        ("delete", "tag", "measurement"),
        ("upsert", "tag", "metrology"),
        ("delete", "tag", "metrology"),
        ("delete", "author", "ada-lovelace"),
    ]
    assert [change["path"] for change in changes[:3]] == [
        "/tags/measurement", "/series/measuring-well", "/authors/ada-lovelace",
    ]  # fmt: skip


async def test_somebody_who_was_erased_has_no_name_in_it(committing: Sessions, replica: Replica) -> None:
    """Not even in what was told of them before: their byline is known by its id alone."""
    begin = replica.since
    async with committing.begin() as session:
        user, author, _ = await make.writer(session)
        await make.post(session, authors=["ada-lovelace"])
    assert told(await replica.pull_all())[0] == ("upsert", "author", "ada-lovelace")
    async with committing.begin() as session:
        await privacy.erase(session, await session.get_one(User, user.id), Byline.ERASE)
    assert told(await replica.pull_all()) == [("delete", "author", None), ("upsert", "author", "former-author")]
    late = Replica(replica.client)
    late.since = begin
    changes = await late.pull_all()
    assert [item for item in told(changes) if item[1] == "author"] == [
        ("delete", "author", None),
        ("delete", "author", None),
        ("upsert", "author", "former-author"),
    ]
    assert {change["id"] for change in changes if change["kind"] == "author"} == {str(author.id)}


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_a_first_reading_tells_all_there_is_and_what_comes_meanwhile(
    anybody: httpx.AsyncClient, committing: Sessions, limit: int
) -> None:
    async with committing.begin() as session:
        made = [await make.post(session, f"Post {n}", tags=[(await make.tag(session, f"T{n}")).slug]) for n in range(3)]
        await make.post(session, "About", kind="page")
        await make.post(session, "Hidden", visibility="unlisted")
        await make.post(session, "Later", at=datetime(2100, 1, 1, tzinfo=UTC))
        await make.draft(session)
    replica = Replica(anybody, limit=limit)
    changes = await replica.pull()
    async with committing.begin() as session:
        row = await session.get_one(Post, made[0].id)
        await service.update(session, row, PostUpdate(slug="renamed"), caller=None)
        await publishing.publish(session, row, PostPublish(), caller=None)
        await service.trash(session, await session.get_one(Post, made[1].id), caller=None)
    changes += await replica.pull_all()
    assert replica.paths == await lists(committing)
    assert sorted(replica.paths) == ["/about", "/posts/post-2", "/posts/renamed"]
    assert {change["slug"] for change in changes if change["kind"] == "tag"} == {"t0", "t1", "t2"}
    assert len(set(replica.cursors)) == len(replica.cursors)
    assert await replica.pull_all() == []


async def test_who_commits_late_is_told_late_and_not_left_out(committing: Sessions, replica: Replica) -> None:
    async with committing() as early, committing() as late:
        await make.tag(early, "Early")
        await make.tag(late, "Late")
        await late.commit()
        assert told(await replica.pull_all()) == [("upsert", "tag", "late")]
        await early.commit()
    assert told(await replica.pull_all()) == [("upsert", "tag", "early")]


async def test_who_waited_for_a_slug_comes_after_who_gave_it_up(committing: Sessions, replica: Replica) -> None:
    """The event of the one who waits is written first here, before it knows that it has to."""
    async with committing.begin() as session:
        old = await make.tag(session, "Old", slug="wanted")
    await replica.pull_all()
    async with committing() as giving, committing() as taking:
        events.record(taking, "tag.created", old, shown=events.Shown("tag", None, "wanted"))
        await taking.flush()
        await tags.update(giving, await giving.get_one(type(old), old.id), TagUpdate(slug="given-up"))
        waiting = asyncio.create_task(make.tag(taking, "New", slug="wanted"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await giving.commit()
        await waiting
        await taking.commit()
    changes = told(await replica.pull_all())
    assert changes[:2] == [("delete", "tag", "wanted"), ("upsert", "tag", "given-up")]
    assert changes[2:] == [("upsert", "tag", "wanted")] * 2


async def test_what_was_scheduled_is_announced_once(committing: Sessions, replica: Replica) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    async with committing.begin() as session:
        post = await make.post(session, "Soon", at=soon)
        await make.post(session, "Hidden", at=soon, visibility="unlisted")
    assert await replica.pull_all() == []
    await asyncio.sleep((soon - datetime.now(UTC)).total_seconds() + 0.01)
    assert await lists(committing) == {"/posts/soon": "Soon"}

    async def announce() -> Post | None:
        async with committing.begin() as session:
            return await announce_next(session)

    announced = [found.title for found in await asyncio.gather(*(announce() for _ in range(5))) if found]
    while found := await announce():
        announced.append(found.title)
    assert sorted(announced) == ["Hidden", "Soon"]
    assert told(await replica.pull_all()) == [("upsert", "post", "soon")]
    assert replica.paths == {"/posts/soon": "Soon"}
    async with committing.begin() as session:
        row = await session.get_one(Post, post.id)
        assert (row.status, row.version, row.published_at) == (Status.PUBLISHED, post.version, soon)


async def test_a_cursor_of_nobody_and_one_of_another_time_are_refused(
    anybody: httpx.AsyncClient, settings: Settings
) -> None:
    assert_problem(await anybody.get("/v1/changes?since=x"), InvalidCursor)
    secret = settings.secret_key.get_secret_value()
    ahead = encode_cursor("changes", None, 10**9, secret)
    assert_problem(await anybody.get(f"/v1/changes?since={ahead}"), CursorGone)
    assert_problem(await anybody.get("/v1/events", headers={"Last-Event-ID": "x"}), InvalidCursor)
    assert_problem(await anybody.get(f"/v1/events?since={ahead}"), CursorGone)


async def test_a_copy_kept_through_concurrent_writers_is_what_is_published(
    committing: Sessions, replica: Replica, thorough: bool
) -> None:
    """Writers who fight for a few slugs, whose transactions commit late and in any order, against one who reads on."""
    rounds, writers = (150, 8) if thorough else (12, 5)
    slugs = [f"slug-{n}" for n in range(6)]
    async with committing.begin() as session:
        ids = [(await make.draft(session, f"Post {n}")).id for n in range(6)]

    async def write(dice: random.Random) -> None:
        for _ in range(rounds):
            try:
                async with committing.begin() as session:
                    post_id = dice.choice(ids)
                    instead = await change(session, dice, post_id)
                    await asyncio.sleep(dice.choice([0, 0, 0.002, 0.01]))
            except (SlugTaken, DBAPIError):  # which is what happens to those who fight for a slug, or lock each other
                continue
            ids[:] = [instead if row_id == post_id else row_id for row_id in ids]

    async def change(session: Any, dice: random.Random, post_id: UUID) -> UUID:
        """The post to go on with, once that is committed."""
        post = await session.get_one(Post, post_id, with_for_update=True)
        if post.deleted_at is not None:
            return (await make.draft(session, uuid4().hex)).id
        verb = dice.choice(["publish", "publish", "rename", "rename", "unpublish", "schedule", "trash"])
        if verb in {"publish", "rename"}:
            fields = {"slug": dice.choice(slugs)} if verb == "rename" else {"title": uuid4().hex}
            await service.update(session, post, PostUpdate.model_validate(fields), caller=None)
            await publishing.publish(session, post, PostPublish(), caller=None)
        elif verb == "schedule":
            at = datetime.now(UTC) + timedelta(milliseconds=dice.choice([5, 20]))
            await publishing.publish(session, post, PostPublish(at=at), caller=None)
        elif verb == "unpublish" and post.is_live:
            await publishing.unpublish(session, post, caller=None)
        elif verb == "trash":
            await service.trash(session, post, caller=None)
        return post_id

    async def announce() -> bool:
        async with committing.begin() as session:
            return await announce_next(session) is not None

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(write(random.Random(n))) for n in range(writers)]
        while not all(task.done() for task in running):
            await replica.pull()
            await announce()
    await asyncio.sleep(0.03)  # the longest schedule
    while await announce():
        pass
    await replica.pull_all()
    assert replica.paths == await lists(committing)
    assert len(replica.cursors) == len(set(replica.cursors)) > rounds
    async with committing.begin() as session:
        await events.number(session)
        numbers = list(await session.scalars(select(events.EventLog.sequence).order_by(events.EventLog.sequence)))
        assert numbers == list(range(1, len(numbers) + 1))
        assert await session.scalar(text("select count(*) from events")) == len(numbers)
