"""What was saved before: reading, comparing, naming and restoring it; what readers see; merging."""

from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select

from byline.core.errors import Invalid, StaleVersion, VersionRequired
from byline.core.events import Event
from byline.posts.drafts import NotLive
from byline.posts.models import Revision
from byline.posts.revisions import MergeConflict, MergedTooLarge
from byline.posts.service import PostNotFound, RevisionNotFound, SlugTaken, UnknownReference
from byline.tags import service as tags
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}
TEXT = "# One\n\nFirst paragraph.\n\nSecond paragraph.\n"


@pytest.fixture
async def url(desk: httpx.AsyncClient) -> str:
    """Of a draft in version 3."""
    created = await desk.post(POSTS, json={"title": "First", "markdown": TEXT, "message": "Begun"})
    url = created.headers["location"]
    await desk.patch(url, json={"title": "Second", "markdown": TEXT.replace("First", "1st")}, headers=ANY)
    await desk.patch(url, json={"custom": {"a": 1}}, headers=ANY)
    return url


async def thin_out(sessions: Sessions, number: int) -> None:
    async with sessions.begin() as session:
        await session.execute(delete(Revision).where(Revision.number == number))


def unsaved(draft: dict[str, Any]) -> dict[str, Any]:
    """Without the time: readers are told that of what they see, and the desk that of the last save."""
    return {name: value for name, value in draft.items() if name != "updated_at"}


# ── what readers see ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_live_is_what_readers_see(desk: httpx.AsyncClient, url: str) -> None:
    live = f"{url}?live=true"
    assert_problem(await desk.get(live), NotLive)
    await desk.post(f"{url}/publish", headers=ANY)
    published = (await desk.get(url)).json()
    assert unsaved((await desk.get(live)).json()) == unsaved(published)
    await desk.patch(url, json={"title": "Third", "markdown": "New", "slug": "new"}, headers=ANY)
    shown = await desk.get(live)
    assert shown.headers["etag"] == '"5"'  # the version to save on
    assert unsaved(shown.json()) == unsaved(published | {"version": 5})
    assert (await desk.get(url)).json()["title"] == "Third"
    readers = (await desk.get("/v1/posts/first")).json()
    assert readers.items() >= {name: shown.json()[name] for name in ("title", "html", "updated_at", "url")}.items()
    await desk.post(f"{url}/unpublish", headers=ANY)
    assert_problem(await desk.get(live), NotLive)
    await desk.post(f"{url}/publish", json={"at": "2100-01-01T00:00:00Z"}, headers=ANY)
    assert_problem(await desk.get(live), NotLive)


