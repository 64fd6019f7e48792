"""Feeds of any filter, page by page, and what they say of hubs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import httpx
import pytest
from fastapi import FastAPI

from byline.authors.service import AuthorNotFound
from byline.core.errors import Invalid
from byline.core.pagination import InvalidCursor
from byline.core.settings import Settings
from byline.series.service import SeriesNotFound
from byline.tags.service import TagNotFound
from tests import make
from tests.conftest import Sessions
from tests.feeds import conformance
from tests.feeds.reading import read_all
from tests.problems import assert_problem

HUB = "https://hub.example/?a=b&c"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHOLE: dict[str, Any] = {"tags": ["measurement"], "authors": ["ada-lovelace"], "series": "measuring-well"}

Ids = dict[str, str]


@pytest.fixture
async def ids(sessions: Sessions) -> Ids:
    """Posts by their title: one that has everything, one in another language, one of each with one thing only."""
    async with sessions.begin() as session:
        await make.tag(session)
        await make.author(session)
        await make.series(session, description="In parts")
        posts = [
            await make.post(session, "All", **WHOLE),
            await make.post(session, "Alles", language="de", **WHOLE),
            *[await make.post(session, name, **{name: value}) for name, value in WHOLE.items()],
        ]
        return {post.title: post.id.urn for post in posts}


@pytest.fixture
def with_hub(app: FastAPI, settings: Settings) -> Any:
    app.state.settings = settings.model_copy(update={"websub_hub": HUB})
    yield
    app.state.settings = settings


@pytest.mark.parametrize("name", conformance.FORMATS)
@pytest.mark.parametrize(
    ("address", "titles"),
    [
        ("/{}", {"All", "Alles", "tags", "authors", "series"}),
        ("/{}?language=de", {"Alles"}),
        ("/{}?language=DE", {"Alles"}),
        ("/{}?language=fr", set()),
        ("/{}?tag=measurement", {"All", "Alles", "tags"}),
        ("/{}?author=ada-lovelace", {"All", "Alles", "authors"}),
        ("/{}?series=measuring-well", {"All", "Alles", "series"}),
        ("/{}?tag=measurement&author=ada-lovelace&series=measuring-well&language=en", {"All"}),
        ("/series/measuring-well/{}", {"All", "Alles", "series"}),
        ("/series/measuring-well/{}?language=de", {"Alles"}),
        ("/tags/measurement/{}?language=de", {"Alles"}),
        ("/authors/ada-lovelace/{}?language=de", {"Alles"}),
    ],
)
async def test_filters_choose_the_posts(
    client: httpx.AsyncClient, ids: Ids, address: str, titles: set[str], name: str
) -> None:
    assert set(await read_all(client, address.format(name))) == {ids[title] for title in titles}


async def test_a_filtered_feed_says_what_it_is(client: httpx.AsyncClient, ids: Ids) -> None:
    address = "/atom.xml?series=measuring-well&tag=measurement&language=de"
    response = await client.get(address)
    about = feedparser.parse(response.content).feed
    own = "https://blog.example/atom.xml?language=de&series=measuring-well&tag=measurement"
    assert (about.title, about.id) == ("Measurement · Measuring well · Byline (de)", own)
    assert about.language == "de"
    assert response.links["self"]["url"] == conformance.links(response.content)["self"] == own
    of_series = (await client.get("/series/measuring-well/feed.json")).json()
    assert (of_series["title"], of_series["description"]) == ("Measuring well · Byline", "In parts")
    assert of_series["home_page_url"] == "https://blog.example/series/measuring-well"
    assert of_series["feed_url"] == "https://blog.example/series/measuring-well/feed.json"


@pytest.mark.parametrize("name", conformance.FORMATS)
@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("tag=none", TagNotFound),
        ("author=none", AuthorNotFound),
        ("series=none", SeriesNotFound),
        ("series=%00", Invalid),
        ("language=%C3%BC", Invalid),
        ("taag=measurement", Invalid),
        ("cursor=abc", InvalidCursor),
    ],
)
async def test_what_cannot_be_filtered_by(client: httpx.AsyncClient, name: str, query: str, error: Any) -> None:
    assert_problem(await client.get(f"/{name}?{query}"), error)


async def test_an_unknown_series(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/series/none/feed.xml"), SeriesNotFound)


@pytest.fixture
async def long(sessions: Sessions) -> AsyncIterator[list[str]]:
    """The ids of 45 posts, the newest first: pages end between posts of one moment."""
    async with sessions.begin() as session:
        posts = [await make.post(session, f"Post {n}", at=NOON - timedelta(days=n // 7)) for n in range(45)]
    posts.sort(key=lambda post: (post.published_at, post.id), reverse=True)
    yield [post.id.urn for post in posts]


async def test_pages_lead_to_every_post_once(client: httpx.AsyncClient, long: list[str]) -> None:
    for name in conformance.FORMATS:
        assert await read_all(client, f"/{name}") == long


@pytest.mark.usefixtures("with_hub")
async def test_every_page_is_of_one_feed_and_only_the_first_is_what_hubs_know(
    client: httpx.AsyncClient, long: list[str]
) -> None:
    first = await client.get("/atom.xml?language=en")
    links = conformance.links(first.content)
    assert links.keys() == {"self", "alternate", "first", "next", "hub"}
    assert (links["self"], links["hub"]) == ("https://blog.example/atom.xml?language=en", HUB)
    second = await client.get(links["next"])
    beyond = conformance.links(second.content)
    assert beyond.keys() == {"self", "alternate", "first", "next"}
    assert (beyond["self"], beyond["first"]) == (links["next"], links["self"])
    assert feedparser.parse(first.content).feed.id == feedparser.parse(second.content).feed.id == links["self"]
    for response, found in ((first, links), (second, beyond)):
        told = {relation: link["url"] for relation, link in response.links.items()}
        assert told == {relation: found[relation] for relation in found.keys() - {"alternate"}}


@pytest.mark.usefixtures("with_hub", "ids")
async def test_each_form_names_the_hub(client: httpx.AsyncClient) -> None:
    assert (await client.get("/feed.json")).json()["hubs"] == [{"type": "WebSub", "url": HUB}]
    for name in conformance.FORMATS:
        response = await client.get(f"/tags/measurement/{name}")
        assert response.links["hub"]["url"] == HUB
        assert response.links["self"]["url"] == f"https://blog.example/tags/measurement/{name}"
        if name != "feed.json":
            assert conformance.links(response.content)["hub"] == HUB


@pytest.mark.parametrize("name", conformance.FORMATS)
async def test_without_a_hub_none_is_named(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/{name}")
    assert response.links.keys() == {"self"}
    assert b"hub" not in response.content


async def test_feeds_of_summaries_by_setting(
    app: FastAPI, settings: Settings, client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        await make.post(session, markdown="Told.\n\nKept back.", excerpt="Told.")
    for content, is_there in (("full", True), ("summary", False)):
        app.state.settings = settings.model_copy(update={"feed_content": content})
        for name in conformance.FORMATS:
            assert ("Kept back" in (await client.get(f"/{name}")).text) == is_there
    app.state.settings = settings


@pytest.mark.parametrize("name", conformance.FORMATS)
async def test_a_filtered_feed_is_not_sent_again(client: httpx.AsyncClient, ids: Ids, name: str) -> None:
    address = f"/series/measuring-well/{name}?language=de"
    first, head = await client.get(address), await client.head(address)
    assert first.headers["etag"] == head.headers["etag"]
    for method in ("GET", "HEAD"):
        again = await client.request(method, address, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["link"]) == (304, b"", first.headers["link"])
