from calendar import timegm
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.authors.service import AuthorNotFound
from byline.core.errors import BylineError
from byline.posts import publishing, service
from byline.posts.schemas import PostPublish, PostUpdate
from byline.tags.service import TagNotFound
from tests import make
from tests.problems import assert_problem

Sessions = async_sessionmaker[AsyncSession]

MEDIA_TYPES = {
    "feed.xml": "application/rss+xml",
    "atom.xml": "application/atom+xml",
    "feed.json": "application/feed+json",
}
SCOPES = {"": "Byline", "/tags/measurement": "Measurement · Byline", "/authors/ada-lovelace": "Ada Lovelace · Byline"}
ADDRESSES = [f"{scope}/{name}" for scope in SCOPES for name in MEDIA_TYPES]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def blog(sessions: Sessions) -> None:
    """A tag and an author, with one post of theirs and one of nobody."""
    async with sessions.begin() as session:
        await make.tag(session, description="How long is a piece of string?")
        await make.author(session, headline="Measures things")
        await make.post(session, "Somebody's", at=NOON, tags=["measurement"], authors=["ada-lovelace"])
        await make.post(session, "Nobody's", at=NOON + timedelta(hours=1), markdown="![A scale](/scale.jpg)")


async def titles(client: httpx.AsyncClient, address: str) -> list[str]:
    """Of the posts in a feed of any format."""
    response = await client.get(address)
    assert response.status_code == 200
    if address.endswith(".json"):
        return [item["title"] for item in response.json()["items"]]
    parsed = feedparser.parse(response.content)
    assert not parsed.bozo
    return [entry.title for entry in parsed.entries]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.usefixtures("blog")
async def test_feed_says_what_it_is_and_where(client: httpx.AsyncClient, address: str) -> None:
    response = await client.get(address)
    scope, name = address.rsplit("/", 1)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{MEDIA_TYPES[name]}; charset=utf-8"
    home, own = f"https://blog.example{scope or '/'}", f"https://blog.example{address}"
    if name == "feed.json":
        document = response.json()
        assert (document["title"], document["home_page_url"], document["feed_url"]) == (SCOPES[scope], home, own)
    else:
        about = feedparser.parse(response.content).feed
        assert (about.title, about.link) == (SCOPES[scope], home)
        assert [link.href for link in about.links if link.rel == "self"] == [own]


@pytest.mark.parametrize("name", MEDIA_TYPES)
@pytest.mark.usefixtures("blog")
async def test_scope_chooses_the_posts(client: httpx.AsyncClient, name: str) -> None:
    assert await titles(client, f"/{name}") == ["Nobody's", "Somebody's"]
    assert await titles(client, f"/tags/measurement/{name}") == ["Somebody's"]
    assert await titles(client, f"/authors/ada-lovelace/{name}") == ["Somebody's"]


@pytest.mark.usefixtures("blog")
async def test_description_is_that_of_the_scope(client: httpx.AsyncClient) -> None:
    tag, author = (await client.get("/tags/measurement/feed.json"), await client.get("/authors/ada-lovelace/feed.json"))
    assert tag.json()["description"] == "How long is a piece of string?"
    assert author.json()["description"] == "Measures things"
    assert "description" not in (await client.get("/feed.json")).json()


@pytest.mark.parametrize("name", MEDIA_TYPES)
@pytest.mark.parametrize(("scope", "error"), [("/tags", TagNotFound), ("/authors", AuthorNotFound)])
async def test_unknown_scope(client: httpx.AsyncClient, scope: str, error: type[BylineError], name: str) -> None:
    assert_problem(await client.get(f"{scope}/nobody/{name}"), error)


@pytest.mark.parametrize("name", MEDIA_TYPES)
async def test_site_without_posts(client: httpx.AsyncClient, name: str) -> None:
    assert await titles(client, f"/{name}") == []
    assert "last-modified" not in (await client.get(f"/{name}")).headers


@pytest.mark.parametrize("name", MEDIA_TYPES)
async def test_only_listed_published_posts(client: httpx.AsyncClient, sessions: Sessions, name: str) -> None:
    ours: dict[str, Any] = {"tags": ["measurement"], "authors": ["ada-lovelace"]}
    async with sessions.begin() as session:
        await make.tag(session)
        await make.author(session)
        await make.post(session, "Shown", **ours)
        await make.draft(session, "Draft", **ours)
        await make.post(session, "Scheduled", at=datetime.now(UTC) + timedelta(hours=1), **ours)
        await make.post(session, "Unlisted", visibility="unlisted", **ours)
        await make.post(session, "Page", kind="page", **ours)
        await publishing.unpublish(session, await make.post(session, "Unpublished", **ours), caller=None)
        await service.trash(session, await make.post(session, "Trashed", **ours), caller=None)
    for scope in SCOPES:
        assert await titles(client, f"{scope}/{name}") == ["Shown"]


