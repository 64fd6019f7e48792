"""Who is told of what, once, until it is heard."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from byline.announcements import service as announcements
from byline.announcements import tasks
from byline.announcements.models import Progress
from byline.announcements.service import NotTold
from byline.app import create_app
from byline.core.jobs import TaskContext
from byline.core.outgoing import OutgoingError
from byline.core.settings import Settings
from byline.posts import publishing
from byline.posts import service as posts
from byline.posts import tasks as post_tasks
from byline.posts import trash as all_trash
from byline.posts.models import Post
from byline.posts.schemas import PostPublish, PostUpdate
from byline.tags import service as tags
from byline.tags.models import Tag
from byline.tags.schemas import TagUpdate
from tests import make
from tests.announcements.conftest import KEY, announce, pings, run_jobs, waiting
from tests.webhooks.conftest import Receiver, receiving

SITE = "https://blog.example"
WHOLE: dict[str, Any] = {"tags": ["measurement"], "authors": ["ada-lovelace"], "series": "measuring-well"}


def feeds(*paths: str, languages: Iterable[str] = ()) -> list[str]:
    """The addresses of the feeds of these paths of the site, and of these languages, sorted."""
    names = ("feed.xml", "atom.xml", "feed.json")
    found = [f"{SITE}{path}/{name}" for path in ("", *paths) for name in names]
    found += [f"{SITE}/{name}?language={language}" for language in languages for name in names]
    return sorted(found)


def listed(index: Receiver) -> list[list[str]]:
    """The addresses that IndexNow was told of since it was asked last, request by request."""
    told = [received.message for received in index.got]
    for message in told:
        assert message.keys() == {"host", "key", "keyLocation", "urlList"}
        assert (message["host"], message["key"], message["keyLocation"]) == ("blog.example", KEY, f"{SITE}/{KEY}.txt")
    index.got.clear()
    return [message["urlList"] for message in told]


@pytest.fixture
async def post(context: TaskContext, hub: Receiver, index: Receiver) -> Post:
    """Of a tag, an author, a series and a language; all that is announced."""
    async with context.sessions.begin() as session:
        await make.tag(session)
        await make.author(session)
        await make.series(session)
        made = await make.post(session, language="pt-BR", **WHOLE)
    await announce(context)
    hub.got.clear()
    index.got.clear()
    return made


async def change(context: TaskContext, post: Post, **fields: Any) -> None:
    """What readers see of it."""
    async with context.sessions.begin() as session:
        row = await session.get_one(Post, post.id)
        await posts.update(session, row, PostUpdate(**fields), caller=None)
        await publishing.publish(session, row, PostPublish(), caller=None)


EVERY = feeds("/tags/measurement", "/authors/ada-lovelace", "/series/measuring-well", languages=["pt-br"])


async def test_a_burst_of_changes_is_told_once(
    context: TaskContext, post: Post, hub: Receiver, index: Receiver
) -> None:
    for n in range(5):
        await change(context, post, title=f"Title {n}")
    await announce(context)
    assert sorted(pings(hub)) == EVERY
    assert listed(index) == [[f"{SITE}/posts/how-to-measure"]]
    await announce(context)
    assert (pings(hub), listed(index)) == ([], [])


async def test_a_first_post_is_told(context: TaskContext, hub: Receiver, index: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.post(session, "测量", slug="测量")
    await announce(context)
    assert sorted(pings(hub)) == feeds(languages=["en"])
    assert listed(index) == [[f"{SITE}/posts/%E6%B5%8B%E9%87%8F"]]


async def test_what_it_is_no_longer_found_by_is_told_too(context: TaskContext, post: Post, hub: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.tag(session, "New")
    await announce(context)
    hub.got.clear()
    await change(context, post, tags=["new"], authors=[], series=None, language="de")
    await announce(context)
    assert sorted(pings(hub)) == sorted({*EVERY, *feeds("/tags/new", languages=["de"])})


async def test_a_new_address_and_the_old_one(context: TaskContext, post: Post, index: Receiver) -> None:
    await change(context, post, slug="moved")
    await announce(context)
    assert listed(index) == [[f"{SITE}/posts/how-to-measure", f"{SITE}/posts/moved"]]


@pytest.mark.parametrize("how", ["unpublish", "trash", "trash and purge"])
async def test_what_goes_is_told(context: TaskContext, post: Post, hub: Receiver, index: Receiver, how: str) -> None:
    async with context.sessions.begin() as session:
        row = await session.get_one(Post, post.id)
        if how == "unpublish":
            await publishing.unpublish(session, row, caller=None)
        else:
            await posts.trash(session, row, caller=None)
    if how == "trash and purge":
        async with context.sessions.begin() as session:
            await all_trash.purge(session, await session.get_one(Post, post.id))
    await announce(context)
    assert sorted(pings(hub)) == (feeds() if how == "trash and purge" else EVERY)  # its revisions are gone
    assert listed(index) == [[f"{SITE}/posts/how-to-measure"]]


async def test_what_readers_do_not_see_is_not_told(context: TaskContext, hub: Receiver, index: Receiver) -> None:
    async with context.sessions.begin() as session:
        draft = await make.draft(session)
        await posts.update(session, draft, PostUpdate(title="Still a draft"), caller=None)
        await make.post(session, "Unlisted", visibility="unlisted")
        await make.post(session, "Later", at=datetime.now(UTC) + timedelta(hours=1))
    await announce(context)
    assert (pings(hub), listed(index)) == ([], [])


async def test_a_schedule_is_told_when_it_comes_about(context: TaskContext, hub: Receiver, index: Receiver) -> None:
    async with context.sessions.begin() as session:
        later = await make.post(session, "Later", at=datetime.now(UTC) + timedelta(hours=1))
    await announce(context)
    assert (pings(hub), listed(index)) == ([], [])
    async with context.sessions.begin() as session:
        await session.execute(update(Post).where(Post.id == later.id).values(published_at=datetime.now(UTC)))
    await post_tasks.announce(context)
    await announce(context)
    assert sorted(pings(hub)) == feeds(languages=["en"])
    assert listed(index) == [[f"{SITE}/posts/later"]]


async def test_pages_are_in_no_feed(context: TaskContext, hub: Receiver, index: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.post(session, "About", kind="page")
    await announce(context)
    assert (pings(hub), listed(index)) == ([], [[f"{SITE}/about"]])


async def test_a_tag_that_is_called_otherwise(context: TaskContext, post: Post, hub: Receiver, index: Receiver) -> None:
    async with context.sessions.begin() as session:
        [tag] = (await session.scalars(Tag.__table__.select().with_only_columns(Tag.id))).all()
        await tags.update(session, await session.get_one(Tag, tag), TagUpdate(name="Metrology", slug="metrology"))
    await announce(context)
    assert sorted(pings(hub)) == feeds("/tags/metrology")
    assert listed(index) == [[f"{SITE}/tags/measurement", f"{SITE}/tags/metrology"]]


async def test_a_hub_that_is_away_is_told_later_and_once(context: TaskContext, post: Post, hub: Receiver) -> None:
    await change(context, post, title="News", tags=[], authors=[], series=None)
    hub.answers.append((503, "later"))
    with pytest.raises(NotTold, match="503"):
        await announce(context)
    refused = pings(hub)
    await change(context, post, title="More news")
    await tasks.follow(context)
    locks = [job.queueing_lock for job in await waiting(context) if job.task_name == tasks.tell_hub.name]
    assert len(set(locks)) == len(locks) == len(EVERY)
    await run_jobs(context)
    told = [topic for topic in pings(hub) if topic in refused]
    assert told == refused
    assert tasks.tell_hub.attempts > 5


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_indexnow_is_tried_again(context: TaskContext, index: Receiver, status: int) -> None:
    index.answers.append((status, ""))
    with pytest.raises(NotTold, match=str(status)):
        await announcements.tell_index(context.settings, [f"{SITE}/posts/a"])
    await announcements.tell_index(context.settings, [f"{SITE}/posts/a"])
    assert listed(index) == [[f"{SITE}/posts/a"]] * 2


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_indexnow_that_refuses_is_not_told_again(
    context: TaskContext, index: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    index.answers.append((status, "why"))
    await announcements.tell_index(context.settings, [f"{SITE}/posts/a"])
    assert f"refused 1 addresses by a {status}" in caplog.text


async def test_nobody_there(context: TaskContext) -> None:
    nowhere = context.settings.model_copy(update={"websub_hub": "http://127.0.0.1:9/"})
    with pytest.raises(OutgoingError):
        await announcements.tell_hub(nowhere, f"{SITE}/feed.xml")


async def test_nothing_is_lost_where_a_try_dies(context: TaskContext, index: Receiver, monkeypatch: Any) -> None:
    """How far it is done is noted with the jobs, or not at all."""
    async with context.sessions.begin() as session:
        await make.post(session)
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "tell_index", None)  # enqueueing it fails, after those of the hub
        with pytest.raises(AttributeError):
            await tasks.follow(context)
    assert await waiting(context) == []
    await announce(context)
    assert listed(index) == [[f"{SITE}/posts/how-to-measure"]]


async def test_many_changes_are_told_in_portions(context: TaskContext, index: Receiver, monkeypatch: Any) -> None:
    assert 2 * announcements.AT_ONCE <= 10_000  # IndexNow's bound
    monkeypatch.setattr(announcements, "AT_ONCE", 4)
    async with context.sessions.begin() as session:
        for n in range(9):
            await make.post(session, f"Post {n}")
    await announce(context)
    told = listed(index)
    assert [len(urls) for urls in told] == [4, 4, 1]
    assert sorted(url for urls in told for url in urls) == [f"{SITE}/posts/post-{n}" for n in range(9)]


async def test_without_settings_nothing_is_enqueued(context: TaskContext, settings: Settings, hub: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.post(session)
    await tasks.follow(replace(context, settings=settings))
    assert await waiting(context) == []
    only_hub = context.settings.model_copy(update={"indexnow_key": None})
    await tasks.follow(replace(context, settings=only_hub))
    assert {job.task_name for job in await waiting(context)} == {"announcements.tell_hub"}


async def test_a_restored_database_goes_on(context: TaskContext, index: Receiver) -> None:
    async with context.sessions.begin() as session:
        await session.execute(update(Progress).values(sequence=1_000_000))
    await announce(context)
    async with context.sessions.begin() as session:
        await make.post(session)
    await announce(context)
    assert listed(index) == [[f"{SITE}/posts/how-to-measure"]]


async def test_the_key_is_where_indexnow_looks(configured: Settings, client: httpx.AsyncClient) -> None:
    transport = httpx.ASGITransport(create_app(configured))
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as site:
        found = await site.get(f"/{KEY}.txt")
        assert (found.status_code, found.text) == (200, KEY)
        assert found.headers["content-type"].startswith("text/plain")
        assert (await site.get(f"/{KEY[:-1]}.txt")).status_code == 404
    assert (await client.get(f"/{KEY}.txt")).status_code == 404


@pytest.mark.parametrize("name", ["feed.xml", "atom.xml", "feed.json"])
async def test_from_a_change_to_a_subscriber_through_a_hub(
    app: FastAPI, anybody: httpx.AsyncClient, context: TaskContext, hub: Receiver, name: str
) -> None:
    """W3C WebSub: discovered by the subscriber (§4), published by us, delivered and signed by the hub (§7, §8)."""
    async with context.sessions.begin() as session:
        await make.tag(session)
        await make.post(session, "Old", tags=["measurement"])
    await announce(context)
    hub.got.clear()
    discovered = (await anybody.get(f"/tags/measurement/{name}")).links
    assert discovered["hub"]["url"] == hub.url
    topic, secret = discovered["self"]["url"], b"known to the subscriber and the hub"
    async with context.sessions.begin() as session:
        await make.post(session, "News", tags=["measurement"])
    await announce(context)
    assert pings(hub).count(topic) == 1
    async with receiving() as subscriber, httpx.AsyncClient() as of_hub:
        content = await anybody.get(topic)
        links = ", ".join(f'<{link["url"]}>; rel="{rel}"' for rel, link in content.links.items())
        signature = "sha256=" + hmac.new(secret, content.content, hashlib.sha256).hexdigest()
        headers = {"Content-Type": content.headers["content-type"], "Link": links, "X-Hub-Signature": signature}
        await of_hub.post(subscriber.url, content=content.content, headers=headers)
    [delivered] = subscriber.got
    expected = hmac.new(secret, delivered.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(delivered.headers["x-hub-signature"], f"sha256={expected}")
    if name != "feed.json":
        parsed = feedparser.parse(delivered.body)
        assert not parsed.bozo
        assert [entry.title for entry in parsed.entries] == ["News", "Old"]
