"""Who is answered from memory, and in which form."""

import gzip
from typing import Any

import brotli
import pytest
from fastapi import FastAPI

from byline.accounts.caller import Role
from byline.core.answers import IDENTITY, preferred_coding
from byline.core.database import Database
from byline.core.delivery import LONGEST_KEY
from byline.posts.models import Post
from tests import make
from tests.conftest import Sessions
from tests.core.store.applications import hits, reader, running, url_of


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "a=b"},
        {"Authorization": "Bearer x"},
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "max-age=0, No-Store"},
        {"Pragma": "no-cache"},
    ],
)
async def test_these_are_answered_anew(one: FastAPI, post: Post, headers: dict[str, str]) -> None:
    async with reader(one) as client:
        kept = await client.get("/v1/posts/first")
        answer, was_hit = await hits(one, client.get("/v1/posts/first", headers=headers))
        assert not was_hit and answer.json() == kept.json()
        assert (await hits(one, client.get("/v1/posts/first", headers={"Cache-Control": "max-age=0"})))[1]


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/v1/posts/none", "/v1/posts?x=1", "/openapi.json", "/v1/changes"]
)
async def test_these_are_never_kept(one: FastAPI, post: Post, path: str) -> None:
    async with reader(one) as client:
        for _ in range(2):
            answer, was_hit = await hits(one, client.get(path))
            assert not was_hit and "must-revalidate" not in answer.headers.get("cache-control", "")


async def test_a_long_address_takes_no_room(one: FastAPI, post: Post) -> None:
    async with reader(one) as client:
        for _ in range(2):
            answer, was_hit = await hits(one, client.get(f"/v1/posts/first?{'x' * LONGEST_KEY}"))
            assert answer.status_code == 200 and not was_hit


async def test_previews_are_never_kept(one: FastAPI, written: Sessions) -> None:
    async with written.begin() as session:
        _, _, headers = await make.writer(session, role=Role.OWNER)
        draft = await make.draft(session)
    async with reader(one) as client:
        link = (await client.post(f"/v1/manage/posts/{draft.id}/preview-links", json={}, headers=headers)).json()
        for _ in range(2):
            answer, was_hit = await hits(one, client.get(f"/v1/previews/{link['token']}"))
            assert (answer.status_code, answer.headers["cache-control"], was_hit) == (200, "no-store", False)


