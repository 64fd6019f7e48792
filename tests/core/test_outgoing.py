"""Requests to other servers, over real sockets."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from byline.core.outgoing import Answer, Outgoing, OutgoingError, check_address

Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answering) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its address, and the requests that it gets."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if b"content-length: " in request.lower():
            request += await reader.readexactly(int(request.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        requests.append(request)
        try:
            await answer(writer)
            await writer.drain()
        except ConnectionError:
            pass  # the other side had enough
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", requests


def saying(status: str, *headers: str, content: bytes = b"") -> Answering:
    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + content)

    return answer


async def test_a_request_and_its_answer() -> None:
    async with server(saying("418 I'm a teapot", "Set-Cookie: a=b", content=b"short and stout")) as (url, requests):
        outgoing = Outgoing()
        form = {"a": "1 & 2", "ü": "ß"}
        answer = await outgoing.request("POST", f"{url}/pot?x=y", headers={"Authorization": "Bearer t"}, form=form)
        assert answer == Answer(418, b"short and stout")
        await outgoing.request("GET", url)
    first, second = requests
    assert first.startswith(b"POST /pot?x=y HTTP/1.1\r\n")
    assert b"Authorization: Bearer t\r\n" in first and first.endswith(b"\r\n\r\na=1+%26+2&%C3%BC=%C3%9F")
    assert b"Accept-Encoding: identity\r\n" in first
    assert b"cookie" not in second.lower()


async def test_redirects_are_answers() -> None:
    async with server(saying("302 Found", "Location: /elsewhere")) as (url, requests):
        assert (await Outgoing().request("GET", url)).status == 302
    assert len(requests) == 1


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with server(saying("200 OK", content=b"straight")) as (url, _):
        assert (await Outgoing().request("GET", url)).content == b"straight"


async def test_answers_have_an_end() -> None:
    async with server(saying("200 OK", content=b"x" * 1000)) as (url, _):
        assert len((await Outgoing(max_bytes=1000).request("GET", url)).content) == 1000
        with pytest.raises(OutgoingError, match="longer than 999 bytes"):
            await Outgoing(max_bytes=999).request("GET", url)


async def test_an_answer_without_an_end_is_left() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with server(endless) as (url, _):
        with pytest.raises(OutgoingError, match="longer than 1048576 bytes"):
            await Outgoing().request("GET", url)


async def test_what_is_packed_counts_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 100_000)
    assert len(bomb) < 1000
    async with server(saying("200 OK", "Content-Encoding: gzip", content=bomb)) as (url, _):
        with pytest.raises(OutgoingError, match="longer than"):
            await Outgoing(max_bytes=1000).request("GET", url)


async def test_dripping_does_not_stretch_the_time() -> None:
    async def dripping(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with server(dripping) as (url, _):
        with pytest.raises(OutgoingError, match=r"no answer within 0\.2 seconds"):
            await Outgoing(timeout=0.2).request("GET", url)


async def test_nobody_there() -> None:
    with pytest.raises(OutgoingError):
        await Outgoing().request("GET", "http://127.0.0.1:9")


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
async def test_no_http(answer: bytes) -> None:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with server(talk) as (url, _):
        with pytest.raises(OutgoingError):
            await Outgoing().request("GET", url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x?y",
        "https://10.0.0.1",
        "http://127.0.0.1:8000",
        "http://127.9.9.9",
        "http://[::1]:8000/x",
        "http://localhost",
    ],
)
def test_addresses_that_may_be_asked(url: str) -> None:
    assert check_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1\\@example.com",
        "http://",
        "https://",
        "https:///x",
        "//example.com",
        "example.com",
        "",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://[::1",
        "https://example.com:port",
        "https://example.com/\x00",
        "https://" + "a" * 100_000,
    ],
)
async def test_addresses_that_may_not(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        check_address(url)
    with pytest.raises(OutgoingError, match="address"):
        await Outgoing().request("GET", url)
