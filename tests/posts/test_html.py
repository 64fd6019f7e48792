"""An article as a whole page."""

from typing import Any

import httpx
import pytest

from tests import make
from tests.conftest import Sessions

HOSTILE = "</title><script>alert(1)</script>\"'&"
ESCAPED = "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;"


async def page(client: httpx.AsyncClient) -> str:
    response = await client.get("/v1/posts/post.html")
    assert response.status_code == 200
    return response.text


async def test_every_text_is_escaped(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.author(session, HOSTILE, slug="ada")
        await make.post(
            session,
            HOSTILE,
            slug="post",
            authors=["ada"],
            excerpt=HOSTILE,
            canonical_url='https://example.com/"onload="alert(1)',
            markdown="<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>",
        )
    html = await page(client)
    assert "<script" not in html and "onerror" not in html and '"onload' not in html
    assert f"<title>{ESCAPED}</title>" in html
    assert f"<h1>{ESCAPED}</h1>" in html
    assert f'<meta name="description" content="{ESCAPED}">' in html
    assert f"<p>{ESCAPED} <time" in html
    assert 'href="https://example.com/&quot;onload=&quot;alert(1)"' in html


async def test_nothing_on_it_may_run(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.post(session, slug="post")
    policy = (await client.get("/v1/posts/post.html")).headers["content-security-policy"]
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["base-uri"] == directives["form-action"] == "'none'"
    assert "script-src" not in directives


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, '<link rel="canonical" href="https://blog.example/posts/post">'),
        ({"canonical_url": "https://example.com/a?b&c"}, 'href="https://example.com/a?b&amp;c"'),
        ({"meta_title": "For machines"}, "<title>For machines</title>"),
        ({"meta_description": "Short"}, 'name="description" content="Short"'),
        ({"language": "ar-EG"}, '<html lang="ar-EG" dir="auto">'),
    ],
)
async def test_what_machines_read(
    client: httpx.AsyncClient, sessions: Sessions, fields: dict[str, Any], expected: str
) -> None:
    async with sessions.begin() as session:
        await make.post(session, slug="post", **fields)
    assert expected in await page(client)
