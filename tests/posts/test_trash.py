"""What was deleted: who sees it, how it comes back, and how it goes for good."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from byline.accounts.caller import Role
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.events import Event
from byline.core.jobs import TaskContext
from byline.core.settings import Settings
from byline.posts import trash
from byline.posts.models import Post, PostAuthor, PreviewLink, Revision
from byline.posts.service import PostNotFound
from byline.posts.tasks import purge
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
TRASH = "/v1/manage/trash"
ANY = {"If-Match": "*"}


async def trashed(desk: httpx.AsyncClient, sessions: Sessions, title: str = "How to measure", **fields: Any) -> Post:
    async with sessions.begin() as session:
        post = await make.post(session, title, **fields)
    assert (await desk.delete(f"{POSTS}/{post.id}", headers=ANY)).status_code == 204
    return post


async def titles(client: httpx.AsyncClient, query: str = "", headers: dict[str, str] | None = None) -> list[str]:
    response = await client.get(f"{TRASH}?{query}", headers=headers)
    assert response.status_code == 200, response.text
    return [post["title"] for post in response.json()["data"]]


async def test_the_trash_is_listed(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    before = datetime.now(UTC)
    first = await trashed(desk, sessions, "B")
    await trashed(desk, sessions, "A", kind="page")
    async with sessions.begin() as session:
        await make.post(session, "At the desk")
    assert await titles(desk) == ["A", "B"]
    assert await titles(desk, "sort=trashed_at") == await titles(desk, "sort=-title") == ["B", "A"]
    assert await titles(desk, "kind=page&count=true") == ["A"]
    page = (await desk.get(f"{TRASH}?limit=1")).json()
    [row] = (await desk.get(f"{TRASH}?limit=1&cursor={page['next_cursor']}")).json()["data"]
    assert (row["id"], row["slug"], row["status"], row["version"]) == (str(first.id), "b", "published", 3)
    assert before <= datetime.fromisoformat(row["trashed_at"]) <= datetime.now(UTC)
    assert datetime.fromisoformat(row["purge_at"]) - datetime.fromisoformat(row["trashed_at"]) == timedelta(days=30)
    read = await desk.get(f"{TRASH}/{first.id}")
    assert (read.status_code, read.headers["etag"], read.json()["markdown"]) == (200, '"3"', "Measure *first*.")


async def test_restored_as_it_was_but_never_live(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        for name in ("Ada", "Grace"):
            await make.author(session, name)
        await make.tag(session)
        post = await make.post(session, authors=["grace", "ada"], tags=["measurement"])
    await desk.patch(f"{POSTS}/{post.id}", json={"title": "Newer"}, headers=ANY)  # not published yet
    await desk.delete(f"{POSTS}/{post.id}", headers=ANY)
    url = f"{POSTS}/{post.id}/restore"
    assert_problem(await desk.post(url), VersionRequired)
    assert_problem(await desk.post(url, headers={"If-Match": '"3"'}), StaleVersion)
    restored = await desk.post(url, headers={"If-Match": '"4"'})
    assert (restored.status_code, restored.headers["etag"]) == (200, '"5"')
    body = restored.json()
    assert (body["status"], body["live_version"], body["former_slug"]) == ("unpublished", None, None)
    assert (body["title"], body["slug"], body["markdown"]) == ("Newer", "how-to-measure", "Measure *first*.")
    assert [author["slug"] for author in body["authors"]] == ["grace", "ada"]
    assert [tag["slug"] for tag in body["tags"]] == ["measurement"]
    assert (await desk.get(f"{POSTS}/{post.id}")).json() == {k: v for k, v in body.items() if k != "former_slug"}
    [row] = (await desk.get(POSTS)).json()["data"]
    assert (row["title"], [author["slug"] for author in row["authors"]]) == ("Newer", ["grace", "ada"])
    assert_problem(await client.get("/v1/posts/how-to-measure"), PostNotFound)
    assert await titles(desk) == []
    assert_problem(await desk.post(url, headers=ANY), PostNotFound)
    [newest, *_] = (await desk.get(f"{POSTS}/{post.id}/revisions")).json()["data"]
    assert (newest["number"], newest["status"], newest["message"]) == (5, "unpublished", "Restored from the trash")
    await desk.post(f"{POSTS}/{post.id}/publish", headers=ANY)
    assert (await client.get("/v1/posts/how-to-measure")).json()["title"] == "Newer"
    async with sessions.begin() as session:
        types = await session.scalars(select(Event.type).where(Event.subject_id == post.id).order_by(Event.id))
        assert types.all()[-3:] == ["post.trashed", "post.restored", "post.published"]


@pytest.mark.parametrize("at", [None, datetime(2100, 1, 1, tzinfo=UTC)])
async def test_a_draft_stays_one_and_a_schedule_is_off(
    desk: httpx.AsyncClient, sessions: Sessions, at: datetime | None
) -> None:
    async with sessions.begin() as session:
        post = await (make.post(session, at=at) if at else make.draft(session))
    await desk.delete(f"{POSTS}/{post.id}", headers=ANY)
    restored = (await desk.post(f"{POSTS}/{post.id}/restore", headers=ANY)).json()
    assert restored["status"] == ("unpublished" if at else "draft")


async def test_a_slug_that_is_taken_gets_a_number(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    first, second = [await trashed(desk, sessions, slug="a") for _ in range(2)]
    async with sessions.begin() as session:
        await make.post(session, slug="a")
        await make.post(session, slug="a", kind="page")  # no rival
    for post, slug in ((first, "a-2"), (second, "a-3")):
        restored = (await desk.post(f"{POSTS}/{post.id}/restore", headers=ANY)).json()
        assert (restored["slug"], restored["former_slug"]) == (slug, "a")
        [newest, *_] = (await desk.get(f"{POSTS}/{post.id}/revisions")).json()["data"]
        assert newest["message"] == "Restored from the trash; another post has the slug a"


async def test_for_good(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.author(session)
        kept = await make.post(session, "Kept", authors=["ada-lovelace"])
    post = await trashed(desk, sessions, authors=["ada-lovelace"])
    for url in (f"{TRASH}/{kept.id}", f"{POSTS}/{kept.id}/restore"):
        method = "DELETE" if url.startswith(TRASH) else "POST"
        assert_problem(await desk.request(method, url, headers=ANY), PostNotFound)
    assert_problem(await desk.delete(f"{TRASH}/{post.id}"), VersionRequired)
    assert (await desk.delete(f"{TRASH}/{post.id}", headers={"If-Match": '"3"'})).status_code == 204
    for response in (
        await desk.get(f"{TRASH}/{post.id}"),
        await desk.delete(f"{TRASH}/{post.id}", headers=ANY),
        await desk.post(f"{POSTS}/{post.id}/restore", headers=ANY),
    ):
        assert_problem(response, PostNotFound)
    async with sessions.begin() as session:
        assert (await session.scalars(select(Revision.post_id).distinct())).all() == [kept.id]
        assert (await session.scalars(select(PostAuthor.post_id))).all() == [kept.id]
        [event] = await session.scalars(select(Event).where(Event.type == "post.deleted"))
    assert (event.subject_id, event.changes["title"]) == (post.id, {"before": "How to measure", "after": None})


async def test_own_posts_are_reached_in_the_trash_too(client: httpx.AsyncClient, sessions: Sessions) -> None:
    """The byline is taken off a trashed post: its newest revision still tells who stood over it."""
    async with sessions.begin() as session:
        _, ada, by_ada = await make.writer(session, "Ada")
        grace, _, by_grace = await make.writer(session, "Grace", role=Role.CONTRIBUTOR)
        _, _, by_editor = await make.writer(session, "Editor", role=Role.EDITOR)
        post = await make.draft(session, "Over it", authors=[ada.slug])
        former = await make.draft(session, "No more", authors=[ada.slug])
        begun = (await client.post(POSTS, json={"title": "Begun"}, headers=by_grace)).json()
    await client.patch(f"{POSTS}/{former.id}", json={"authors": []}, headers=by_editor | ANY)
    for post_id in (post.id, former.id, begun["id"]):
        assert (await client.delete(f"{POSTS}/{post_id}", headers=by_editor | ANY)).status_code == 204
    assert await titles(client, "sort=title", by_editor) == ["Begun", "No more", "Over it"]
    assert await titles(client, headers=by_ada) == ["Over it"]
    assert await titles(client, headers=by_grace) == ["Begun"]
    assert_problem(await client.post(f"{POSTS}/{former.id}/restore", headers=by_ada | ANY), PostNotFound)
    assert_problem(await client.delete(f"{TRASH}/{begun['id']}", headers=by_ada | ANY), PostNotFound)
    restored = await client.post(f"{POSTS}/{post.id}/restore", headers=by_ada | ANY)
    assert [author["slug"] for author in restored.json()["authors"]] == ["ada"]
    assert (await client.get(f"{POSTS}/{post.id}", headers=by_ada)).status_code == 200
    assert grace.role == Role.CONTRIBUTOR


async def count(sessions: Sessions, model: type[Post] | type[PreviewLink]) -> int:
    async with sessions.begin() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def age(sessions: Sessions, post_id: UUID, days: float) -> None:
    async with sessions.begin() as session:
        moment = datetime.now(UTC) - timedelta(days=days)
        await session.execute(update(Post).where(Post.id == post_id).values(deleted_at=moment))


async def test_the_trash_is_emptied_of_what_is_old(
    app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "AT_ONCE", 2)  # so that there is more than one turn
    posts = [await trashed(desk, sessions, str(number)) for number in range(6)]
    for post in posts[1:]:
        await age(sessions, post.id, 30.01)
    await age(sessions, posts[0].id, 29.99)
    async with sessions.begin() as session:
        await make.post(session, "At the desk")

    def context(days: int) -> TaskContext:
        return TaskContext(sessions, settings.model_copy(update={"trash_days": days}), app.state.mailer)

    await purge(context(0))
    assert await count(sessions, Post) == 7
    assert (await desk.get(TRASH)).json()["data"][0]["purge_at"] is not None
    for _ in range(2):  # a job may run twice
        await purge(context(30))
        assert await titles(desk) == ["0"]
        assert await count(sessions, Post) == 2
    async with sessions.begin() as session:
        deleted = await session.scalars(select(Event.actor_id).where(Event.type == "post.deleted"))
        assert deleted.all() == [None] * 5


async def test_old_preview_links_are_forgotten(
    app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions, settings: Settings
) -> None:
    async with sessions.begin() as session:
        post = await make.draft(session)
    for _ in range(2):
        await desk.post(f"{POSTS}/{post.id}/preview-links")
    async with sessions.begin() as session:
        links = (await session.scalars(select(PreviewLink))).all()
        links[0].expires_at = datetime.now(UTC) - trash.LINKS_KEPT - timedelta(minutes=1)
        links[1].expires_at = datetime.now(UTC) - trash.LINKS_KEPT + timedelta(minutes=1)
    await purge(TaskContext(sessions, settings, app.state.mailer))
    assert await count(sessions, PreviewLink) == 1
