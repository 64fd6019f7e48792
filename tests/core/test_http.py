"""Request ids and conditional requests, around small applications."""

import asyncio
import re
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from byline.core.http import BodyLimit, ConditionalGet, RequestId, parse_if_match, prefers, version_etag
from byline.core.ids import request_id


async def ids(request: Request) -> Response:
    await asyncio.sleep(0)
    return PlainTextResponse(request_id.get())


async def chunks() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


async def streamed(request: Request) -> Response:
    return StreamingResponse(chunks(), media_type="text/plain")


async def streamed_with_length(request: Request) -> Response:
    return StreamingResponse(chunks(), headers={"Content-Length": "2"})


async def tagged(request: Request) -> Response:
    return PlainTextResponse("tagged", headers={"ETag": 'W/"own"', "Cache-Control": "max-age=60"})


async def length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def made(request: Request) -> Response:
    return PlainTextResponse("made", 201 if request.method == "POST" else 404)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    routes = [Route(f"/{view.__name__}", view) for view in (ids, streamed, streamed_with_length, tagged)]
    posting = [Route(f"/{view.__name__}", view, methods=["GET", "POST"]) for view in (made, length)]
    app = Starlette(routes=[*routes, *posting])
    app.add_middleware(ConditionalGet)
    app.add_middleware(BodyLimit, limit=10)
    app.add_middleware(RequestId)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://byline") as client:
        yield client


@pytest.mark.parametrize("given_id", ["12345678", "a-b_c.d~e", "x" * 128, "0190b5d1-fa4b-7000-8000-000000000000"])
async def test_a_fit_request_id_is_kept(http: httpx.AsyncClient, given_id: str) -> None:
    response = await http.get("/ids", headers={"X-Request-ID": given_id})
    assert (response.text, response.headers["x-request-id"]) == (given_id, given_id)


@pytest.mark.parametrize(
    "given_id",
    [b"", b"short", b"x" * 129, b"with space", b"<script>", b"\xff" * 8, b"a" * 8 + b"\n", b"%0a" * 4, b'"' * 8],
)
async def test_an_unfit_request_id_is_replaced(http: httpx.AsyncClient, given_id: bytes) -> None:
    response = await http.get("/ids", headers={b"X-Request-ID": given_id})
    assert re.fullmatch("[0-9a-f]{32}", response.text)
    assert response.headers.get_list("x-request-id") == [response.text]


async def test_requests_at_once_have_ids_of_their_own(http: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(http.get("/ids") for _ in range(20)))
    assert len({response.text for response in responses}) == 20
    assert all(response.text == response.headers["x-request-id"] for response in responses)


async def test_what_streams_has_no_etag(http: httpx.AsyncClient) -> None:
    response = await http.get("/streamed", headers={"If-None-Match": "*"})
    assert (response.status_code, response.text) == (200, "ab")
    assert "etag" not in response.headers
    head = await http.head("/streamed")
    assert (head.status_code, head.content) == (200, b"")


async def test_chunks_of_known_length_are_one_body(http: httpx.AsyncClient) -> None:
    response = await http.get("/streamed_with_length")
    assert (response.text, response.headers["content-length"]) == ("ab", "2")
    unchanged = await http.get("/streamed_with_length", headers={"If-None-Match": response.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_an_etag_of_its_own_is_compared_weakly(http: httpx.AsyncClient) -> None:
    assert (await http.get("/tagged")).headers["etag"] == 'W/"own"'
    for known in ('"own"', 'W/"own"', '"other" , W/"own"'):
        unchanged = await http.get("/tagged", headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.headers["etag"]) == (304, 'W/"own"')
        assert unchanged.headers["cache-control"] == "max-age=60"
    assert (await http.get("/tagged", headers={"If-None-Match": '"ow"'})).status_code == 200


async def test_only_what_is_read_and_there_is_conditional(http: httpx.AsyncClient) -> None:
    posted = await http.post("/made", headers={"If-None-Match": "*"})
    missing = await http.get("/made", headers={"If-None-Match": "*"})
    assert (posted.status_code, missing.status_code) == (201, 404)
    assert "etag" not in posted.headers and "etag" not in missing.headers
    head = await http.head("/made")
    assert (head.status_code, head.content, head.headers["content-length"]) == (404, b"", "4")


async def in_parts(size: int) -> AsyncIterator[bytes]:
    for _ in range(size):
        yield b"x"


@pytest.mark.parametrize("told", ["0", "1", "10", "-1", "+5", "1e9", "0x1", "", "many", "\u00b2", "5, 5"])
async def test_a_body_is_counted_whatever_it_says_of_its_length(http: httpx.AsyncClient, told: str) -> None:
    """Servers see to it that the length is true; this does not rely on them."""
    headers = {b"Content-Length": told.encode("latin-1")}
    small = await http.post("/length", content=in_parts(10), headers=headers)
    large = await http.post("/length", content=in_parts(11), headers=headers)
    assert (small.status_code, small.text, large.status_code) == (200, "10", 413)


@pytest.mark.parametrize("told", ["11", "00000011", "9" * 19, "9" * 5000])
async def test_a_body_that_says_that_it_is_too_large_is_not_read(http: httpx.AsyncClient, told: str) -> None:
    async def never() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    response = await http.post("/length", content=never(), headers={"Content-Length": told})
    assert response.status_code == 413


async def test_a_request_without_a_body_may_say_anything(http: httpx.AsyncClient) -> None:
    assert (await http.get("/ids", headers={"Content-Length": "99"})).status_code == 200


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ("*", None),
        (" * ", None),
        ('"1"', {1}),
        ('"1", "2" ,"30"', {1, 2, 30}),
        ('W/"1", "2"', {2}),
        ('W/"1"', set()),
        ('"0"', set()),
        ('"01"', set()),
        ('"-1"', set()),
        ('"a,b", "7"', {7}),
        ('""', set()),
        ('"9999999999999999999999"', set()),
    ],
)
def test_if_match(header: str, versions: AbstractSet[int] | None) -> None:
    assert parse_if_match(header) == versions


@pytest.mark.parametrize("header", ["", "1", '"1', '1"', '"1" "2"', '"1",', ',"1"', '"1", *', 'w/"1"', '"a b"', '"١"'])
def test_what_is_no_list_of_etags(header: str) -> None:
    with pytest.raises(ValueError, match="If-Match"):
        parse_if_match(header)


@given(st.integers(1, 10**18 - 1), st.lists(st.integers(1, 10**18 - 1), max_size=3))
def test_every_version_is_found_in_its_etag(version: int, others: list[int]) -> None:
    header = ", ".join(map(version_etag, [version, *others]))
    assert parse_if_match(header) == frozenset([version, *others])


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_is_read_or_refused(header: str) -> None:
    assert prefers(header, "text/markdown", "application/json") in {True, False}
    try:
        versions = parse_if_match(header)
    except ValueError:
        return
    assert versions is None or all(0 < version < 10**18 for version in versions)


@pytest.mark.parametrize(
    ("accept", "markdown"),
    [
        ("text/markdown", True),
        ("text/markdown;q=1.000, application/json;q=0.999", True),
        ("text/markdown;q=0.5;x=1, application/*;q=0.4", True),
        ("text/markdown , */*", True),
        ("application/json", False),
        ("application/json, text/markdown", False),
        ("application/json;q=0, */*, text/markdown;q=0.1", True),
        ("text/markdown;q=0.3, application/*;q=0.4", False),
        ("text/markdownx", False),
        ("x/text/markdown", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_preferences(accept: str, markdown: bool) -> None:
    assert prefers(accept, "text/markdown", "application/json") is markdown
