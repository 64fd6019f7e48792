"""Authors, tags and series: three rooms that are read and managed in the same way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from byline.accounts.deps import ScopeMissing
from byline.accounts.sessions import InvalidToken
from byline.authors import service as authors
from byline.core.errors import BylineError, Invalid, StaleVersion, Unauthenticated, VersionRequired
from byline.core.pagination import InvalidCursor
from byline.series import service as series
from byline.tags import service as tags
from tests.problems import assert_problem

NOWHERE = "01890a5d-ac96-774b-bcce-b302099a8057"
ANY = {"If-Match": "*"}


@dataclass(frozen=True)
class Room:
    path: str
    name: str  # the field that names a row, and sorts the list
    id: str
    not_found: type[BylineError]
    slug_taken: type[BylineError]
    others: dict[str, Any]  # the other fields, none with its default
    defaults: dict[str, Any]
    private: set[str] = field(default_factory=set)

    @property
    def manage(self) -> str:
        return f"/v1/manage/{self.path}"

    @property
    def public(self) -> str:
        return f"/v1/{self.path}"


ROOMS = [
    Room(
        "authors",
        "name",
        "author_id",
        authors.AuthorNotFound,
        authors.AuthorSlugTaken,
        {
            "headline": "Measures things",
            "bio": "Born *somewhere*.",
            "avatar_url": "https://example.com/a.png",
            "links": [{"label": "Home", "url": "https://example.com"}, {"label": "Here", "url": "/about"}],
        },
        {"headline": None, "bio": None, "avatar_url": None, "links": []},
        {"user_id"},
    ),
    Room(
        "tags",
        "name",
        "tag_id",
        tags.TagNotFound,
        tags.TagSlugTaken,
        {"description": "About it", "aliases": ["one", "Zwei"]},
        {"description": None, "aliases": [], "parent_id": None},
    ),
    Room(
        "series",
        "title",
        "series_id",
        series.SeriesNotFound,
        series.SeriesSlugTaken,
        {"description": "About it"},
        {"description": None},
    ),
]


@pytest.fixture(params=ROOMS, ids=lambda room: room.path)
def room(request: pytest.FixtureRequest) -> Room:
    found: Room = request.param
    return found


async def create(desk: httpx.AsyncClient, room: Room, name: str, **fields: Any) -> dict[str, Any]:
    response = await desk.post(room.manage, json={room.name: name, **fields})
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def test_create_read_change_delete(desk: httpx.AsyncClient, client: httpx.AsyncClient, room: Room) -> None:
    created = await desk.post(room.manage, json={room.name: "  A Näme "})
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    row = created.json()
    assert created.headers["location"] == f"{room.manage}/{row['id']}"
    assert (row[room.name], row["slug"], row["version"]) == ("A Näme", "a-name", 1)
    assert row["url"] == f"https://blog.example{room.public.removeprefix('/v1')}/a-name"
    assert {key: row[key] for key in room.defaults} == room.defaults

    read = await desk.get(created.headers["location"])
    assert (read.status_code, read.headers["etag"], read.json()) == (200, '"1"', row)
    public = await client.get(f"{room.public}/a-name")
    assert public.json().keys() == row.keys() - {"version", "created_at", "updated_at"} - room.private
    assert public.json() == {key: row[key] for key in public.json()}

    url = created.headers["location"]
    changed = await desk.patch(url, json={**room.others, "slug": "New.Slug"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert {key: changed.json()[key] for key in room.others} == room.others
    assert (changed.json()["slug"], changed.json()["version"]) == ("New.Slug", 2)
    assert changed.json()["updated_at"] > row["updated_at"]
    assert {key: (await client.get(f"{room.public}/New.Slug")).json()[key] for key in room.others} == room.others
    assert_problem(await client.get(f"{room.public}/a-name"), room.not_found)

    again = await desk.patch(url, json={**room.others, "slug": "New.Slug"}, headers={"If-Match": '"2"'})
    assert again.json() == changed.json()  # nothing changed: no new version
    cleared = await desk.patch(url, json=room.defaults, headers={"If-Match": '"2"'})
    assert {key: cleared.json()[key] for key in room.defaults} == room.defaults

    deleted = await desk.delete(url, headers={"If-Match": '"3"'})
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "content-type" not in deleted.headers
    for response in (
        await desk.get(url),
        await desk.delete(url, headers=ANY),
        await desk.patch(url, json={}, headers=ANY),
    ):
        assert_problem(response, room.not_found)
    assert_problem(await client.get(f"{room.public}/New.Slug"), room.not_found)


async def test_create_with_everything(desk: httpx.AsyncClient, room: Room) -> None:
    row = await create(desk, room, "x", slug="Own", **room.others)
    assert row["slug"] == "Own"
    assert {key: row[key] for key in room.others} == room.others


async def test_slugs(desk: httpx.AsyncClient, room: Room) -> None:
    slugs = [(await create(desk, room, "Same"))["slug"] for _ in range(3)]
    assert slugs == ["same", "same-2", "same-3"]
    assert (await create(desk, room, "日本"))["slug"].isascii()
    assert (await create(desk, room, "‽"))["slug"] == room.id.removesuffix("_id")
    assert_problem(await desk.post(room.manage, json={room.name: "x", "slug": "same"}), room.slug_taken)
    other = await create(desk, room, "Other")
    url = f"{room.manage}/{other['id']}"
    assert_problem(await desk.patch(url, json={"slug": "same"}, headers=ANY), room.slug_taken)
    assert (await desk.get(url)).json() == other
    for unfit in ("", "a b", "a.md", "a/b", "x" * 201, None):
        assert_problem(await desk.patch(url, json={"slug": unfit}, headers=ANY), Invalid, "/slug")


async def test_the_desk_is_closed_to_strangers(client: httpx.AsyncClient, weak: httpx.AsyncClient, room: Room) -> None:
    one = f"{room.manage}/{NOWHERE}"
    endpoints: list[tuple[str, str, dict[str, str] | None, str]] = [
        ("GET", room.manage, None, "read"),
        ("POST", room.manage, {room.name: "x"}, "write"),
        ("GET", one, None, "read"),
        ("PATCH", one, {}, "write"),
        ("DELETE", one, None, "write"),
    ]
    for method, url, body, power in endpoints:
        assert_problem(await client.request(method, url, json=body), Unauthenticated)
        unknown = await client.request(method, url, json=body, headers={"Authorization": "Bearer nobody"})
        assert_problem(unknown, InvalidToken)
        problem = assert_problem(await weak.request(method, url, json=body), ScopeMissing)
        assert problem["missing_scopes"] == [f"{room.path}:{power}"]


async def test_one_that_is_not_there(desk: httpx.AsyncClient, client: httpx.AsyncClient, room: Room) -> None:
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        nothing = await desk.request(method, f"{room.manage}/{NOWHERE}", json=body, headers=ANY)
        assert_problem(nothing, room.not_found)
        no_id = await desk.request(method, f"{room.manage}/first", json=body, headers=ANY)
        assert_problem(no_id, Invalid, f"/path/{room.id}")
    assert_problem(await client.get(f"{room.public}/nothing"), room.not_found)


async def test_changes_need_the_version_that_was_read(desk: httpx.AsyncClient, room: Room) -> None:
    row = await create(desk, room, "x")
    url = f"{room.manage}/{row['id']}"
    for method, body in (("PATCH", {room.name: "y"}), ("DELETE", None)):
        assert_problem(await desk.request(method, url, json=body), VersionRequired)
        for stale in ('"2"', 'W/"1"', '"2", "3"', '"01"', '"x"'):
            response = await desk.request(method, url, json=body, headers={"If-Match": stale})
            assert assert_problem(response, StaleVersion)["current_version"] == 1
        for malformed in ("1", '"1" "2"', ""):
            response = await desk.request(method, url, json=body, headers={"If-Match": malformed})
            assert_problem(response, Invalid, "/header/if-match")
    assert (await desk.get(url)).json() == row
    for fits in ('"1"', '"3", "2"', "*"):
        response = await desk.patch(url, json={room.name: f"By {fits}"}, headers={"If-Match": fits})
        assert response.status_code == 200


async def test_bodies_are_checked(desk: httpx.AsyncClient, room: Room) -> None:
    row = await create(desk, room, "x")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({room.name: ""}, f"/{room.name}"),
        ({room.name: None}, f"/{room.name}"),
        ({room.name: "x" * 501}, f"/{room.name}"),
        ({room.name: "a\x00b"}, f"/{room.name}"),
        ({room.name: "x", "version": 2}, "/version"),
        ({room.name: "x", "id": NOWHERE}, "/id"),
        ({room.name: "x", "nothing": 1}, "/nothing"),
    ]
    for body, pointer in wrong:
        assert_problem(await desk.post(room.manage, json=body), Invalid, pointer)
        assert_problem(await desk.patch(f"{room.manage}/{row['id']}", json=body, headers=ANY), Invalid, pointer)
    assert_problem(await desk.post(room.manage, json={}), Invalid, f"/{room.name}")


@pytest.mark.parametrize("audience", ["public", "manage"])
async def test_lists_come_in_pages(desk: httpx.AsyncClient, room: Room, audience: str) -> None:
    url: str = getattr(room, audience)
    for name in ("B", "C", "A", "B"):
        await create(desk, room, name)
    names = {"": "ABBC", f"sort=-{room.name}": "CBBA", "sort=created_at": "BCAB", "sort=-created_at": "BACB"}
    for query, order in names.items():
        everything = (await desk.get(f"{url}?{query}")).json()
        if "created_at" not in query:  # all of one transaction here, so of one moment
            assert "".join(row[room.name] for row in everything["data"]) == order
        assert everything.keys() == {"data", "next_cursor"}
        walked: list[dict[str, Any]] = []
        response = await desk.get(f"{url}?{query}&limit=1&count=true")
        while True:
            assert response.json()["total"] == 4
            walked += response.json()["data"]
            if "next" not in response.links:
                break
            response = await desk.get(response.links["next"]["url"])
        assert walked == everything["data"]
        assert response.json()["next_cursor"] is None


@pytest.mark.parametrize("audience", ["public", "manage"])
async def test_parameters_are_checked(desk: httpx.AsyncClient, room: Room, audience: str) -> None:
    url: str = getattr(room, audience)
    for query in ("limit=0", "limit=101", "sort=slug", "count=x", "nothing=1", "sort="):
        assert_problem(await desk.get(f"{url}?{query}"), Invalid, f"/query/{query.partition('=')[0]}")
    for _ in range(2):
        await create(desk, room, "x")
    cursor = (await desk.get(f"{url}?limit=1")).json()["next_cursor"]
    for query in ("cursor=x", f"cursor={cursor}A", f"cursor={cursor}&sort=created_at"):
        assert_problem(await desk.get(f"{url}?{query}"), InvalidCursor, "/query/cursor")


@pytest.mark.parametrize("audience", ["public", "manage"])
async def test_more_rows_take_no_more_queries(
    desk: httpx.AsyncClient, room: Room, audience: str, count_queries: Callable[[], int]
) -> None:
    counts = []
    for number in (1, 9):
        for position in range(number):
            await create(desk, room, f"Row {position}")
        count_queries()
        rows = (await desk.get(getattr(room, audience))).json()["data"]
        counts.append((len(rows), count_queries()))
    (few, queries), (many, same) = counts
    assert (few, many) == (1, 10)
    assert queries == same