async def test_newest_twenty(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        for number in [*range(0, 23, 2), *range(1, 23, 2)]:
            await make.post(session, f"Post {number}", at=NOON - timedelta(days=number))
    for name in MEDIA_TYPES:
        assert await titles(client, f"/{name}") == [f"Post {number}" for number in range(20)]


async def test_as_many_queries_for_a_full_feed_as_for_one_post(
    client: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int]
) -> None:
    async def counts() -> list[int]:
        numbers = []
        for address in ADDRESSES:
            count_queries()
            await client.get(address)
            numbers.append(count_queries())
        return numbers

    ours: dict[str, Any] = {"tags": ["measurement"], "authors": ["ada-lovelace"]}
    async with sessions.begin() as session:
        await make.tag(session)
        await make.author(session)
        await make.post(session, **ours)
    alone = await counts()
    async with sessions.begin() as session:
        for number in range(24):
            await make.post(session, f"Post {number}", **ours)
    assert await counts() == alone
    assert max(alone) <= 6  # the scope, the posts, their tags, their authors; and the savepoint of the test, twice


@pytest.mark.parametrize("name", MEDIA_TYPES)
@pytest.mark.usefixtures("blog")
async def test_what_has_not_changed_is_not_sent_again(client: httpx.AsyncClient, sessions: Sessions, name: str) -> None:
    first = await client.get(f"/{name}")
    known = {"If-None-Match": first.headers["etag"]}
    again = await client.get(f"/{name}", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["last-modified"] == first.headers["last-modified"]
    async with sessions.begin() as session:
        await make.post(session, "News")
    assert (await client.get(f"/{name}", headers=known)).status_code == 200


@pytest.mark.parametrize("name", MEDIA_TYPES)
@pytest.mark.usefixtures("blog")
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, name: str) -> None:
    whole, head = await client.get(f"/{name}"), await client.head(f"/{name}")
    assert (head.status_code, head.content) == (200, b"")
    for header in ("content-type", "content-length", "etag", "last-modified"):
        assert head.headers[header] == whole.headers[header]


async def test_last_modified_is_the_newest_change(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        old = await make.post(session, "Old", at=NOON - timedelta(days=365))
        await make.post(session, "New", at=NOON)
    async with sessions.begin() as session:
        old = await session.merge(old)
        await service.update(session, old, PostUpdate(markdown="Mended."), caller=None)
        await publishing.publish(session, old, PostPublish(), caller=None)
        changed_at = old.updated_at.replace(microsecond=0)
    for name in MEDIA_TYPES:
        headers = (await client.get(f"/{name}")).headers
        assert parsedate_to_datetime(headers["last-modified"]) == changed_at


@pytest.mark.usefixtures("blog")
async def test_formats_agree_on_identity_words_and_dates(client: httpx.AsyncClient) -> None:
    items = (await client.get("/feed.json")).json()["items"]
    for name in ("feed.xml", "atom.xml"):
        response = await client.get(f"/{name}")
        parsed = feedparser.parse(response.content, sanitize_html=False, resolve_relative_uris=False)
        for entry, item in zip(parsed.entries, items, strict=True):
            assert (entry.id, entry.link, entry.title) == (item["id"], item["url"], item["title"])
            assert entry.content[0].value.strip() == item["content_html"].strip()
            published_at = datetime.fromtimestamp(timegm(entry.published_parsed), UTC)
            assert published_at == datetime.fromisoformat(item["date_published"])
    assert "https://blog.example/scale.jpg" in items[0]["content_html"]


async def test_identity_outlives_the_address(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.post(session)
    [before] = (await client.get("/feed.json")).json()["items"]
    async with sessions.begin() as session:
        post = await session.merge(post)
        await service.update(session, post, PostUpdate(slug="moved"), caller=None)
        await publishing.publish(session, post, PostPublish(), caller=None)
    [after] = (await client.get("/feed.json")).json()["items"]
    assert (before["url"], after["url"]) == (
        "https://blog.example/posts/how-to-measure",
        "https://blog.example/posts/moved",
    )
    assert before["id"] == after["id"] == post.id.urn


@pytest.mark.parametrize("name", MEDIA_TYPES)
async def test_scope_in_another_script(client: httpx.AsyncClient, sessions: Sessions, name: str) -> None:
    async with sessions.begin() as session:
        await make.tag(session, "测量", slug="测量")
        await make.post(session, "如何测量", slug="如何测量", tags=["测量"])
    assert await titles(client, f"/tags/测量/{name}") == ["如何测量"]
    feed = await client.get(f"/tags/测量/{name}")
    for address in ("/posts/%E5%A6%82%E4%BD%95%E6%B5%8B%E9%87%8F", f"/tags/%E6%B5%8B%E9%87%8F/{name}"):
        assert f"https://blog.example{address}" in feed.text


def test_openapi_declares_each_feed(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    names = {"feed.xml": "rss", "atom.xml": "atom", "feed.json": "json_feed"}
    scopes = {"": "site", "/tags/{slug}": "tag", "/authors/{slug}": "author", "/series/{slug}": "series"}
    for scope, of in scopes.items():
        for name, media_type in MEDIA_TYPES.items():
            operation = paths[f"{scope}/{name}"]["get"]
            assert operation["operationId"] == f"get_{of}_{names[name]}"
            assert list(operation["responses"]["200"]["content"]) == [media_type]
            known = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
            assert known == {"language", "cursor"} | ({"tag", "author", "series"} if of == "site" else set())
            assert {"404", "422"} <= operation["responses"].keys()
    model = paths["/feed.json"]["get"]["responses"]["200"]["content"]["application/feed+json"]["schema"]
    assert model == {"$ref": "#/components/schemas/JsonFeed"}
