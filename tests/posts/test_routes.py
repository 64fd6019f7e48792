"""One article as its readers get it: JSON, Markdown, HTML, and conditional requests."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from byline.posts import queries
from byline.posts.models import Post
from byline.posts.routes import _embed_link
from byline.posts.schemas import PostOut
from byline.posts.service import PostNotFound
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

MARKDOWN = "text/markdown; charset=utf-8"
JSON = "application/json"


@pytest.fixture
async def post(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.tag(session)
        await make.author(session, avatar_url="https://example.com/ada.png")
        await make.series(session)
        await make.post(
            session,
            markdown="## First\n\nMeasure *first*.",
            tags=["measurement"],
            authors=["ada-lovelace"],
            series="measuring-well",
            series_position=1,
            custom={"sponsor": "none"},
            canonical_url="https://example.com/first",
        )
        await make.post(session, "About", kind="page", markdown="About *us*.")


@pytest.mark.usefixtures("post")
async def test_an_article_has_every_key(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/posts/how-to-measure")
    shown: dict[str, Any] = response.json()
    assert shown.keys() == PostOut.model_fields.keys()
    assert (shown["url"], shown["kind"]) == ("https://blog.example/posts/how-to-measure", "post")
    assert shown["html"].count("<em>first</em>") == 1
    [heading] = shown["toc"]
    assert (heading["level"], heading["text"]) == (2, "First")
    assert f'id="{heading["id"]}"' in shown["html"]
    [tag], [author] = shown["tags"], shown["authors"]
    assert (tag.keys(), tag["name"]) == ({"id", "slug", "name"}, "Measurement")
    assert (author.keys(), author["name"]) == ({"id", "slug", "name", "avatar_url"}, "Ada Lovelace")
    assert (shown["series"]["slug"], shown["series"]["position"]) == ("measuring-well", 1)
    assert (shown["custom"], shown["cover"], shown["subtitle"]) == ({"sponsor": "none"}, None, None)
    assert shown["published_at"].endswith("Z") and shown["updated_at"].endswith("Z")
    page = (await client.get("/v1/pages/about")).json()
    assert page.keys() == shown.keys()
    assert (page["tags"], page["authors"], page["series"], page["custom"]) == ([], [], None, {})


@pytest.mark.usefixtures("post")
@pytest.mark.parametrize("path", ["/v1/posts/how-to-measure", "/v1/pages/about"])
async def test_renditions(client: httpx.AsyncClient, path: str) -> None:
    updated = parsedate_to_datetime((await client.get(path)).headers["last-modified"])
    types = {"": JSON, ".md": MARKDOWN, ".html": "text/html; charset=utf-8"}
    for suffix, media_type in types.items():
        response = await client.get(path + suffix)
        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
        assert response.headers["content-language"] == "en"
        assert response.headers["vary"] == "Accept"
        assert parsedate_to_datetime(response.headers["last-modified"]) == updated
        assert response.headers["etag"].startswith('"')
    assert len({(await client.get(path + suffix)).headers["etag"] for suffix in types}) == 3


@pytest.mark.parametrize("path", ["/v1/posts/none", "/v1/posts/none.md", "/v1/posts/none.html", "/v1/pages/none"])
async def test_what_is_not_there(client: httpx.AsyncClient, path: str) -> None:
    problem = assert_problem(await client.get(path), PostNotFound)
    assert problem["errors"] == []
    head = await client.head(path)
    assert (head.status_code, head.content) == (404, b"")


@pytest.mark.parametrize("slug", ["%00", "a%00b", "%ff", "..%2f..", "%2e%2e", "a" * 5000, "'", "%25", ".md", ".html"])
async def test_no_slug_is_an_error_of_ours(client: httpx.AsyncClient, slug: str) -> None:
    for path in (f"/v1/posts/{slug}", f"/v1/pages/{slug}", f"/v1/tags/{slug}", f"/v1/authors/{slug}"):
        response = await client.get(path)
        assert response.status_code in {404, 422}
        assert response.headers["content-type"] == "application/problem+json"


ACCEPTED = {
    "text/markdown": MARKDOWN,
    "text/markdown, */*": MARKDOWN,
    "text/markdown, text/html, */*;q=0.5": MARKDOWN,
    "application/json;q=0.4, text/markdown;q=0.5": MARKDOWN,
    "application/json, text/markdown": JSON,
    "text/markdown;q=0.5, */*": JSON,
    "text/markdown;q=0": JSON,
    "*/*": JSON,
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": JSON,
    "image/png": JSON,
    "": JSON,
    ",;=, ;q=1,": JSON,
}


@pytest.mark.usefixtures("post")
async def test_accept(client: httpx.AsyncClient) -> None:
    for path in ("/v1/posts/how-to-measure", "/v1/pages/about"):
        for accept, media_type in ACCEPTED.items():
            response = await client.get(path, headers={"Accept": accept})
            assert (response.status_code, response.headers["content-type"]) == (200, media_type), accept
            assert response.headers["vary"] == "Accept"
    named = await client.get("/v1/posts/how-to-measure.md", headers={"Accept": JSON})
    assert named.headers["content-type"] == MARKDOWN


@pytest.mark.usefixtures("post")
@pytest.mark.parametrize(
    "path",
    [
        "/v1/posts",
        "/v1/posts?fields=title&limit=1",
        "/v1/posts/how-to-measure",
        "/v1/posts/how-to-measure.md",
        "/v1/posts/how-to-measure.html",
        "/v1/pages/about",
        "/v1/tags",
        "/v1/tags/measurement",
        "/v1/authors/ada-lovelace",
        "/v1/series/measuring-well",
        "/v1/site",
    ],
)
async def test_who_has_it_already_gets_304(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    etag = response.headers["etag"]
    for known in (etag, f"W/{etag}", f'W/"y",{etag},"z"', "*"):
        unchanged = await client.get(path, headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == etag
        assert "content-length" not in unchanged.headers and "content-type" not in unchanged.headers
        for kept in ("vary", "last-modified"):
            assert unchanged.headers.get(kept) == response.headers.get(kept)
    for other in ('"x"', etag.strip('"'), "", etag[:-1]):
        changed = await client.get(path, headers={"If-None-Match": other})
        assert (changed.status_code, changed.content) == (200, response.content)


@pytest.mark.usefixtures("post")
@pytest.mark.parametrize(
    "path", ["/v1/posts", "/v1/posts/how-to-measure", "/v1/posts/how-to-measure.html", "/v1/pages/about.md", "/livez"]
)
async def test_head_has_the_headers_of_get(client: httpx.AsyncClient, path: str) -> None:
    get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}
    assert int(head.headers["content-length"]) == len(get.content)
    unchanged = await client.head(path, headers={"If-None-Match": get.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.usefixtures("post")
async def test_the_etag_changes_with_what_is_shown(client: httpx.AsyncClient, desk: httpx.AsyncClient) -> None:
    before = (await client.get("/v1/posts/how-to-measure")).headers["etag"]
    tag = (await client.get("/v1/tags/measurement")).json()
    await desk.patch(f"/v1/manage/tags/{tag['id']}", json={"name": "Metrology"}, headers={"If-Match": "*"})
    after = await client.get("/v1/posts/how-to-measure", headers={"If-None-Match": before})
    assert (after.status_code, after.json()["tags"][0]["name"]) == (200, "Metrology")
    assert after.headers["etag"] != before


@pytest.mark.usefixtures("post")
async def test_one_article_takes_few_queries(client: httpx.AsyncClient, count_queries: Callable[[], int]) -> None:
    counts = []
    for path in ("/v1/posts/how-to-measure", "/v1/pages/about"):
        count_queries()
        await client.get(path)
        counts.append(count_queries())
    assert max(counts) <= 1 + 2  # and a savepoint around it


def test_a_site_of_any_script_is_named_in_ascii() -> None:
    link = _embed_link("/posts/größe", "https://büro.example")
    assert link.startswith(
        "<https://b%C3%BCro.example/oembed?url=https%3A%2F%2Fb%25C3%25BCro.example%2Fposts%2Fgr%25C3%25B6"
    )


HOSTILE = '"\\ \u2028\u0085 <script>&amp; ’ 😀 \\u0000 %s $1 :slug'


async def test_what_is_read_past_the_session_is_what_the_row_says(
    client: httpx.AsyncClient, sessions: Sessions
) -> None:
    custom = {HOSTILE: [1.5, None, 10**15, {"": HOSTILE}], "empty": {}}
    async with sessions.begin() as session:
        tag = await make.tag(session, HOSTILE)
        author = await make.author(session, HOSTILE)
        series = await make.series(session, HOSTILE)
        cover = {"url": "https://example.com/ä?a=1&b=2", "alt": HOSTILE, "caption": None}
        made = await make.post(
            session,
            HOSTILE,
            slug="größe-量る",
            markdown=f"## {HOSTILE}\n\n{HOSTILE}",
            subtitle=HOSTILE,
            excerpt=HOSTILE,
            custom=custom,
            cover=cover,
            tags=[tag.slug],
            authors=[author.slug],
            series=series.slug,
            meta_title=HOSTILE,
            featured=True,
        )
    async with sessions() as session:
        statement = select(Post).where(Post.id == made.id).options(*queries.shown(PostOut))
        row = PostOut.of((await session.scalars(statement)).one(), site_url="https://blog.example")
    response = await client.get("/v1/posts/größe-量る")
    assert response.json() == row.model_dump(mode="json")
    assert response.json()["custom"] == custom
