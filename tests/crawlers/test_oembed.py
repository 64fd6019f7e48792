"""oEmbed, by https://oembed.com §2.3."""

from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import pytest

from tests import make
from tests.conftest import Sessions

HERE = "https://blog.example/posts/how-to-measure"
TITLE = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
async def article(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.author(session, "Ada <b>")
        await make.post(session, TITLE, slug="how-to-measure", authors=["ada-b"], markdown="word " * 2000)
        await make.post(session, "Über", kind="page", slug="über-uns")
        await make.draft(session, "Draft")


async def ask(client: httpx.AsyncClient, **parameters: Any) -> httpx.Response:
    return await client.get("/oembed", params={"url": HERE, **parameters})


async def test_what_another_site_shows(client: httpx.AsyncClient) -> None:
    answer = await ask(client)
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert body.keys() == {
        *("type", "version", "title", "author_name", "author_url", "provider_name", "provider_url", "cache_age"),
        *("html", "width", "height"),  # required of `rich` (§2.3.4.4)
    }
    assert (body["type"], body["version"], body["title"]) == ("rich", "1.0", TITLE)
    assert body["author_url"] == "https://blog.example/authors/ada-b"
    assert f'<a href="{HERE}">&lt;img src=x onerror=alert(1)&gt;</a>' in body["html"]
    assert "<img" not in body["html"]
    assert "<b>" not in body["html"]
    assert len(body["html"]) < 1500


async def test_xml_says_the_same(client: httpx.AsyncClient) -> None:
    answer = await ask(client, format="xml")
    assert answer.headers["Content-Type"].startswith("text/xml")
    root = fromstring(answer.content)
    assert root.tag == "oembed"
    assert {child.tag: child.text for child in root} == {
        name: str(value) for name, value in (await ask(client)).json().items()
    }


@pytest.mark.parametrize(("width", "height"), [(400, 200), (220, 120), (10_000, 10_000)])
async def test_it_is_no_larger_than_it_may_be(client: httpx.AsyncClient, width: int, height: int) -> None:
    body = (await ask(client, maxwidth=width, maxheight=height)).json()
    assert body["width"] <= width
    assert body["height"] <= height
    assert f"max-width:{body['width']}px" in body["html"]


@pytest.mark.parametrize("parameters", [{"maxwidth": 219}, {"maxheight": 1}])
async def test_where_there_is_no_room_it_is_a_link(client: httpx.AsyncClient, parameters: dict[str, int]) -> None:
    body = (await ask(client, **parameters)).json()
    assert body["type"] == "link"
    assert not {"html", "width", "height"} & body.keys()


@pytest.mark.parametrize(
    "url",
    [
        HERE.replace("https", "http"),
        f"{HERE}/?utm_source=x#top",
        HERE.replace("blog.example", "BLOG.example"),
        "https://blog.example/%C3%BCber-uns",
        "https://blog.example/u\u0308ber-uns",
    ],
)
async def test_one_article_has_many_addresses(client: httpx.AsyncClient, url: str) -> None:
    assert (await ask(client, url=url)).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/posts/how-to-measure",
        "https://blog.example.evil.example/posts/how-to-measure",
        "https://blog.example/how-to-measure",
        "https://blog.example/posts/draft",
        "https://blog.example/posts/",
        "https://blog.example/posts/%00",
        "https://blog.example/posts/%ff",
        "ftp://blog.example/posts/how-to-measure",
        "https://[",
        "x",
    ],
)
async def test_what_is_not_here_is_a_404(client: httpx.AsyncClient, url: str) -> None:
    assert (await ask(client, url=url)).status_code == 404


async def test_other_formats_are_a_501(client: httpx.AsyncClient) -> None:
    answer = await ask(client, format="yaml")
    assert (answer.status_code, answer.json()["code"]) == (501, "format_not_supported")


async def test_a_post_tells_where_it_is(client: httpx.AsyncClient) -> None:
    link = (await client.get("/v1/posts/how-to-measure")).headers["Link"]
    address, *parameters = link.split("; ")
    assert parameters == ['rel="alternate"', 'type="application/json+oembed"']
    assert (await client.get(address.strip("<>"))).json()["title"] == TITLE
