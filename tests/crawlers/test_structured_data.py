"""Structured data by the lists of https://ogp.me, https://schema.org and Google's of required properties."""

import json
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from tests import make
from tests.conftest import Sessions
from tests.crawlers.test_sitemaps import Configure

HOSTILE = "</script><script>alert(1)</script> & \u2028 <!--"


async def read(client: httpx.AsyncClient, slug: str, room: str = "posts") -> dict[str, Any]:
    answer = await client.get(f"/v1/{room}/{slug}/structured-data")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    check(data)
    return data


def of_type(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [node for node in data["json_ld"]["@graph"] if node["@type"] == name]


def check(data: dict[str, Any]) -> None:
    """What holds of every answer."""
    graph = data["open_graph"]
    assert {"og:title", "og:type", "og:url", "og:site_name"} <= graph.keys()  # the required ones, but for a picture
    assert data["twitter"].keys() >= {"twitter:card", "twitter:title"}
    assert data["json_ld"]["@context"] == "https://schema.org"
    people = {person["@id"] for person in of_type(data, "Person")}
    for person in of_type(data, "Person"):
        assert person["name"]
        assert person["url"].startswith("https://blog.example/authors/")
    for article in of_type(data, "BlogPosting"):
        assert {"headline", "datePublished", "dateModified", "author", "inLanguage"} <= article.keys()
        assert {author["@id"] for author in article["author"] if "@id" in author} == people
        dates = [datetime.fromisoformat(article[name]) for name in ("datePublished", "dateModified")]
        assert all(date.tzinfo for date in dates)
        assert dates == sorted(dates)
    [trail] = of_type(data, "BreadcrumbList")
    steps = trail["itemListElement"]
    assert [step["position"] for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= 2
    assert all(step["name"] and step["item"].startswith("https://blog.example/") for step in steps)


async def test_an_article_with_everything(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        links = [{"label": "Mastodon", "url": "https://social.example/@ada"}, {"label": "CV", "url": "/cv"}]
        await make.author(session, "Ada", links=links, headline="Measures", bio="Long.", avatar_url="/ada.png")
        await make.series(session, "Basics")
        await make.tag(session, "Optics")
        original = await make.post(
            session,
            "One",
            authors=["ada"],
            series="basics",
            series_position=2,
            tags=["optics"],
            cover={"url": "/cover.jpg", "alt": "A lens"},
            meta_description="In short.",
        )
        await make.post(session, "Zwei", language="de", translation_of=original.id)
    data = await read(client, "one")
    assert data["open_graph"]["og:image"] == "https://blog.example/cover.jpg"
    assert data["open_graph"]["og:image:alt"] == "A lens"
    assert data["open_graph"]["og:locale:alternate"] == ["de"]
    assert data["open_graph"]["article:author"] == ["https://blog.example/authors/ada"]
    assert data["open_graph"]["article:tag"] == ["Optics"]
    assert data["twitter"]["twitter:card"] == "summary_large_image"
    [article] = of_type(data, "BlogPosting")
    assert (article["headline"], article["description"], article["wordCount"]) == ("One", "In short.", 2)
    assert article["image"] == ["https://blog.example/cover.jpg"]
    assert (article["isPartOf"]["url"], article["position"]) == ("https://blog.example/series/basics", 2)
    assert [work["@id"] for work in article["workTranslation"]] == ["https://blog.example/posts/zwei"]
    [person] = of_type(data, "Person")
    assert person["sameAs"] == ["https://social.example/@ada", "https://blog.example/cv"]
    assert (person["jobTitle"], person["image"]) == ("Measures", "https://blog.example/ada.png")
    [trail] = of_type(data, "BreadcrumbList")
    assert [step["item"] for step in trail["itemListElement"]] == [
        "https://blog.example/",
        "https://blog.example/series/basics",
        "https://blog.example/posts/one",
    ]
    [translation] = of_type(await read(client, "zwei"), "BlogPosting")
    assert translation["translationOfWork"]["@id"] == "https://blog.example/posts/one"
    assert translation["author"]["@type"] == "Organization"
    assert "isPartOf" not in translation


async def test_a_page_and_an_article_from_elsewhere(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.post(session, "About", kind="page")
        await make.post(session, "Copy", canonical_url="https://elsewhere.example/first")
    data = await read(client, "about", "pages")
    assert data["open_graph"]["og:type"] == "website"
    assert [node["@id"] for node in of_type(data, "WebPage")] == ["https://blog.example/about"]
    assert (await read(client, "copy"))["open_graph"]["og:url"] == "https://elsewhere.example/first"
    assert (await client.get("/v1/posts/about/structured-data")).status_code == 404


class Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.data.append(data)


async def test_its_bytes_are_safe_in_a_script(
    client: httpx.AsyncClient, sessions: Sessions, configure: Configure
) -> None:
    configure(site_title=HOSTILE)
    async with sessions.begin() as session:
        await make.author(session, HOSTILE, slug="ada", bio=HOSTILE)
        await make.tag(session, HOSTILE, slug="tag")
        await make.post(session, HOSTILE, slug="x", excerpt=HOSTILE, authors=["ada"], tags=["tag"])
    answer = await client.get("/v1/posts/x/structured-data")
    assert not set("<>&\u2028") & set(answer.text)
    page = Scripts()
    page.feed(f'<script type="application/ld+json">{answer.text}</script>')
    assert page.tags == ["script"]
    assert json.loads("".join(page.data))["open_graph"]["og:title"] == HOSTILE.strip()


async def test_an_unchanged_answer_is_not_sent_again(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.post(session, "One", language="pt-BR")
    answer = await client.get("/v1/posts/one/structured-data")
    assert answer.headers["Content-Language"] == "pt-BR"
    headers = {"If-None-Match": answer.headers["ETag"]}
    assert (await client.get("/v1/posts/one/structured-data", headers=headers)).status_code == 304


@pytest.mark.parametrize("slug", ["%3C%2Fscript%3E", "%00", "%FF", "a" * 5000, "..%2F.."])
async def test_odd_slugs(client: httpx.AsyncClient, slug: str) -> None:
    assert (await client.get(f"/v1/posts/{slug}/structured-data")).status_code in {404, 422}
