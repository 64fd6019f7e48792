"""A post that is there for a while, and times as the clocks of the site show them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from byline.core.errors import Invalid
from byline.core.events import Event
from byline.core.jobs import Job
from byline.core.settings import Settings
from byline.core.zones import NoSuchTime
from byline.posts.announcing import announce_next
from byline.posts.models import Post
from byline.posts.publishing import NotPublished, UnfitExpiry
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}
HOUR = timedelta(hours=1)


@pytest.fixture
def in_berlin(app: FastAPI, settings: Settings) -> Iterator[None]:
    app.state.settings = settings.model_copy(update={"site_time_zone": "Europe/Berlin"})
    yield
    app.state.settings = settings


async def publish(desk: httpx.AsyncClient, post_id: UUID, **wish: Any) -> dict[str, Any]:
    response = await desk.post(f"{POSTS}/{post_id}/publish", json=wish, headers=ANY)
    assert response.status_code == 200, response.text
    published: dict[str, Any] = response.json()
    return published


async def travel(sessions: Sessions, time: timedelta) -> None:
    async with sessions.begin() as session:
        earlier = {"published_at": Post.published_at - time, "expires_at": Post.expires_at - time}
        await session.execute(update(Post).values(earlier))


async def announce(sessions: Sessions) -> None:
    is_there_more = True
    while is_there_more:
        async with sessions.begin() as session:
            is_there_more = await announce_next(session) is not None


async def statuses(client: httpx.AsyncClient) -> list[int]:
    """Of a post in each place where readers may find it: 404 where it is in no list."""
    one = [(await client.get(f"/v1/posts/how-to-measure{end}")).status_code for end in ("", ".html", ".md")]
    lists = [
        (await client.get(path)).text for path in ("/v1/posts", "/feed.xml", "/atom.xml", "/feed.json", "/v1/changes")
    ]
    found = (await client.get("/v1/resolve?path=/posts/how-to-measure")).status_code
    return [*one, *(200 if "how-to-measure" in text else 404 for text in lists[:4]), found]


async def test_it_is_gone_at_its_time_whether_or_not_a_job_runs(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session, markdown="One.")
    expires_at = datetime.now(UTC) + HOUR
    published = await publish(desk, draft.id, expires_at=expires_at.isoformat())
    assert datetime.fromisoformat(published["expires_at"]) == expires_at
    async with sessions.begin() as session:
        jobs = select(Job.scheduled_at).where(Job.task_name == "posts.announce")
        assert (await session.scalars(jobs)).all() == [expires_at]
    await desk.patch(f"{POSTS}/{draft.id}", json={"markdown": "Two.", "slug": "next"}, headers=ANY)
    assert set(await statuses(client)) == {200}
    await travel(sessions, HOUR)
    before = (await desk.get(f"{POSTS}/{draft.id}")).json()
    assert set(await statuses(client)) == {404}
    assert (before["status"], before["live_version"], before["slug"]) == ("unpublished", None, "next")
    assert (await desk.get(f"{POSTS}/{draft.id}?live=true")).status_code == 404
    assert_problem(await desk.post(f"{POSTS}/{draft.id}/unpublish", headers=ANY), NotPublished)
    [row] = (await desk.get(f"{POSTS}?status=unpublished")).json()["data"]
    assert (row["status"], row["live_version"]) == ("unpublished", None)
    assert (await desk.get(f"{POSTS}?status=published")).json()["data"] == []
    await announce(sessions)
    await announce(sessions)
    assert (await desk.get(f"{POSTS}/{draft.id}")).json() == before  # what was said is the truth still
    assert set(await statuses(client)) == {404}
    async with sessions.begin() as session:
        [event] = await session.scalars(select(Event).where(Event.type == "post.expired"))
        row = await session.get_one(Post, draft.id)
    assert event.shown == {"kind": "post", "before": "how-to-measure", "after": None}
    assert (row.status, row.markdown, row.slug) == ("unpublished", "Two.", "next")
    again = await publish(desk, draft.id)
    assert (again["status"], again["expires_at"]) == ("published", None)
    moved = (await client.get("/v1/resolve?path=/posts/how-to-measure")).json()
    assert moved["location"].endswith("/posts/next")


async def test_it_expires_though_another_post_has_its_next_slug(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    await publish(desk, draft.id, expires_at=(datetime.now(UTC) + HOUR).isoformat())
    await desk.patch(f"{POSTS}/{draft.id}", json={"slug": "wanted", "title": "Next"}, headers=ANY)
    async with sessions.begin() as session:
        await make.post(session, "Wanted")
    await travel(sessions, HOUR)
    await announce(sessions)
    async with sessions.begin() as session:
        row = await session.get_one(Post, draft.id)
    assert (row.status, row.slug, row.title) == ("unpublished", "how-to-measure", "Next")
    assert (await client.get("/v1/posts/wanted")).json()["title"] == "Wanted"
    free = await desk.patch(f"{POSTS}/{draft.id}", json={"slug": "how-to-measure"}, headers=ANY)
    assert free.status_code == 200


async def test_an_expiry_stays_is_changed_and_taken_away(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    first, second = ((datetime.now(UTC) + hours * HOUR).isoformat() for hours in (1, 2))
    told = (await publish(desk, draft.id, expires_at=first))["expires_at"]
    assert (await publish(desk, draft.id))["expires_at"] == told
    await desk.post(f"{POSTS}/{draft.id}/unpublish", headers=ANY)
    assert (await publish(desk, draft.id, message="Again"))["expires_at"] == told
    assert (await publish(desk, draft.id, expires_at=second))["expires_at"] > told
    assert (await publish(desk, draft.id, expires_at=None))["expires_at"] is None
    await travel(sessions, 3 * HOUR)
    await announce(sessions)
    assert (await desk.get(f"{POSTS}/{draft.id}")).json()["status"] == "published"


@pytest.mark.parametrize(("at", "expires"), [(None, -1), (None, 0), (2, 1), (1, 1), (-2, -1)])
async def test_it_expires_later_than_it_is_published_and_later_than_now(
    desk: httpx.AsyncClient, sessions: Sessions, at: int | None, expires: int
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    now = datetime.now(UTC)
    wish = {"at": at and (now + at * HOUR).isoformat(), "expires_at": (now + expires * HOUR).isoformat()}
    refused = await desk.post(f"{POSTS}/{draft.id}/publish", json=wish, headers=ANY)
    assert_problem(refused, UnfitExpiry, "/expires_at")
    assert (await desk.get(f"{POSTS}/{draft.id}")).json()["status"] == "draft"


async def test_published_again_before_it_was_told_that_it_has_expired(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    await publish(desk, draft.id, expires_at=(datetime.now(UTC) + HOUR).isoformat())
    await desk.patch(f"{POSTS}/{draft.id}", json={"slug": "next"}, headers=ANY)
    await travel(sessions, HOUR)
    await publish(desk, draft.id)
    await announce(sessions)
    async with sessions.begin() as session:
        events = await session.scalars(select(Event).where(Event.subject_id == draft.id).order_by(Event.id))
        told = [(event.type, event.shown) for event in events if event.shown is not None]
    assert [type for type, _ in told] == ["post.published", "post.published"]
    assert told[-1][1] == {"kind": "post", "before": "how-to-measure", "after": "next"}  # so the old one is let go
    assert (await client.get("/v1/posts/next")).status_code == 200


# ── wall-clock times ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_time_without_an_offset_is_that_of_the_site(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions, in_berlin: None
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    assert (await client.get("/v1/site")).json()["time_zone"] == "Europe/Berlin"
    wish = {"at": "2097-03-31T09:00:00", "expires_at": "2097-10-27T02:30:00"}
    published = await publish(desk, draft.id, **wish)
    assert published["published_at"] == "2097-03-31T07:00:00Z"
    assert published["expires_at"] == "2097-10-27T00:30:00Z"  # that night has it twice: the first
    published = await publish(desk, draft.id, at="2097-03-31T09:00", expires_at="2097-10-27T02:30:00+01:00")
    assert published["expires_at"] == "2097-10-27T01:30:00Z"


@pytest.mark.parametrize(("name", "other"), [("at", "expires_at"), ("expires_at", "at")])
async def test_a_time_that_clocks_skip_is_refused(
    desk: httpx.AsyncClient, sessions: Sessions, in_berlin: None, name: str, other: str
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    wish = {name: "2097-03-31T02:30:00", other: None}
    problem = assert_problem(
        await desk.post(f"{POSTS}/{draft.id}/publish", json=wish, headers=ANY), NoSuchTime, f"/{name}"
    )
    assert "2097-03-31T02:30:00 is skipped in Europe/Berlin" in problem["detail"]
    operation = {"op": "publish", "id": str(draft.id), "if_match": "*", "body": wish}
    batch = (await desk.post(f"{POSTS}/batch", json={"operations": [operation]})).json()
    assert batch["results"][0]["problem"]["errors"][0]["pointer"] == f"/operations/0/body/{name}"


@pytest.mark.parametrize("time", ["2026-01-01", "0001-01-01T00:00:00", "0001-01-01T00:10:00", "now", 5])
async def test_what_is_no_time(desk: httpx.AsyncClient, sessions: Sessions, in_berlin: None, time: object) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    refused = await desk.post(f"{POSTS}/{draft.id}/publish", json={"expires_at": time}, headers=ANY)
    assert_problem(refused, Invalid, "/expires_at")
