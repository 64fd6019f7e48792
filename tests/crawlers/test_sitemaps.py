"""Sitemaps, checked by the rules of https://www.sitemaps.org/schemas/sitemap/0.9/sitemap.xsd and siteindex.xsd."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, fromstring

import httpx
import pytest

from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder
from tests import make
from tests.conftest import Sessions
from tests.corpora import corpus

NS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
XHTML = "{http://www.w3.org/1999/xhtml}link"
IMAGE = "{http://www.google.com/schemas/sitemap-image/1.1}"
# tLastmod: xsd:date or xsd:dateTime; https://www.w3.org/TR/NOTE-datetime wants a zone with a time.
LASTMOD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")

Configure = Callable[..., None]


async def part(client: httpx.AsyncClient, address: str) -> list[Element]:
    """The entries of one document, if it keeps the schema."""
    answer = await client.get(urlsplit(address).path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
    assert len(answer.content) <= 52_428_800
    root = fromstring(answer.content)
    entries = list(root)
    assert root.tag in {f"{NS}urlset", f"{NS}sitemapindex"}
    assert len(entries) <= 50_000
    for entry in entries:
        assert entry.tag == (f"{NS}url" if root.tag == f"{NS}urlset" else f"{NS}sitemap")
        loc, lastmod, *others = entry  # in this order, and others of other namespaces only
        assert (loc.tag, lastmod.tag) == (f"{NS}loc", f"{NS}lastmod")
        assert 12 <= len(loc.text or "") <= 2048
        assert (loc.text or "").isascii()
        assert LASTMOD.fullmatch(lastmod.text or "")
        assert all(not other.tag.startswith(NS) for other in others)
    return entries


async def all_parts(client: httpx.AsyncClient) -> dict[str, list[Element]]:
    index = await part(client, "/sitemap.xml")
    addresses = [str(entry.findtext(f"{NS}loc")) for entry in index]
    assert len(addresses) == len(set(addresses))
    return {address: await part(client, address) for address in addresses}


def paths(entries: list[Element]) -> list[str]:
    return [unquote(urlsplit(str(entry.findtext(f"{NS}loc"))).path) for entry in entries]


async def test_a_site_without_anything(client: httpx.AsyncClient) -> None:
    assert await all_parts(client) == {}
    assert (await client.get("/sitemaps/posts-1.xml")).json()["code"] == "no_such_part"


@pytest.mark.parametrize("urls", [1, 2, 3, 50_000])
async def test_the_parts_hold_what_is_listed_and_nothing_else(
    client: httpx.AsyncClient, sessions: Sessions, configure: Configure, urls: int
) -> None:
    async with sessions.begin() as session:
        await make.tag(session, "Live")
        await make.tag(session, "Idle")
        await make.series(session, "Told")
        await make.author(session, "Ada")
        await make.author(session, "Idle")
        for number in range(5):
            await make.post(session, f"Post {number}", tags=["live"], authors=["ada"], series="told")
        await make.post(session, "Here", canonical_url="https://blog.example/posts/here")
        await make.post(session, "Elsewhere", canonical_url="https://elsewhere.example/here", tags=["idle"])
        await make.post(session, "Unlisted", visibility="unlisted", tags=["idle"])
        await make.post(session, "Later", datetime.now(UTC) + timedelta(days=1), authors=["idle"])
        await make.draft(session, "Draft")
        await make.post(session, "About", kind="page", slug="über-uns")
    configure(sitemap_urls=urls)
    found = await all_parts(client)
    assert sorted(path for entries in found.values() for path in paths(entries)) == sorted(
        [
            *(f"/posts/post-{number}" for number in range(5)),
            *("/posts/here", "/über-uns", "/tags/live", "/tags/idle", "/authors/ada", "/series/told"),
        ]
    )
    assert all(len(entries) <= urls for entries in found.values())
    assert sum("/posts-" in address for address in found) == -(-6 // urls)
    beyond = len([address for address in found if "/posts-" in address]) + 1
    assert (await client.get(f"/sitemaps/posts-{beyond}.xml")).status_code == 404


async def test_long_addresses_make_lighter_parts(
    client: httpx.AsyncClient, sessions: Sessions, configure: Configure
) -> None:
    """A slug of 200 letters of three bytes is 1,800 bytes of address: four times the weight of a usual one."""
    async with sessions.begin() as session:
        for number in range(4):
            await make.post(session, "A", slug=f"{number}" + "字" * 199)
    configure(sitemap_urls=8)
    sizes = [len(entries) for entries in (await all_parts(client)).values()]
    assert sum(sizes) == 4
    assert len(sizes) == 3


async def test_lastmod_is_true(client: httpx.AsyncClient, sessions: Sessions) -> None:
    long_ago = datetime(2020, 1, 1, 12, tzinfo=UTC)
    async with sessions.begin() as session:
        post = await make.post(session, "Old", long_ago)
        post.updated_at = datetime(2020, 3, 1, 12, tzinfo=UTC)
        other = await make.post(session, "Ahead", datetime(2021, 1, 1, tzinfo=UTC))
        other.updated_at = long_ago
    posts, *_ = (await all_parts(client)).values()
    assert [entry.findtext(f"{NS}lastmod") for entry in posts] == [
        "2020-03-01T12:00:00+00:00",
        "2021-01-01T00:00:00+00:00",
    ]
    [index, *_] = await part(client, "/sitemap.xml")
    assert index.findtext(f"{NS}lastmod") == "2021-01-01T00:00:00+00:00"


async def test_pictures(client: httpx.AsyncClient, sessions: Sessions) -> None:
    pictures = (
        "![a](/one.png) ![b](https://cdn.example/two.jpg?a=1&b=2) ![c](data:image/png;base64,AAAA) ![d](/one.png)"
    )
    async with sessions.begin() as session:
        await make.post(session, markdown=pictures, cover={"url": "cover.jpg"})
    [[entry]] = (await all_parts(client)).values()
    assert [found.text for found in entry.iter(f"{IMAGE}loc")] == [
        "https://blog.example/posts/cover.jpg",
        "https://blog.example/one.png",
        "https://cdn.example/two.jpg?a=1&b=2",
    ]


async def test_each_language_names_all_languages_itself_included(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        original = await make.post(session, "One")
        await make.post(session, "Zwei", language="de", translation_of=original.id)
        await make.post(session, "Geheim", language="fr", translation_of=original.id, visibility="unlisted")
        await make.post(session, "Alone")
    [entries] = (await all_parts(client)).values()
    languages = {
        paths([entry])[0]: {link.get("hreflang"): link.get("href") for link in entry.iter(XHTML)} for entry in entries
    }
    one, two = "https://blog.example/posts/one", "https://blog.example/posts/zwei"
    group = {"en": one, "de": two, "x-default": one}
    assert languages == {"/posts/one": group, "/posts/zwei": group, "/posts/alone": {}}
    assert all(link.get("rel") == "alternate" for entry in entries for link in entry.iter(XHTML))


async def test_an_unchanged_sitemap_is_not_sent_again(client: httpx.AsyncClient, sessions: Sessions) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    async with sessions.begin() as session:
        (await make.post(session, at=long_ago)).updated_at = long_ago
    for path in ("/sitemap.xml", "/sitemaps/posts-1.xml"):
        etag = (await client.get(path)).headers["ETag"]
        assert (await client.get(path, headers={"If-None-Match": etag})).status_code == 304
        async with sessions.begin() as session:
            long_ago += timedelta(days=1)
            (await make.post(session, f"Another, {path}", long_ago)).updated_at = long_ago
        assert (await client.get(path, headers={"If-None-Match": etag})).status_code == 200


@pytest.mark.parametrize("name", ["posts-0", "posts-01x", "drafts-1", "posts-99999999999999999999", "posts-%00"])
async def test_odd_names(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/sitemaps/{name}.xml")).status_code in {404, 422}


@pytest.mark.parametrize(
    "name", ["md-docusaurus-react-native", "md-hugo-letsencrypt", "md-jekyll-site", "md-zola-rust"]
)
async def test_of_a_real_blog_every_address_resolves(
    client: httpx.AsyncClient, sessions: Sessions, configure: Configure, thorough: bool, name: str
) -> None:
    folder: Path = corpus(name)
    if not thorough and name != "md-docusaurus-react-native":
        pytest.skip("make thorough tries it")
    found = import_documents(sessions, "x", read_folder(folder), language="en", dry_run=False)
    documents = [item async for item in found if item.outcome == "created"]
    configure(sitemap_urls=40)
    listed = [path for entries in (await all_parts(client)).values() for path in paths(entries)]
    assert len(listed) == len(set(listed))
    assert sum(not path.startswith(("/authors/", "/tags/", "/series/")) for path in listed) == len(documents)
    for path in listed[:: max(1, len(listed) // 40)]:
        answer = (await client.get("/v1/resolve", params={"path": path})).json()
        assert (answer["type"] != "redirect", unquote(urlsplit(answer["url"]).path)) == (True, path)