async def test_forms_differ_in_tag_and_length_and_not_in_what_they_say(one: FastAPI, post: Post) -> None:
    found = {}
    async with reader(one) as client:
        for coding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress), ("identity", bytes)):
            async with client.stream("GET", "/v1/posts/first", headers={"Accept-Encoding": coding}) as answer:
                raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            assert answer.headers.get("content-encoding", "identity") == coding
            assert int(answer.headers["content-length"]) == len(raw)
            assert answer.headers["vary"] == "Accept, Accept-Encoding"
            found[coding] = (unpack(raw), answer.headers["etag"])
        tags = [tag for _, tag in found.values()]
        assert len({body for body, _ in found.values()}) == 1 and len(set(tags)) == 3
        for coding, (_, tag) in found.items():
            for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
                headers = {"Accept-Encoding": coding, "If-None-Match": known}
                answer, was_hit = await hits(one, client.get("/v1/posts/first", headers=headers))
                assert (answer.status_code, answer.content, was_hit) == (304, b"", True)
                assert answer.headers["etag"] == tag and "content-length" not in answer.headers
                assert answer.headers["vary"] == "Accept, Accept-Encoding"
            others = ", ".join(other for other in tags if other != tag)
            headers = {"Accept-Encoding": coding, "If-None-Match": others}
            assert (await client.get("/v1/posts/first", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", IDENTITY),
        ("gzip, deflate, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("GZIP;Q=0.8", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "br"),
        ("*;q=0.1, br;q=0", "gzip"),
        ("br;q=0, gzip;q=0.000", IDENTITY),
        ("identity, br;q=0.9", IDENTITY),
        ("identity;q=0.5, br;q=0.9", "br"),
        ("br;q=2, gzip;level=3, zstd", IDENTITY),
        (",;,=\x00", IDENTITY),
    ],
)
def test_the_form_is_the_one_that_is_ranked_highest(header: str, coding: str) -> None:
    assert preferred_coding(header.encode()) == coding


async def test_the_first_answer_is_as_those_from_memory(one: FastAPI, post: Post) -> None:
    """Though it comes conditional, in part, and compressed."""
    async with reader(one) as client:
        headers = {"Accept-Encoding": "br", "If-None-Match": '"old"', "Range": "bytes=0-3", "If-Range": '"old"'}
        first = await client.get("/v1/posts/first", headers=headers)
        second, was_hit = await hits(one, client.get("/v1/posts/first", headers=headers))
    assert was_hit and first.status_code == second.status_code == 200
    assert first.content == second.content and first.json()["title"] == "First"
    assert first.headers["content-encoding"] == "br"


async def test_media_types_hosts_and_addresses_are_kept_apart(one: FastAPI, post: Post) -> None:
    async with reader(one) as client:
        for _ in range(2):
            assert (await client.get("/v1/posts/first")).json()["title"] == "First"
            answer = await client.get("/v1/posts/first", headers={"Accept": "text/markdown"})
            assert answer.text.startswith("Text. ")
            assert len((await client.get("/v1/posts?limit=1&fields=slug")).json()["data"][0]) == 1
        repeated = [("Accept", "text/markdown"), ("Accept", "application/json;q=0.1")]
        answer, was_hit = await hits(one, client.get("/v1/posts/first", headers=repeated))
        assert not was_hit


async def test_each_origin_gets_its_own_answer(database: Database, post: Post) -> None:
    origins = ["https://a.example", "https://b.example"]
    async with running(url_of(database), cors_origins=origins) as app, reader(app) as client:
        for _ in range(2):
            for origin in origins:
                answer = await client.get("/v1/posts", headers={"Origin": origin})
                assert answer.headers["access-control-allow-origin"] == origin
                assert "Origin" in answer.headers["vary"]
            plain = await client.get("/v1/posts")
            assert "access-control-allow-origin" not in plain.headers and "Origin" in plain.headers["vary"]
        assert app.state.store.hits == 3
        foreign = await client.get("/v1/posts", headers={"Origin": "https://c.example"})
        assert "access-control-allow-origin" not in foreign.headers and app.state.store.hits == 3
    async with running(url_of(database), cors_origins=["*"]) as app, reader(app) as client:
        for origin in origins:
            answer = await client.get("/v1/posts", headers={"Origin": origin})
            assert answer.headers["access-control-allow-origin"] == "*"
        assert app.state.store.hits == 1


async def test_what_must_see_each_request_does(
    database: Database, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(url_of(database), allowed_hosts=["blog.example"]) as app, reader(app) as client:
        for host, status in [
            ("blog.example", 200),
            ("evil.example", 400),
            ("blog.example", 200),
            ("evil.example", 400),
        ]:
            assert (await client.get("/v1/posts", headers={"Host": host})).status_code == status
        assert app.state.store.hits == 1
    async with running(url_of(database), rate_limit_anonymous="3/minute") as app, reader(app) as client:
        statuses = [(await client.get("/v1/posts")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429] and app.state.store.hits == 2
    caplog.set_level("INFO", "byline.access")
    for setting, lines in ((True, 3), (False, 1)):
        caplog.clear()
        async with running(url_of(database), cache_log=setting) as app, reader(app) as client:
            given = [(await client.get("/v1/posts", headers={"X-Request-ID": "mine-0123"})) for _ in range(3)]
        assert {answer.headers.get_list("x-request-id")[0] for answer in given} == {"mine-0123"}
        assert len(caplog.records) == lines


async def test_over_tls_browsers_are_told_to_stay(database: Database, post: Post) -> None:
    production: dict[str, Any] = {"environment": "production", "secret_key": "x" * 32}
    async with running(url_of(database), **production) as app, reader(app) as client:
        for _ in range(2):
            assert "strict-transport-security" in (await client.get("/v1/posts")).headers
            plain = await client.get("http://blog.example/v1/posts")
            assert "strict-transport-security" not in plain.headers
        assert app.state.store.hits == 2
