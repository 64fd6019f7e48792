"""HTTP around the application: request ids, a limit to bodies, conditional requests (RFC 9110 §13). Pure ASGI."""

import hashlib
import re
from collections.abc import Iterable
from random import randbytes

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byline.core.ids import request_id
from byline.core.remembered import remembered

CREDENTIALS = frozenset({b"authorization", b"cookie"})
"""Headers by which a client tells who it is."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{8,128}")
_OF_CONTENT = frozenset({b"content-length", b"content-type"})
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


class RequestId:
    """Gives each request an id, the client's own `X-Request-ID` where it is fit to be logged, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        current = id_of_request(header(scope["headers"], b"x-request-id"))
        # Before any copy of the scope is made: what the endpoint leaves here is read by the middleware around it.
        scope.setdefault("state", {})
        # Never reset: a failure that nobody expected is answered outside of this middleware, and names it too.
        request_id.set(current)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = current
            await send(message)

        await self.app(scope, receive, send_with_id)


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Of a message as it is: to wrap it up for one look takes longer than to look."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def id_of_request(wanted: str | None) -> str:
    """The id that the client gave, where it is fit to be logged, or a new one."""
    if wanted is not None and _REQUEST_ID.fullmatch(wanted):
        return wanted
    return randbytes(16).hex()


class BodyLimit:
    """Refuses bodies of more than `limit` bytes by a 413, before reading them where they tell their length."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = header(scope["headers"], b"content-length") or ""
        is_told_too_large = told.isdecimal() and (len(told) > 18 or int(told) > self.limit)
        received = 0  # counted in any case: not every server sees to it that what was told is true

        async def receive_limited() -> Message:
            nonlocal received
            if is_told_too_large:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)


class ConditionalGet:
    """Answers GET and HEAD: a strong ETag on every 200 of known length, 304 to who has it already, no body for HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        if_none_match = header(scope["headers"], b"if-none-match")
        responder = _ConditionalResponder(send, if_none_match, head=is_head)
        await self.app({**scope, "method": "GET"} if is_head else scope, receive, responder)


class _ConditionalResponder:
    def __init__(self, send: Send, if_none_match: str | None, *, head: bool) -> None:
        self.send = send
        self.if_none_match = if_none_match
        self.head = head
        self.start: Message = {}
        self.body = b""
        self.streaming = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            self.streaming = message["status"] != 200 or header(message["headers"], b"content-length") is None
            if self.streaming:
                await self.send(message)
                if self.head:  # at once: some bodies have no end
                    await self.send({"type": "http.response.body", "body": b""})
        elif self.streaming:
            if not self.head:
                await self.send(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self.finish()

    async def finish(self) -> None:
        headers = self.start["headers"]
        etag = header(headers, b"etag")
        if etag is None:
            etag = f'"{hashlib.blake2b(self.body, digest_size=16).hexdigest()}"'
            headers = [*headers, (b"etag", etag.encode())]
        if self.if_none_match is not None and matches_weakly(self.if_none_match, etag):
            self.start["status"] = 304
            self.body = b""
            headers = [one for one in headers if one[0] not in _OF_CONTENT]
        self.start["headers"] = headers
        await self.send(self.start)
        await self.send({"type": "http.response.body", "body": b"" if self.head else self.body})


def matches_weakly(if_none_match: str, etag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    return etag.removeprefix("W/") in (found.removeprefix("W/") for found in _ETAG.findall(if_none_match))


def version_etag(version: int) -> str:
    """The ETag of a management resource: its version."""
    return f'"{version}"'


def parse_if_match(header: str) -> frozenset[int] | None:
    """The versions that an `If-Match` names; None for `*`, any. ETags that are no version match nothing.

    Raises ValueError for what is no list of ETags.
    """
    if header.strip() == "*":
        return None
    if not re.fullmatch(rf"\s*{_ETAG.pattern}(\s*,\s*{_ETAG.pattern})*\s*", header):
        raise ValueError('If-Match takes the ETag that you read, such as "7"')
    strong = (tag[1:-1] for tag in _ETAG.findall(header) if not tag.startswith("W/"))
    return frozenset(int(tag) for tag in strong if re.fullmatch(r"[1-9][0-9]{0,17}", tag))


@remembered
def prefers_markdown(accept: str) -> bool:
    return prefers(accept, "text/markdown", "application/json")


def prefers(accept: str, wanted: str, other: str) -> bool:
    """Whether an `Accept` header (RFC 9110 §12.5.1) names `wanted` and ranks it above `other`, or with a wildcard."""
    ranked, named = _quality(accept, wanted, wildcards=False), _quality(accept, other, wildcards=False)
    return ranked > named and ranked >= _quality(accept, other, wildcards=True)


def _quality(accept: str, media_type: str, *, wildcards: bool) -> float:
    ranges = [media_type, f"{media_type.partition('/')[0]}/*", "*/*"] if wildcards else [media_type]
    qualities = {}
    for item in accept.split(","):
        name, _, parameters = item.partition(";")
        quality = re.search(r"(?:^|;)\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", parameters)
        qualities[name.strip().lower()] = float(quality[1]) if quality else 1.0
    return next((qualities[name] for name in ranges if name in qualities), 0.0)
