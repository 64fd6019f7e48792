"""What an article takes, and what it does not."""

import json
import math
from typing import Any

import httpx
import pytest

from byline.core.errors import BadRequest, Invalid
from byline.core.schemas import MAX_DEPTH
from byline.posts.schemas import MARKDOWN_MAX_LENGTH
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}


async def send(desk: httpx.AsyncClient, body: str) -> httpx.Response:
    """As it is: the client library would refuse some of it itself."""
    return await desk.post(POSTS, content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "custom",
    [
        {},
        {"": ""},
        {"nested": [{"a": [1, 2.5, -3, True, False, None, "text", []]}]},
        {"__proto__": {"x": 1}, "constructor": "c", "$ne": 1},
        {"unicode": "😀 \u2028 \ufeff \x01 \x7f é e\u0301", "ключ": "значение"},
        {"large": 2**63, "negative": -(2**80), "small": 1e-300},
        {"sql": "'; drop table posts; --", "format": "{0} %s ${x}"},
    ],
)
async def test_custom_is_any_json_object(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, custom: dict[str, Any]
) -> None:
    created = await desk.post(POSTS, json={"title": "x", "custom": custom})
    assert (created.status_code, created.json()["custom"]) == (201, custom)
    url = created.headers["location"]
    assert (await desk.get(url)).json()["custom"] == custom
    await desk.post(f"{url}/publish", headers=ANY)
    assert (await client.get("/v1/posts/x")).json()["custom"] == custom
    assert (await desk.patch(url, json={"custom": {"only": 1}}, headers=ANY)).json()["custom"] == {"only": 1}


async def test_the_largest_float_is_kept(desk: httpx.AsyncClient) -> None:
    created = await desk.post(POSTS, json={"title": "x", "custom": {"a": 1.7976931348623157e308}})
    assert math.isclose(created.json()["custom"]["a"], 1.7976931348623157e308)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (r'"\u0000"', "/custom/a"),
        (r'["x", {"b/~": "\ud800"}]', "/custom/a/1/b~1~0"),
        (r'{"\u0000": 1}', "/custom/a"),
        (r'{"\udc00": 1}', "/custom/a"),
        ("NaN", "/custom/a"),
        ("[1, -Infinity]", "/custom/a/1"),
        ("1e999", "/custom/a"),
    ],
)
async def test_what_postgresql_cannot_hold_is_refused_where_it_is(
    desk: httpx.AsyncClient, value: str, pointer: str
) -> None:
    assert_problem(await send(desk, f'{{"title": "x", "custom": {{"a": {value}}}}}'), Invalid, pointer)


@pytest.mark.parametrize(
    "field",
    ["title", "subtitle", "excerpt", "markdown", "language", "slug", "meta_title", "meta_description", "message"],
)
async def test_no_text_holds_nul_or_half_a_character(desk: httpx.AsyncClient, field: str) -> None:
    for text in (r"a\u0000b", r"a\ud800b", r"\udfff\ud800"):
        body = f'{{"title": "x", "{field}": "{text}"}}' if field != "title" else f'{{"title": "{text}"}}'
        assert_problem(await send(desk, body), Invalid, f"/{field}")


async def test_a_whole_surrogate_pair_is_one_character(desk: httpx.AsyncClient) -> None:
    created = await send(desk, r'{"title": "\ud83d\ude00"}')
    assert (created.status_code, created.json()["title"]) == (201, "😀")


@pytest.mark.parametrize("depth", [MAX_DEPTH - 2, MAX_DEPTH + 1, 200, 900, *range(930, 960, 5), 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
async def test_deep_nesting_is_refused_and_never_a_crash(
    desk: httpx.AsyncClient, depth: int, opening: str, closing: str
) -> None:
    inner = "1" if opening.endswith(":") else ""
    response = await send(desk, f'{{"title": "x", "custom": {{"a": {opening * depth}{inner}{closing * depth}}}}}')
    if depth < MAX_DEPTH:
        assert response.status_code == 201
    elif response.status_code == BadRequest.status:  # more than Python's reader of JSON takes
        assert_problem(response, BadRequest)
    else:
        assert_problem(response, Invalid, "/custom")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ("", ""),
        ("{", ""),
        ('{"title": "x",}', ""),
        ("[]", ""),
        ('"title"', ""),
        ("null", ""),
        ('{"title": "x", "a/b~c": 1}', "/a~1b~0c"),
        ('{"title": "x", "cover": {"url": "/a", "no": 1}}', "/cover/no"),
        ('{"title": "x", "status": "published"}', "/status"),
        ('{"title": "x", "published_at": "2020-01-01T00:00:00Z"}', "/published_at"),
        ('{"title": "x", "id": "01890a5d-ac96-774b-bcce-b302099a8057"}', "/id"),
        ("{}", "/title"),
    ],
)
async def test_a_body_is_read_strictly(desk: httpx.AsyncClient, body: str, pointer: str) -> None:
    assert_problem(await send(desk, body), Invalid, pointer)


