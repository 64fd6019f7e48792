"""What readers see of an article, and when."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from byline.core.errors import Invalid
from byline.posts.models import Post
from byline.posts.publishing import NotPublished
from byline.posts.service import PostNotFound, SlugTaken
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}


async def act(desk: httpx.AsyncClient, post: Post, verb: str, **wish: Any) -> dict[str, Any]:
    response = await desk.post(f"{POSTS}/{post.id}/{verb}", json=wish or None, headers=ANY)
    assert response.status_code == 200, response.text
    acted: dict[str, Any] = response.json()
    return acted


async def travel_to_publication(sessions: Sessions, post_id: UUID) -> None:
    """As if the time of a scheduled post had come."""
    async with sessions.begin() as session:
        moment = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(Post).where(Post.id == post_id).values(published_at=moment))


async def test_drafts_are_for_the_desk_alone(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.draft(session)
    for rendition in ("", ".html", ".md"):
        assert_problem(await client.get(f"/v1/posts/how-to-measure{rendition}"), PostNotFound)
    assert (await client.get("/v1/posts?count=true")).json() == {"data": [], "next_cursor": None, "total": 0}


async def test_publish_shows_it_now(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    before = datetime.now(UTC)
    async with sessions.begin() as session:
        draft = await make.draft(session)
    published = await act(desk, draft, "publish")
    assert (published["status"], published["version"], published["live_version"]) == ("published", 2, 2)
    assert before <= datetime.fromisoformat(published["published_at"]) <= datetime.now(UTC)
    assert (await client.get("/v1/posts/how-to-measure")).json()["published_at"] == published["published_at"]


async def test_a_scheduled_post_is_live_once_its_time_has_come(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    scheduled = await act(desk, draft, "publish", at=at)
    assert scheduled["status"] == "scheduled"
    assert datetime.fromisoformat(scheduled["published_at"]) == datetime.fromisoformat(at)
    assert_problem(await client.get("/v1/posts/how-to-measure"), PostNotFound)
    assert (await client.get("/v1/posts")).json()["data"] == []
    assert len((await desk.get(POSTS, params={"status": "scheduled"})).json()["data"]) == 1
    assert (await desk.get(POSTS, params={"status": "published"})).json()["data"] == []

    await travel_to_publication(sessions, draft.id)
    assert (await client.get("/v1/posts/how-to-measure")).status_code == 200
    assert len((await client.get("/v1/posts")).json()["data"]) == 1
    assert (await desk.get(f"{POSTS}/{draft.id}")).json()["status"] == "published"
    [listed] = (await desk.get(POSTS, params={"status": "published"})).json()["data"]
    assert listed["status"] == "published"
    assert (await desk.get(POSTS, params={"status": "scheduled"})).json()["data"] == []


async def test_a_scheduled_post_can_be_published_at_once_or_taken_back(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    await act(desk, draft, "publish", at=at)
    assert (await act(desk, draft, "unpublish"))["status"] == "unpublished"
    await act(desk, draft, "publish", at=at)
    published = await act(desk, draft, "publish")
    assert published["status"] == "published"
    assert datetime.fromisoformat(published["published_at"]) <= datetime.now(UTC)
    assert (await client.get("/v1/posts/how-to-measure")).status_code == 200


async def test_a_post_can_be_backdated(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    published = await act(desk, draft, "publish", at="2001-02-03T04:05:06+02:00")
    assert (published["status"], published["published_at"]) == ("published", "2001-02-03T02:05:06Z")
    assert (await client.get("/v1/posts/how-to-measure")).json()["published_at"] == "2001-02-03T02:05:06Z"
    again = await act(desk, draft, "publish")
    assert again["published_at"] == "2001-02-03T02:05:06Z"


@pytest.mark.parametrize(
    "at",
    [
        "tomorrow",
        "2026-01-01",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00Z",  # asyncpg's minus infinity
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        1767225600,
        True,
    ],
)
async def test_a_time_has_a_place_in_the_calendar(desk: httpx.AsyncClient, sessions: Sessions, at: object) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    assert_problem(await desk.post(f"{POSTS}/{draft.id}/publish", json={"at": at}, headers=ANY), Invalid, "/at")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:01Z", "9999-12-31T23:59:59Z"])
async def test_the_ends_of_the_calendar_can_be_published(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions, at: str
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    assert (await act(desk, draft, "publish", at=at))["published_at"] == at
    await act(desk, draft, "publish", message="Again")
    for path in ("/v1/posts", "/v1/posts/how-to-measure", "/v1/posts/how-to-measure.html"):
        assert (await client.get(path)).status_code == 200


async def test_what_readers_see_stays_until_it_is_published_again(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        await make.tag(session, "Old tag")
        await make.tag(session, "New tag")
        await make.author(session, "Old author")
        await make.author(session, "New author")
        fields: dict[str, Any] = {"title": "Old", "markdown": "Old *text*", "tags": ["old-tag"]}
        post = await make.post(session, **fields, authors=["old-author"], custom={"edition": "old"})
    paths = [f"/v1/posts{rest}" for rest in ("", "/old", "/old.md", "/old.html", "?tag=old-tag", "?author=old-author")]
    live = [(await client.get(path)).content for path in paths]
    changes = {
        "title": "New",
        "slug": "new",
        "markdown": "New text",
        "tags": ["new-tag"],
        "authors": ["new-author"],
        "custom": {},
        "featured": True,
        "visibility": "unlisted",
        "language": "de",
    }
    saved = (await desk.patch(f"{POSTS}/{post.id}", json=changes, headers=ANY)).json()
    assert (saved["title"], saved["slug"], saved["html"]) == ("New", "new", "<p>New text</p>\n")
    assert (saved["status"], saved["version"], saved["live_version"]) == ("published", 3, 2)
    assert [tag["slug"] for tag in saved["tags"]] == ["new-tag"]
    assert saved == (await desk.get(f"{POSTS}/{post.id}")).json()
    assert [(await client.get(path)).content for path in paths] == live
    assert_problem(await client.get("/v1/posts/new"), PostNotFound)
    assert (await client.get("/v1/posts?tag=new-tag")).json()["data"] == []
    [listed] = (await desk.get(POSTS)).json()["data"]
    assert (listed["title"], listed["version"], listed["live_version"]) == ("Old", 3, 2)

    published = await act(desk, post, "publish")
    assert (published["version"], published["live_version"]) == (4, 4)
    shown = (await client.get("/v1/posts/new")).json()
    assert (shown["title"], shown["html"], shown["language"]) == ("New", "<p>New text</p>\n", "de")
    assert [author["slug"] for author in shown["authors"]] == ["new-author"]
    assert (await client.get("/v1/posts/new.md")).text == "New text"
    assert_problem(await client.get("/v1/posts/old"), PostNotFound)
    assert (await client.get("/v1/posts")).json()["data"] == []  # unlisted now


async def test_updated_at_is_that_of_what_readers_see(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        post = await make.post(session)
    before = (await client.get("/v1/posts/how-to-measure")).json()["updated_at"]
    saved = (await desk.patch(f"{POSTS}/{post.id}", json={"title": "New"}, headers=ANY)).json()
    assert saved["updated_at"] > before
    assert (await client.get("/v1/posts/how-to-measure")).json()["updated_at"] == before
    await act(desk, post, "publish")
    after = (await client.get("/v1/posts/how-to-measure")).json()["updated_at"]
    assert after > before
    await act(desk, post, "publish")  # nothing new
    assert (await client.get("/v1/posts/how-to-measure")).json()["updated_at"] == after


async def test_unpublish_hides_it_and_keeps_its_date(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    at = datetime(2020, 1, 1, tzinfo=UTC)
    async with sessions.begin() as session:
        post = await make.post(session, at=at)
    hidden = await act(desk, post, "unpublish")
    assert (hidden["status"], hidden["live_version"], hidden["version"]) == ("unpublished", None, 3)
    assert_problem(await client.get("/v1/posts/how-to-measure"), PostNotFound)
    assert (await client.get("/v1/posts")).json()["data"] == []
    changed = await desk.patch(f"{POSTS}/{post.id}", json={"title": "While hidden"}, headers=ANY)
    assert changed.json()["status"] == "unpublished"
    published = await act(desk, post, "publish")
    assert (published["status"], published["published_at"]) == ("published", "2020-01-01T00:00:00Z")
    assert (await client.get("/v1/posts/how-to-measure")).json()["title"] == "While hidden"


async def test_unpublish_keeps_the_newest_words(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.post(session, "Old")
    await desk.patch(f"{POSTS}/{post.id}", json={"title": "New", "slug": "new"}, headers=ANY)
    assert (await act(desk, post, "unpublish"))["title"] == "New"
    [listed] = (await desk.get(POSTS)).json()["data"]
    assert (listed["title"], listed["slug"], listed["status"]) == ("New", "new", "unpublished")


async def test_what_is_not_published_cannot_be_unpublished(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    assert_problem(await desk.post(f"{POSTS}/{draft.id}/unpublish", headers=ANY), NotPublished)
    await act(desk, draft, "publish")
    await act(desk, draft, "unpublish")
    assert_problem(await desk.post(f"{POSTS}/{draft.id}/unpublish", headers=ANY), NotPublished)


async def test_a_slug_that_was_taken_meanwhile_is_found_when_publishing(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        post = await make.post(session)
    await desk.patch(f"{POSTS}/{post.id}", json={"slug": "wanted"}, headers=ANY)
    async with sessions.begin() as session:
        await make.draft(session, slug="wanted")
    for verb in ("publish", "unpublish"):
        assert_problem(await desk.post(f"{POSTS}/{post.id}/{verb}", headers=ANY), SlugTaken)
    assert (await client.get("/v1/posts/how-to-measure")).status_code == 200
    await desk.patch(f"{POSTS}/{post.id}", json={"slug": "another"}, headers=ANY)
    await act(desk, post, "publish")
    assert (await client.get("/v1/posts/another")).status_code == 200


async def test_unlisted_is_read_by_its_address_only(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        await make.tag(session)
        await make.post(session, visibility="unlisted", tags=["measurement"])
    for rendition in ("", ".md", ".html"):
        assert (await client.get(f"/v1/posts/how-to-measure{rendition}")).status_code == 200
    for query in ("", "?tag=measurement", "?count=true", "?sort=title", "?fields=slug"):
        assert (await client.get(f"/v1/posts{query}")).json()["data"] == []
    assert len((await desk.get(POSTS)).json()["data"]) == 1


async def test_pages_are_published_like_posts(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        page = await make.draft(session, "About", kind="page")
    assert_problem(await client.get("/v1/pages/about"), PostNotFound)
    await act(desk, page, "publish")
    assert [row["slug"] for row in (await client.get("/v1/pages")).json()["data"]] == ["about"]
    assert (await client.get("/v1/posts")).json()["data"] == []
    assert_problem(await client.get("/v1/posts/about"), PostNotFound)
    for rendition in ("", ".md", ".html"):
        assert (await client.get(f"/v1/pages/about{rendition}")).status_code == 200
        assert_problem(await client.get(f"/v1/pages/nothing{rendition}"), PostNotFound)


@pytest.mark.parametrize("verb", ["publish", "unpublish"])
async def test_no_body_is_needed(desk: httpx.AsyncClient, sessions: Sessions, verb: str) -> None:
    async with sessions.begin() as session:
        post = await make.post(session)
    url = f"{POSTS}/{post.id}/{verb}"
    assert (await desk.post(url, headers=ANY)).status_code == 200
    if verb == "publish":
        assert (await desk.post(url, json=None, headers=ANY)).status_code == 200
        assert (await desk.post(url, json={}, headers=ANY)).status_code == 200
        assert_problem(await desk.post(url, json={"when": "now"}, headers=ANY), Invalid, "/when")
