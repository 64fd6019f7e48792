"""The desk: who may do what, versions, revisions, lists."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from byline.accounts.deps import ScopeMissing
from byline.accounts.models import User
from byline.accounts.sessions import InvalidToken
from byline.core.errors import Invalid, StaleVersion, Unauthenticated, VersionRequired
from byline.core.pagination import InvalidCursor
from byline.posts.models import Post, Revision
from byline.posts.service import PostNotFound
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
NOWHERE = "01890a5d-ac96-774b-bcce-b302099a8057"
ANY = {"If-Match": "*"}

# Every endpoint of one post, with a body that it takes.
OF_ONE: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("PATCH", "", {"title": "x"}),
    ("DELETE", "", None),
    ("POST", "/publish", {}),
    ("POST", "/unpublish", None),
    ("GET", "/revisions", None),
]
CHANGES = [endpoint for endpoint in OF_ONE if endpoint[0] != "GET"]
ALL = [("GET", "", None), ("POST", "", {"title": "x"}), *((m, f"/{NOWHERE}{path}", body) for m, path, body in OF_ONE)]


@pytest.mark.parametrize(("method", "path", "body"), ALL)
async def test_the_desk_is_closed_to_strangers(
    client: httpx.AsyncClient, weak: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    refused = await client.request(method, POSTS + path, json=body)
    assert_problem(refused, Unauthenticated)
    assert refused.headers["www-authenticate"] == "Bearer"
    unknown = await client.request(method, POSTS + path, json=body, headers={"Authorization": "Bearer nobody"})
    assert_problem(unknown, InvalidToken)
    assert unknown.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    problem = assert_problem(await weak.request(method, POSTS + path, json=body), ScopeMissing)
    assert problem["missing_scopes"]


@pytest.mark.parametrize(("method", "path", "body"), OF_ONE)
async def test_one_that_is_not_there(
    desk: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    nothing = await desk.request(method, f"{POSTS}/{NOWHERE}{path}", json=body, headers=ANY)
    assert_problem(nothing, PostNotFound)
    no_id = await desk.request(method, f"{POSTS}/first{path}", json=body, headers=ANY)
    assert_problem(no_id, Invalid, "/path/post_id")


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_changes_need_the_version_that_was_read(
    desk: httpx.AsyncClient, sessions: Sessions, method: str, path: str, body: dict[str, Any] | None
) -> None:
    async with sessions.begin() as session:
        post = await make.post(session)  # version 2
    url = f"{POSTS}/{post.id}{path}"
    assert_problem(await desk.request(method, url, json=body), VersionRequired)
    for stale in ('"1"', '"1", "3"', 'W/"2"', '"02"', '""', '"x"', '"99999999999999999999"'):
        problem = assert_problem(await desk.request(method, url, json=body, headers={"If-Match": stale}), StaleVersion)
        assert problem["current_version"] == 2
    for malformed in ("2", '"2', '"1" "2"', '"2",', "", '*, "2"', 'w/"2"'):
        refused = await desk.request(method, url, json=body, headers={"If-Match": malformed})
        assert_problem(refused, Invalid, "/header/if-match")
    assert (await desk.get(f"{POSTS}/{post.id}")).json()["version"] == 2
    done = await desk.request(method, url, json=body, headers={"If-Match": ' "1",W/"2" , "2"'})
    assert done.status_code == (204 if method == "DELETE" else 200)


async def test_a_stale_save_is_told_what_changed(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        tag = await make.tag(session)
        draft = await make.draft(session)
    url = f"{POSTS}/{draft.id}"
    await desk.patch(url, json={"title": "Second", "tags": [tag.slug]}, headers={"If-Match": '"1"'})
    await desk.patch(url, json={"markdown": "Third", "custom": {"a": 1}}, headers={"If-Match": '"2"'})
    for read, changed in ((1, {"title", "tags", "markdown", "custom"}), (2, {"markdown", "custom"})):
        response = await desk.patch(url, json={"title": "Mine"}, headers={"If-Match": f'"{read}"'})
        problem = assert_problem(response, StaleVersion)
        assert (problem["current_version"], set(problem["changed_fields"])) == (3, changed)
        assert problem["changes"].keys() == changed
        assert problem["changes"]["markdown"] == {"base": "Measure *first*.", "current": "Third"}
        assert problem["changes"]["custom"] == {"base": {}, "current": {"a": 1}}
    unheard_of = assert_problem(await desk.patch(url, json={}, headers={"If-Match": '"9"'}), StaleVersion)
    assert unheard_of.keys().isdisjoint({"changed_fields", "changes"})
    assert (await desk.get(url)).json()["title"] == "Second"


async def test_create_read_change_delete(desk: httpx.AsyncClient) -> None:
    created = await desk.post(POSTS, json={"title": " Begin ", "markdown": "One *word*", "message": "First"})
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    draft = created.json()
    assert created.headers["location"] == f"{POSTS}/{draft['id']}"
    assert (draft["title"], draft["status"], draft["kind"], draft["published_at"]) == ("Begin", "draft", "post", None)
    assert (draft["version"], draft["live_version"], draft["word_count"]) == (1, None, 2)

    read = await desk.get(created.headers["location"])
    assert (read.status_code, read.headers["etag"], read.json()) == (200, '"1"', draft)
    unchanged = await desk.get(created.headers["location"], headers={"If-None-Match": '"1"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    changes = {"title": "Go on", "subtitle": "Sub", "cover": {"url": "/a.png", "alt": "A"}, "series_position": None}
    changed = await desk.patch(created.headers["location"], json=changes, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    expected = {
        **draft,
        "title": "Go on",
        "subtitle": "Sub",
        "cover": {"url": "/a.png", "alt": "A", "caption": None},
        "version": 2,
        "updated_at": changed.json()["updated_at"],
    }
    assert changed.json() == expected
    cleared = await desk.patch(created.headers["location"], json={"subtitle": None, "cover": None}, headers=ANY)
    assert (cleared.json()["subtitle"], cleared.json()["cover"]) == (None, None)

    deleted = await desk.delete(created.headers["location"], headers=ANY)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "content-type" not in deleted.headers
    assert_problem(await desk.get(created.headers["location"]), PostNotFound)


async def test_each_step_is_a_revision(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    created = (await desk.post(POSTS, json={"title": "x", "message": "Begun"})).json()
    url = f"{POSTS}/{created['id']}"
    await desk.patch(url, json={"title": "y", "message": "Better"}, headers=ANY)
    await desk.patch(url, json={}, headers=ANY)
    await desk.post(f"{url}/publish", json={"at": "2100-01-01T00:00:00Z"}, headers=ANY)
    await desk.post(f"{url}/publish", json={"message": "Out!"}, headers=ANY)
    await desk.post(f"{url}/publish", headers=ANY)
    await desk.post(f"{url}/unpublish", headers=ANY)
    revisions = (await desk.get(f"{url}/revisions")).json()["data"]
    assert [(found["number"], found["message"], found["status"]) for found in revisions] == [
        (7, "Unpublished", "unpublished"),
        (6, "Published", "published"),
        (5, "Out!", "published"),
        (4, "Scheduled", "scheduled"),
        (3, None, "draft"),
        (2, "Better", "draft"),
        (1, "Begun", "draft"),
    ]
    async with sessions.begin() as session:
        user = (await session.scalars(select(User))).one()
    assert all(found["author"] == {"id": str(user.id), "name": "Grace"} for found in revisions)
    assert all(datetime.fromisoformat(found["created_at"]).tzinfo is not None for found in revisions)


async def test_the_revisions_of_an_import_have_no_author(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.post(session)
    revisions = (await desk.get(f"{POSTS}/{post.id}/revisions")).json()["data"]
    assert [(found["number"], found["author"]) for found in revisions] == [(2, None), (1, None)]


async def test_revisions_never_change(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session, "First", markdown="First")
    url = f"{POSTS}/{draft.id}"

    async def kept() -> list[tuple[int, str, dict[str, Any]]]:
        async with sessions.begin() as session:
            rows = await session.scalars(select(Revision).where(Revision.post_id == draft.id).order_by(Revision.number))
            return [(row.number, row.status, row.content) for row in rows]

    before = await kept()
    for changes in ({"title": "Second"}, {"markdown": "Third"}):
        await desk.patch(url, json=changes, headers=ANY)
        assert (await kept())[: len(before)] == before
        before = await kept()
    await desk.post(f"{url}/publish", headers=ANY)
    await desk.delete(url, headers=ANY)
    assert (await kept())[: len(before)] == before
    assert [content["title"] for _, _, content in await kept()] == ["First", "Second", "Second", "Second", "Second"]


async def test_revisions_come_in_pages(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    url = f"{POSTS}/{draft.id}"
    for number in range(2, 6):
        await desk.patch(url, json={"title": str(number)}, headers=ANY)
    numbers = []
    response = await desk.get(f"{url}/revisions?limit=2&count=true")
    while "next" in response.links:
        numbers += [found["number"] for found in response.json()["data"]]
        assert response.json()["total"] == 5
        response = await desk.get(response.links["next"]["url"])
    assert [*numbers, *(found["number"] for found in response.json()["data"])] == [5, 4, 3, 2, 1]
    assert_problem(await desk.get(f"{url}/revisions?cursor=x"), InvalidCursor, "/query/cursor")
    assert_problem(await desk.get(f"{url}/revisions?sort=number"), Invalid, "/query/sort")


async def test_the_list_shows_every_state(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.draft(session, "draft")
        await make.draft(session, "page", kind="page")
        await make.post(session, "published", visibility="unlisted")
        await make.post(session, "scheduled", at=datetime.fromisoformat("2100-01-01T00:00:00Z"))
    rows = (await desk.get(f"{POSTS}?count=true")).json()
    assert rows["total"] == 4
    assert [row["title"] for row in rows["data"]] == ["scheduled", "published", "page", "draft"]
    expected = {
        "status=draft": ["page", "draft"],
        "status=published": ["published"],
        "status=scheduled": ["scheduled"],
        "status=unpublished": [],
        "kind=page": ["page"],
        "kind=post&status=draft": ["draft"],
        "published_after=2099-01-01T00:00:00Z": ["scheduled"],
        "sort=title": ["draft", "page", "published", "scheduled"],
        "sort=-title": ["scheduled", "published", "page", "draft"],
        "sort=created_at": ["draft", "page", "published", "scheduled"],
        "sort=updated_at": ["draft", "page", "published", "scheduled"],
    }
    for query, titles in expected.items():
        found = (await desk.get(f"{POSTS}?{query}")).json()["data"]
        # rows of one transaction are created at one moment, in the order of their keys only by the millisecond
        compare = sorted if query == "sort=created_at" else list
        assert compare(row["title"] for row in found) == titles, query


async def test_what_was_saved_last_comes_first(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        first = await make.post(session, "First")
        await make.post(session, "Second")
    assert [row["title"] for row in (await desk.get(POSTS)).json()["data"]] == ["Second", "First"]
    await desk.patch(f"{POSTS}/{first.id}", json={"title": "Changed, not published"}, headers=ANY)
    assert [row["title"] for row in (await desk.get(POSTS)).json()["data"]] == ["First", "Second"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=101", "/query/limit"),
        ("status=live", "/query/status"),
        ("kind=note", "/query/kind"),
        ("sort=published_at", "/query/sort"),
        ("fields=title", "/query/fields"),
        ("nothing=1", "/query/nothing"),
        ("tag=%00", "/query/tag"),
    ],
)
async def test_parameters_of_the_list_are_checked(desk: httpx.AsyncClient, query: str, pointer: str) -> None:
    assert_problem(await desk.get(f"{POSTS}?{query}"), Invalid, pointer)


async def test_more_posts_take_no_more_queries(
    desk: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int]
) -> None:
    async with sessions.begin() as session:
        for name in ("One", "Two"):
            await make.tag(session, name)
            await make.author(session, name)
        await make.series(session, "One")
    counts = []
    for number in (1, 19):
        async with sessions.begin() as session:
            for position in range(number):
                title = f"Post {number} {position}"
                await make.draft(session, title, tags=["one", "two"], authors=["two", "one"], series="one")
        count_queries()
        rows = (await desk.get(f"{POSTS}?limit=100")).json()["data"]
        counts.append((len(rows), count_queries()))
        assert [tag["slug"] for tag in rows[-1]["tags"]] == ["one", "two"]
        assert [author["slug"] for author in rows[-1]["authors"]] == ["two", "one"]
        assert rows[-1]["series"]["slug"] == "one"
    (few, queries), (many, same) = counts
    assert (few, many) == (1, 20)
    assert queries == same


async def test_more_revisions_take_no_more_queries(
    desk: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int]
) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    counts = []
    for number in (1, 6):
        count_queries()
        assert len((await desk.get(f"{POSTS}/{draft.id}/revisions")).json()["data"]) == number
        counts.append(count_queries())
        for _ in range(5):
            await desk.patch(f"{POSTS}/{draft.id}", json={}, headers=ANY)
    assert counts[0] == counts[1]


async def test_a_refused_save_leaves_nothing_behind(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    await desk.post(POSTS, json={"title": "x", "slug": "taken"})
    assert (await desk.post(POSTS, json={"title": "y", "slug": "taken"})).status_code == 409
    async with sessions.begin() as session:
        assert len((await session.scalars(select(Post.id))).all()) == 1
        assert len((await session.scalars(select(Revision.id))).all()) == 1