@pytest.mark.parametrize("body", [b'{"title": "\xff"}', b'{"title": "x", "custom": {"a": ' + b"1" * 5000 + b"}}"])
async def test_an_unreadable_body_is_a_bad_request(desk: httpx.AsyncClient, body: bytes) -> None:
    response = await desk.post(POSTS, content=body, headers={"Content-Type": "application/json"})
    assert_problem(response, BadRequest)


WRONG: list[tuple[str, Any, str]] = [
    ("title", "", "/title"),
    ("title", " \t\n", "/title"),
    ("title", "x" * 501, "/title"),
    ("title", 5, "/title"),
    ("title", None, "/title"),
    ("subtitle", "", "/subtitle"),
    ("excerpt", "x" * 2001, "/excerpt"),
    ("language", "e", "/language"),
    ("language", "en_GB", "/language"),
    ("language", "en\n", "/language"),
    ("language", "x" * 36, "/language"),
    ("visibility", "secret", "/visibility"),
    ("featured", "perhaps", "/featured"),
    ("featured", None, "/featured"),
    ("tags", "measurement", "/tags"),
    ("tags", [1], "/tags/0"),
    ("tags", [""], "/tags/0"),
    ("tags", ["x"] * 101, "/tags"),
    ("authors", ["x"] * 51, "/authors"),
    ("series", "", "/series"),
    ("series_position", -1, "/series_position"),
    ("series_position", 2**31, "/series_position"),
    ("series_position", 1.5, "/series_position"),
    ("cover", {}, "/cover/url"),
    ("cover", {"url": "javascript:alert(1)"}, "/cover/url"),
    ("cover", {"url": "data:image/png;base64,"}, "/cover/url"),
    ("cover", "/a.png", "/cover"),
    ("canonical_url", "ftp://example.com", "/canonical_url"),
    ("canonical_url", "https://", "/canonical_url"),
    ("canonical_url", "https://[::1", "/canonical_url"),
    ("canonical_url", " https://example.com", "/canonical_url"),
    ("canonical_url", "https://example.com/" + "x" * 2000, "/canonical_url"),
    ("meta_title", "x" * 501, "/meta_title"),
    ("custom", [], "/custom"),
    ("custom", None, "/custom"),
    ("custom", {"a": "x" * 100_000}, "/custom"),
    ("markdown", "x" * (MARKDOWN_MAX_LENGTH + 1), "/markdown"),
    ("markdown", None, "/markdown"),
    ("message", "x" * 501, "/message"),
    ("kind", "note", "/kind"),
]


@pytest.mark.parametrize(("field", "value", "pointer"), WRONG, ids=range(len(WRONG)))
async def test_limits(desk: httpx.AsyncClient, sessions: Sessions, field: str, value: Any, pointer: str) -> None:
    assert_problem(await desk.post(POSTS, json={"title": "x", field: value}), Invalid, pointer)
    async with sessions.begin() as session:
        draft = await make.draft(session)
    assert_problem(await desk.patch(f"{POSTS}/{draft.id}", json={field: value}, headers=ANY), Invalid, pointer)


async def test_the_kind_of_an_article_never_changes(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session)
    assert_problem(await desk.patch(f"{POSTS}/{draft.id}", json={"kind": "page"}, headers=ANY), Invalid, "/kind")


async def test_the_largest_article_is_taken(desk: httpx.AsyncClient) -> None:
    code = "字" * (MARKDOWN_MAX_LENGTH - 9)
    largest = {
        "title": "字" * 500,
        "markdown": f"```\n{code}\n```\n",
        "custom": {"a": "字" * 99_000},
        "tags": [],
        "series_position": 1_000_000,
    }
    body = json.dumps(largest, ensure_ascii=False).encode()
    created = await desk.post(POSTS, content=body, headers={"Content-Type": "application/json"})
    assert created.status_code == 201
    assert created.json()["markdown"] == largest["markdown"]
