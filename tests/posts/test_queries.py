"""The lists that anybody reads: what is in them, in which order, in pages, with which fields."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from byline.core.errors import Invalid
from byline.core.ids import uuid7
from byline.core.pagination import InvalidCursor
from byline.core.plain import compiled
from byline.posts import publishing
from byline.posts.documents import documented
from byline.posts.models import Post, PostAuthor, PostTag
from byline.posts.schemas import PostPublish, PostSummary
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

DAY = datetime(2026, 1, 1, tzinfo=UTC)
SORTS = ["-published_at", "published_at", "-updated_at", "updated_at", "title", "-title", "series_position"]


async def titles(client: httpx.AsyncClient, query: str) -> list[str]:
    response = await client.get(f"/v1/posts?{query}")
    assert response.status_code == 200, response.text
    return [post["title"] for post in response.json()["data"]]


async def walk(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    """All rows, by the link to the next page."""
    rows: list[dict[str, Any]] = []
    response = await client.get(url)
    while True:
        rows += response.json()["data"]
        if "next" not in response.links:
            assert response.json()["next_cursor"] is None
            return rows
        response = await client.get(response.links["next"]["url"])
        assert response.status_code == 200, response.text
        assert response.json()["data"]  # no empty last page


@pytest.fixture
async def library(sessions: Sessions) -> None:
    """Five posts, A to E, published on five days in another order than their names."""
    async with sessions.begin() as session:
        for name in ("Physics", "Optics"):
            await make.tag(session, name)
        for name in ("Ada", "Grace"):
            await make.author(session, name)
        await make.series(session, "Basics")
        fields: dict[str, dict[str, Any]] = {
            "C": {"tags": ["physics"], "authors": ["ada"], "series": "basics", "series_position": 7},
            "A": {"tags": ["physics", "optics"], "authors": ["grace", "ada"], "language": "de"},
            "E": {"tags": ["optics"], "series": "basics", "series_position": 0, "featured": True},
            "B": {"authors": ["grace"], "series": "basics", "language": "pt-BR"},
            "D": {"series": "basics", "series_position": 3, "featured": True},
        }
        for day, (title, own) in enumerate(fields.items()):
            await make.post(session, title, at=DAY + timedelta(days=day), **own)
        await make.draft(session, "Draft", tags=["physics"], authors=["ada"], series="basics", featured=True)


FILTERS = {
    "": "DBEAC",
    "tag=physics": "AC",
    "tag=optics": "EA",
    "tag=Physics": "",
    "tag=nothing": "",
    "author=ada": "AC",
    "author=grace": "BA",
    "author=nobody": "",
    "series=basics": "DBEC",
    "series=nothing": "",
    "language=de": "A",
    "language=PT-br": "B",
    "language=en": "DEC",
    "featured=true": "DE",
    "featured=false": "BAC",
    "published_after=2026-01-03T00:00:00Z": "DB",
    "published_before=2026-01-03T00:00:00Z": "AC",
    "published_after=2026-01-03T01:00:00%2B02:00": "DBE",
    "published_after=2026-01-01T00:00:00Z&published_before=2026-01-05T00:00:00Z": "BEA",
    "tag=physics&author=grace": "A",
    "series=basics&featured=true&sort=series_position": "ED",
    "tag=physics&tag=optics": "EA",  # of two, the last
}

ORDERS = {
    "-published_at": "DBEAC",
    "published_at": "CAEBD",
    "title": "ABCDE",
    "-title": "EDCBA",
    "updated_at": "CAEBD",
    "-updated_at": "DBEAC",
}


@pytest.mark.usefixtures("library")
async def test_filters(client: httpx.AsyncClient) -> None:
    assert {query: "".join(await titles(client, query)) for query in FILTERS} == FILTERS
    for query, found in FILTERS.items():
        counted = await client.get(f"/v1/posts?{query}&count=true&limit=1")
        assert counted.json()["total"] == len(found)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("which", ["tag=physics", "author=ada", "tag=physics&author=ada"])
async def test_what_is_given_another_time_moves_in_each_list(
    client: httpx.AsyncClient, sessions: Sessions, which: str
) -> None:
    assert [row["title"] for row in await walk(client, f"/v1/posts?{which}&limit=1")] == ["A", "C"]
    async with sessions.begin() as session:
        oldest = (await session.scalars(select(Post).where(Post.title == "C"))).one()
        await publishing.publish(session, oldest, PostPublish(at=DAY + timedelta(days=9)), caller=None)
    assert [row["title"] for row in await walk(client, f"/v1/posts?{which}&limit=1")] == ["C", "A"]
    assert await titles(client, f"{which}&published_after=2026-01-09T00:00:00Z") == ["C"]


@pytest.mark.usefixtures("library")
async def test_sorts(client: httpx.AsyncClient) -> None:
    assert {sort: "".join(await titles(client, f"sort={sort}")) for sort in ORDERS} == ORDERS


@pytest.mark.usefixtures("library")
async def test_a_series_is_read_in_its_order_and_what_has_no_place_comes_last(client: httpx.AsyncClient) -> None:
    assert await titles(client, "series=basics&sort=series_position") == ["E", "D", "C", "B"]
    rows = (await client.get("/v1/posts?series=basics&sort=series_position")).json()["data"]
    assert [row["series"]["position"] for row in rows] == [0, 3, 7, None]
    assert [row["title"] for row in await walk(client, "/v1/posts?sort=series_position&limit=1")][:3] == ["E", "D", "C"]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("sort", SORTS)
async def test_pages_give_each_post_once_in_order(client: httpx.AsyncClient, sort: str) -> None:
    everything = (await client.get(f"/v1/posts?sort={sort}")).json()["data"]
    assert len(everything) == 5
    for limit in range(1, 7):
        assert await walk(client, f"/v1/posts?sort={sort}&limit={limit}") == everything


@pytest.mark.parametrize("sort", SORTS)
async def test_pages_of_equal_values_lose_nothing(client: httpx.AsyncClient, sessions: Sessions, sort: str) -> None:
    async with sessions.begin() as session:
        for title in ("Same",) * 4 + ("Other",) * 3:
            await make.post(session, title, at=DAY)
        await session.execute(update(Post).values(updated_at=DAY))
    walked = [row["id"] for row in await walk(client, f"/v1/posts?sort={sort}&limit=2")]
    assert len(walked) == len(set(walked)) == 7
    assert walked == [row["id"] for row in (await client.get(f"/v1/posts?sort={sort}")).json()["data"]]


async def test_posts_that_appear_meanwhile_shift_nothing(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        for number in range(4):
            await make.post(session, f"Old {number}", at=DAY + timedelta(days=number))
    first = await client.get("/v1/posts?limit=2")
    async with sessions.begin() as session:
        await make.post(session, "New", at=DAY + timedelta(days=9))
    rest = await walk(client, first.links["next"]["url"])
    assert [row["title"] for row in rest] == ["Old 1", "Old 0"]


@pytest.mark.parametrize("sort", ["title", "-title"])
async def test_any_title_can_end_a_page(client: httpx.AsyncClient, sessions: Sessions, sort: str) -> None:
    names = [
        "字" * 500,
        "😀" * 500,
        "\x01" * 500,
        '"' * 500,
        "a",
        "Ä",
        "ä",
        "É\u0301",
        "z'); drop table posts; --",
        "\\",
    ]
    async with sessions.begin() as session:
        for name in names:
            await make.post(session, name)
    found = [row["title"] for row in await walk(client, f"/v1/posts?sort={sort}&limit=1")]
    assert sorted(found) == sorted(names)
    assert found == await titles(client, f"sort={sort}")


@pytest.mark.usefixtures("library")
async def test_the_link_keeps_every_parameter(client: httpx.AsyncClient) -> None:
    url = (
        "/v1/posts?sort=title&limit=1&count=true&fields=title&featured=true&published_after=2026-01-01T00:00:00%2B01:00"
    )
    first = await client.get(url)
    assert first.json() == {"data": [{"title": "D"}], "next_cursor": first.json()["next_cursor"], "total": 2}
    second = await client.get(first.links["next"]["url"])
    assert second.json() == {"data": [{"title": "E"}], "next_cursor": None, "total": 2}
    assert "link" not in second.headers


@pytest.mark.usefixtures("library")
async def test_a_cursor_is_taken_as_it_was_given_or_not_at_all(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/v1/posts?limit=1&sort=title")).json()["next_cursor"]
    assert await titles(client, f"limit=1&sort=title&cursor={cursor}") == ["B"]
    assert await titles(client, f"sort=title&cursor={cursor}&featured=true") == ["D", "E"]
    position = len(cursor) // 2
    flipped = cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
    last = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for bad in (
        flipped,
        last,
        cursor[:-1],
        cursor[1:],
        cursor + "A",
        cursor + "=",
        cursor + "!",
        cursor.upper(),
        "",
        "é",
    ):
        params = {"sort": "title", "cursor": bad}
        assert_problem(await client.get("/v1/posts", params=params), InvalidCursor, "/query/cursor")
    for other in ("-title", "published_at", "-published_at", "series_position"):
        params = {"sort": other, "cursor": cursor}
        assert_problem(await client.get("/v1/posts", params=params), InvalidCursor, "/query/cursor")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=101", "/query/limit"),
        ("limit=-1", "/query/limit"),
        ("limit=ten", "/query/limit"),
        ("limit=", "/query/limit"),
        ("count=perhaps", "/query/count"),
        ("sort=word_count", "/query/sort"),
        ("sort=-series_position", "/query/sort"),
        ("sort=title,-title", "/query/sort"),
        ("fields=", "/query/fields"),
        ("fields=title,", "/query/fields"),
        ("fields=markdown", "/query/fields"),
        ("fields=html", "/query/fields"),
        ("fields=title,__class__", "/query/fields"),
        ("language=e", "/query/language"),
        ("featured=maybe", "/query/featured"),
        ("published_after=yesterday", "/query/published_after"),
        ("published_before=2026-01-01T00:00:00", "/query/published_before"),
        ("published_before=1767225600", "/query/published_before"),
        ("tag=%00", "/query/tag"),
        ("status=draft", "/query/status"),
        ("page=2", "/query/page"),
        ("cursor=" + "A" * 5001, "/query/cursor"),
    ],
)
async def test_parameters_are_checked(client: httpx.AsyncClient, query: str, pointer: str) -> None:
    for path in ("/v1/posts", "/v1/pages"):
        assert_problem(await client.get(f"{path}?{query}"), Invalid, pointer)


@pytest.mark.usefixtures("library")
async def test_a_list_carries_summaries(client: httpx.AsyncClient) -> None:
    [row] = (await client.get("/v1/posts?limit=1")).json()["data"]
    assert row.keys() == PostSummary.model_fields.keys()
    assert row["url"] == "https://blog.example/posts/d"


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("sort", ["-published_at", "title", "series_position"])
async def test_each_field_can_be_had_alone(client: httpx.AsyncClient, sort: str) -> None:
    whole = (await client.get(f"/v1/posts?sort={sort}")).json()["data"]
    for field in PostSummary.model_fields:
        rows = await walk(client, f"/v1/posts?sort={sort}&fields={field}&limit=3")
        assert rows == [{field: row[field]} for row in whole]


@pytest.mark.usefixtures("library")
async def test_a_list_is_one_query_whatever_its_fields(
    client: httpx.AsyncClient, count_queries: Callable[[], int]
) -> None:
    for fields in ("title,slug", "title,tags,authors,series", ",".join(PostSummary.model_fields)):
        count_queries()
        assert (await client.get(f"/v1/posts?fields={fields}")).status_code == 200
        assert count_queries() <= 1 + 2  # and a savepoint around it


def test_fields_that_nobody_asked_for_are_not_read() -> None:
    query = compiled(documented(select(Post), PostSummary, frozenset({"title", "url"}), []))
    assert query.tables == {"posts"} and "subtitle" not in query.sql


async def test_a_hundred_posts_take_no_more_queries_than_one(
    client: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int]
) -> None:
    async with sessions.begin() as session:
        tags = [await make.tag(session, name) for name in ("One", "Two")]
        authors = [await make.author(session, name) for name in ("One", "Two")]
        await make.series(session, "One")
        post = await make.post(session, tags=["two", "one"], authors=["one", "two"], series="one")
    counts = []
    for copies in (0, 99):
        async with sessions.begin() as session:
            for number in range(copies):
                columns = {column.key: getattr(post, column.key) for column in Post.__table__.columns}
                copy = Post(**{**columns, "id": uuid7(), "slug": f"copy-{number}"})
                session.add(copy)
                await session.flush()
                for position, (tag, author) in enumerate(zip(tags[::-1], authors, strict=True)):
                    session.add(PostTag(post_id=copy.id, tag_id=tag.id, position=position))
                    session.add(PostAuthor(post_id=copy.id, author_id=author.id, position=position))
        count_queries()
        rows = (await client.get("/v1/posts?limit=100")).json()["data"]
        counts.append((len(rows), count_queries()))
        assert all([tag["slug"] for tag in row["tags"]] == ["two", "one"] for row in rows)
        assert all([author["slug"] for author in row["authors"]] == ["one", "two"] for row in rows)
        assert all(row["series"]["slug"] == "one" for row in rows)
    (few, queries), (many, same) = counts
    assert (few, many) == (1, 100)
    assert queries == same