# ── reading, naming ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_revision_has_all_that_was_saved(desk: httpx.AsyncClient, sessions: Sessions, url: str) -> None:
    async with sessions.begin() as session:
        tag = await make.tag(session)
    await desk.patch(url, json={"tags": [tag.slug]}, headers=ANY)
    found = (await desk.get(f"{url}/revisions/1")).json()
    assert (found["number"], found["message"], found["author"]["name"]) == (1, "Begun", "Grace")
    assert (found["content"]["title"], found["content"]["markdown"]) == ("First", TEXT)
    listed = (await desk.get(f"{url}/revisions")).json()["data"]
    assert {name: value for name, value in found.items() if name != "content"} == listed[-1]
    async with sessions.begin() as session:
        await tags.delete(session, await session.merge(tag))
    newest = (await desk.get(f"{url}/revisions/4")).json()
    assert newest["content"]["tags"] == [str(tag.id)]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("GET", "/diff", None), ("POST", "/restore", None), ("PATCH", "", {"name": "x"})],
)
async def test_revisions_that_are_not_there(
    desk: httpx.AsyncClient, sessions: Sessions, url: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await thin_out(sessions, 2)
    nowhere = f"{POSTS}/01890a5d-ac96-774b-bcce-b302099a8057/revisions/1{path}"
    assert_problem(await desk.request(method, nowhere, json=body, headers=ANY), PostNotFound)
    thinned = await desk.request(method, f"{url}/revisions/2{path}", json=body, headers=ANY)
    assert assert_problem(thinned, RevisionNotFound)["detail"] == "revision 2 was thinned out"
    never = await desk.request(method, f"{url}/revisions/4{path}", json=body, headers=ANY)
    assert assert_problem(never, RevisionNotFound)["detail"] is None
    for number in ("0", "-1", "x", str(2**31)):
        refused = await desk.request(method, f"{url}/revisions/{number}{path}", json=body, headers=ANY)
        assert_problem(refused, Invalid, "/path/number")


async def test_a_name_is_given_and_taken(desk: httpx.AsyncClient, sessions: Sessions, url: str) -> None:
    named = await desk.patch(f"{url}/revisions/2", json={"name": " before the lawyers "})
    assert (named.status_code, named.json()["name"]) == (200, "before the lawyers")
    await desk.patch(f"{url}/revisions/2", json={"name": "before the lawyers"})  # no event: nothing changed
    listed = (await desk.get(f"{url}/revisions")).json()["data"]
    assert [found["name"] for found in listed] == [None, "before the lawyers", None]
    assert (await desk.patch(f"{url}/revisions/2", json={"name": None})).json()["name"] is None
    for body in ({}, {"name": ""}, {"name": "x", "message": "y"}):
        assert (await desk.patch(f"{url}/revisions/2", json=body)).status_code == 422
    assert (await desk.get(url)).json()["version"] == 3
    async with sessions.begin() as session:
        events = await session.scalars(select(Event).where(Event.type == "post.revision_named").order_by(Event.id))
        assert [event.changes["name"]["after"] for event in events] == ["before the lawyers", None]


# ── comparing, restoring ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_diff_tells_fields_lines_and_words(desk: httpx.AsyncClient, sessions: Sessions, url: str) -> None:
    found = (await desk.get(f"{url}/revisions/2/diff")).json()
    assert (found["number"], found["against"]) == (2, 1)
    assert found["fields"] == {"title": {"before": "First", "after": "Second"}}
    [hunk] = found["markdown"]
    assert [op["op"] for op in hunk["ops"]] == ["equal", "replace", "equal"]
    assert hunk["ops"][1]["words"][:2] == [{"op": "delete", "text": "First"}, {"op": "insert", "text": "1st"}]
    assert found["unified"].startswith("--- revision 1\n+++ revision 2\n@@ -1,5 +1,5 @@\n # One\n \n-First")
    back = (await desk.get(f"{url}/revisions/1/diff?against=3")).json()
    assert back["fields"].keys() == {"title", "custom"} and back["fields"]["custom"] == {
        "before": {"a": 1},
        "after": {},
    }
    same = (await desk.get(f"{url}/revisions/2/diff?against=2")).json()
    assert (same["fields"], same["markdown"], same["unified"]) == ({}, [], "")
    first = (await desk.get(f"{url}/revisions/1/diff")).json()
    assert first["against"] is None and first["fields"]["title"] == {"before": None, "after": "First"}
    assert first["unified"].startswith("--- nothing\n+++ revision 1\n@@ -0,0 +1,5 @@\n+# One")
    assert_problem(await desk.get(f"{url}/revisions/2/diff?against=9"), RevisionNotFound)
    await thin_out(sessions, 2)
    assert (await desk.get(f"{url}/revisions/3/diff")).json()["against"] == 1
    assert_problem(await desk.get(f"{url}/revisions/3/diff?against=2"), RevisionNotFound)


async def test_restoring_is_a_new_revision(desk: httpx.AsyncClient, url: str) -> None:
    await desk.post(f"{url}/publish", headers=ANY)
    assert_problem(await desk.post(f"{url}/revisions/1/restore"), VersionRequired)
    assert_problem(await desk.post(f"{url}/revisions/1/restore", headers={"If-Match": '"3"'}), StaleVersion)
    restored = await desk.post(f"{url}/revisions/1/restore", headers={"If-Match": '"4"'})
    assert (restored.status_code, restored.headers["etag"]) == (200, '"5"')
    assert (restored.json()["title"], restored.json()["custom"]) == ("First", {})
    assert (await desk.get("/v1/posts/first")).json()["title"] == "Second"  # until it is published
    again = await desk.post(f"{url}/revisions/2/restore", json={"message": "Oh"}, headers=ANY)
    assert again.json()["title"] == "Second"
    listed = (await desk.get(f"{url}/revisions")).json()["data"]
    assert [found["message"] for found in listed[:3]] == ["Oh", "Restored revision 1", "Published"]


async def test_restoring_a_slug_that_was_taken_since(desk: httpx.AsyncClient, url: str) -> None:
    await desk.patch(url, json={"slug": "other"}, headers=ANY)
    await desk.post(POSTS, json={"title": "x", "slug": "first"})
    assert_problem(await desk.post(f"{url}/revisions/1/restore", headers=ANY), SlugTaken)
    assert (await desk.get(url)).json()["version"] == 4


# ── merging ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stale_save_is_merged(desk: httpx.AsyncClient, sessions: Sessions, url: str) -> None:
    async with sessions.begin() as session:
        mine, theirs = await make.tag(session, "Mine"), await make.tag(session, "Theirs")
    await desk.patch(url, json={"tags": [theirs.slug]}, headers=ANY)
    changes = {"markdown": TEXT.replace("Second", "2nd"), "tags": [mine.slug], "custom": {"b": 2}, "message": "Both"}
    merged = await desk.post(f"{url}/merge", json={"base": 1, "changes": changes})
    assert (merged.status_code, merged.headers["etag"]) == (200, '"5"')
    draft = merged.json()
    assert draft["markdown"] == TEXT.replace("First", "1st").replace("Second", "2nd")
    assert (draft["title"], draft["custom"]) == ("Second", {"a": 1, "b": 2})
    assert {tag["slug"] for tag in draft["tags"]} == {"mine", "theirs"}
    assert (await desk.get(url)).json() == draft
    listed = (await desk.get(f"{url}/revisions")).json()["data"]
    assert (listed[0]["number"], listed[0]["message"]) == (5, "Both")
    on_newest = await desk.post(f"{url}/merge", json={"base": 5, "changes": {"title": "x"}})
    assert (on_newest.json()["version"], on_newest.json()["title"]) == (6, "x")


async def test_merging_leaves_readers_what_they_see(desk: httpx.AsyncClient, url: str) -> None:
    await desk.post(f"{url}/publish", headers=ANY)
    merged = await desk.post(f"{url}/merge", json={"base": 1, "changes": {"subtitle": "New"}})
    assert (merged.json()["subtitle"], merged.json()["live_version"]) == ("New", 4)
    assert (await desk.get("/v1/posts/first")).json()["subtitle"] is None


async def test_true_conflicts_are_refused(desk: httpx.AsyncClient, url: str) -> None:
    changes = {"title": "Mine", "markdown": TEXT.replace("First", "The first"), "subtitle": "Not in the way"}
    problem = assert_problem(await desk.post(f"{url}/merge", json={"base": 1, "changes": changes}), MergeConflict)
    assert problem["current_version"] == 3
    assert problem["conflicts"] == [
        {"field": "title", "base": "First", "yours": "Mine", "theirs": "Second"},
        {
            "field": "markdown",
            "hunks": [
                {
                    "base": "First paragraph.\n\n",
                    "yours": "The first paragraph.\n\n",
                    "theirs": "1st paragraph.\n\n",
                }
            ],
        },
    ]
    unchanged = (await desk.get(url)).json()
    assert (unchanged["version"], unchanged["subtitle"]) == (3, None)


async def test_what_cannot_be_merged(desk: httpx.AsyncClient, sessions: Sessions, url: str) -> None:
    async def merge(base: int, **changes: Any) -> httpx.Response:
        return await desk.post(f"{url}/merge", json={"base": base, "changes": changes})

    assert_problem(await merge(9, title="x"), RevisionNotFound)
    assert_problem(await merge(0, title="x"), Invalid, "/base")
    assert_problem(await merge(1, slug="?"), Invalid, "/changes/slug")
    assert_problem(await merge(1, tags=["none"]), UnknownReference)
    await desk.post(POSTS, json={"title": "x", "slug": "taken"})
    assert_problem(await merge(1, slug="taken"), SlugTaken)
    long = "x" * 600_000
    await desk.patch(url, json={"markdown": f"{TEXT}\n{long}"}, headers=ANY)
    assert_problem(await merge(1, markdown=f"{long}\n\n{TEXT}"), MergedTooLarge, "/changes/markdown")
    assert (await desk.get(url)).json()["version"] == 4
    await thin_out(sessions, 2)
    assert_problem(await merge(2, title="x"), RevisionNotFound)


async def test_a_stale_save_on_what_was_thinned_out(desk: httpx.AsyncClient, sessions: Sessions, url: str) -> None:
    await thin_out(sessions, 2)
    stale = await desk.patch(url, json={"title": "x"}, headers={"If-Match": '"2"'})
    problem = assert_problem(stale, StaleVersion)
    assert problem["current_version"] == 3 and problem.keys().isdisjoint({"changed_fields", "changes"})
    saved = await desk.patch(url, json={"title": "x"}, headers={"If-Match": '"3"'})
    assert saved.json()["version"] == 4  # no number is used again
