"""What the rooms record of each change of state: its type, its subject, and every field before and after."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from byline.core.events import Event
from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder
from tests import make
from tests.conftest import Sessions

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}
Change = tuple[Any, Any]


async def recorded(sessions: Sessions, subject: UUID | str) -> list[tuple[str, dict[str, Change]]]:
    """Type and changes of each event of the subject, in order."""
    async with sessions.begin() as session:
        events = await session.scalars(select(Event).where(Event.subject_id == subject).order_by(Event.id))
        return [
            (event.type, {name: (change["before"], change["after"]) for name, change in event.changes.items()})
            for event in events
        ]


async def test_the_life_of_a_post(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        tag = await make.tag(session)
    created = (await desk.post(POSTS, json={"title": "One", "markdown": "Long", "tags": ["measurement"]})).json()
    url = f"{POSTS}/{created['id']}"
    await desk.patch(url, json={"title": "Two", "markdown": "Longer", "custom": {"a": 1}}, headers=ANY)
    await desk.post(f"{url}/publish", json={"at": "2100-01-01T00:00:00Z"}, headers=ANY)
    published = (await desk.post(f"{url}/publish", headers=ANY)).json()["published_at"]
    await desk.patch(url, json={"subtitle": "Sub"}, headers=ANY)
    await desk.post(f"{url}/unpublish", headers=ANY)
    await desk.delete(url, headers=ANY)

    (first, made), *later = await recorded(sessions, created["id"])
    assert first == "post.created"
    assert made == {
        "kind": (None, "post"),
        "version": (None, 1),
        "status": (None, "draft"),
        "slug": (None, "one"),
        "title": (None, "One"),
        "markdown": (None, {"revision": 1}),
        "language": (None, "en"),
        "visibility": (None, "public"),
        "featured": (None, False),
        "tags": (None, [str(tag.id)]),
        "authors": (None, []),
        "custom": (None, {"revision": 1}),
    }
    deleted_at = later[-1][1].pop("deleted_at")
    assert deleted_at[0] is None and deleted_at[1] is not None
    assert later == [
        (
            "post.updated",
            {
                "version": (1, 2),
                "title": ("One", "Two"),
                "markdown": ({"revision": 1}, {"revision": 2}),
                "custom": ({"revision": 1}, {"revision": 2}),
            },
        ),
        (
            "post.scheduled",
            {
                "version": (2, 3),
                "status": ("draft", "scheduled"),
                "published_at": (None, "2100-01-01T00:00:00Z"),
                "live_version": (None, 3),
            },
        ),
        (
            "post.published",
            {
                "version": (3, 4),
                "status": ("scheduled", "published"),
                "published_at": ("2100-01-01T00:00:00Z", published),
                "live_version": (3, 4),
            },
        ),
        ("post.updated", {"version": (4, 5), "subtitle": (None, "Sub")}),
        (
            "post.unpublished",
            {"version": (5, 6), "status": ("published", "unpublished"), "live_version": (4, None)},
        ),
        ("post.trashed", {"version": (6, 7)}),
    ]


async def test_every_revision_has_its_event(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    created = (await desk.post(POSTS, json={"title": "One"})).json()
    url = f"{POSTS}/{created['id']}"
    for _ in range(3):
        await desk.patch(url, json={}, headers=ANY)
    revisions = (await desk.get(f"{url}/revisions")).json()["data"]
    versions = [changes["version"][1] for _, changes in await recorded(sessions, created["id"])]
    assert versions == [revision["number"] for revision in revisions][::-1] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("path", "one", "name", "others"),
    [
        ("tags", "tag", "name", {"description": None, "aliases": [], "parent_id": None}),
        ("series", "series", "title", {"description": None}),
        (
            "authors",
            "author",
            "name",
            {"headline": None, "bio": None, "avatar_url": None, "links": []},
        ),
    ],
)
async def test_the_lives_of_what_posts_refer_to(
    desk: httpx.AsyncClient, sessions: Sessions, path: str, one: str, name: str, others: dict[str, Any]
) -> None:
    created = await desk.post(f"/v1/manage/{path}", json={name: "First"})
    url = created.headers["location"]
    await desk.patch(url, json={name: "Second", "slug": "second"}, headers=ANY)
    await desk.patch(url, json={name: "Second"}, headers=ANY)  # nothing new, so nothing happened
    await desk.delete(url, headers=ANY)
    found = await recorded(sessions, created.json()["id"])
    fields = {name: "First", "slug": "first", **others}
    assert [(type, changes) for type, changes in found if type != f"{one}.created"] == [
        (f"{one}.updated", {name: ("First", "Second"), "slug": ("first", "second")}),
        (
            f"{one}.deleted",
            {key: (value, None) for key, value in (fields | {name: "Second", "slug": "second"}).items()},
        ),
    ]
    [(first, made)] = found[:1]
    assert first == f"{one}.created"
    assert made == {key: (None, value) for key, value in fields.items()} | (
        {"user_id": (None, None)} if path == "authors" else {}
    )


async def test_what_is_refused_is_not_recorded(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    created = (await desk.post(POSTS, json={"title": "One", "slug": "one"})).json()
    url = f"{POSTS}/{created['id']}"
    for response in (
        await desk.post(POSTS, json={"title": "Two", "slug": "one"}),
        await desk.patch(url, json={"title": "x"}, headers={"If-Match": '"7"'}),
        await desk.patch(url, json={"tags": ["nothing"]}, headers=ANY),
        await desk.post(f"{url}/unpublish", headers=ANY),
    ):
        assert response.status_code in {409, 412, 422}
    async with sessions.begin() as session:
        assert (await session.scalars(select(Event.type))).all() == ["post.created"]


async def test_an_import_is_done_by_byline(sessions: Sessions, tmp_path: Any) -> None:
    (tmp_path / "post.md").write_text(
        "---\ntitle: Imported\ndate: 2020-01-01\ntags: [physics]\nauthor: Ada\n---\nText\n"
    )
    items = [
        item async for item in import_documents(sessions, "x", read_folder(tmp_path), language="en", dry_run=False)
    ]
    assert [item.outcome for item in items] == ["created"]
    async with sessions.begin() as session:
        events = (await session.scalars(select(Event).order_by(Event.id))).all()
    assert [event.type for event in events] == ["tag.created", "author.created", "post.published"]
    assert {(event.actor_id, event.session_id, event.address) for event in events} == {(None, None, None)}


async def test_a_save_is_one_row_of_the_log(
    desk: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int]
) -> None:
    """Two saves differ by nothing but what they say: no query looks for what was before."""
    created = (await desk.post(POSTS, json={"title": "One"})).json()
    counts = []
    for changes in ({}, {"title": "Two", "markdown": "Long", "custom": {"a": 1}, "subtitle": "Sub"}):
        count_queries()
        await desk.patch(f"{POSTS}/{created['id']}", json=changes, headers=ANY)
        counts.append(count_queries())
    assert counts[0] == counts[1]
    assert len(await recorded(sessions, created["id"])) == 3
