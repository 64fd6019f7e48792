"""Answers readers from memory, in front of everything: a hit is a look-up and two messages.

What may be kept is told by `reads.delivered`, and by what the application has answered: a whole 200 without cookies,
which nothing in it forbids to store. It is kept as the layers inside have made it, security headers and all, under all
of the request that it may depend on. Who comes with credentials or cookies, or asks for `no-cache`, is answered anew.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byline.core.answers import IDENTITY, Answer, preferred_coding
from byline.core.http import CREDENTIALS, header, id_of_request, matches_weakly, prefers_markdown
from byline.core.reads import Reads, noting
from byline.core.remembered import remembered
from byline.core.store import Reading, Store

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

CACHE_CONTROL = "public, max-age=0, must-revalidate"
"""Of what readers get: any cache may keep it, and asks whether it still holds, for which a 304 is enough."""

STALE = b"Byline; fwd=stale; fwd-status=503"
"""`Cache-Status` (RFC 9211) of what was last known before the database was lost; `Age` says how old it is."""

LONGEST_KEY = 1000
"""Characters of an address: an answer that has a longer one is not kept, for the room that it takes is not counted."""

_SELECTING = frozenset({b"accept", b"accept-encoding", b"origin"})
_CONDITIONAL = frozenset({b"if-none-match", b"if-modified-since", b"if-range", b"range", b"accept-encoding"})


class FromMemory:
    def __init__(self, app: ASGIApp, store: Store, origins: Sequence[str]) -> None:
        """`origins` are those whose pages may call."""
        self.app = app
        self.store = store
        self.origins = frozenset(origin.encode() for origin in origins)
        self.flights: dict[Hashable, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, self._caught_up(send) if scope["method"] in WRITES else send)
            return
        headers = dict(scope["headers"])
        key = self._key(scope, headers)
        answer = self.store.get(key) if key is not None else None
        if answer is not None:
            await _send(answer, scope, headers, send)
        elif key is not None and not self.store.is_open:
            await self._ask_or_recall(key, scope, headers, receive, send)
        elif key is None or scope["method"] == "HEAD":
            await self._ask(scope, receive, send)
        elif (flight := self.flights.get(key)) is not None:
            await flight.wait()
            answer = self.store.get(key)
            if answer is not None:
                await _send(answer, scope, headers, send)
            else:  # it could not be kept, so each one asks for themselves
                await self._ask(scope, receive, send)
        else:
            self.flights[key] = asyncio.Event()
            try:
                answer = await self._ask(scope, receive, send, key=key)
            finally:
                self._land(key)
            if answer is not None:
                await _send(answer, scope, headers, send)

    def _land(self, key: Hashable) -> None:
        """Lets go on who waits for the answer: as soon as it is kept, or begins and is not; some have no end."""
        flight = self.flights.pop(key, None)
        if flight is not None:
            flight.set()

    def _key(self, scope: Scope, headers: dict[bytes, bytes]) -> Hashable | None:
        """All that the answer may depend on; None where it is not for the store."""
        if len(headers) != len(scope["headers"]) or not CREDENTIALS.isdisjoint(headers):
            return None
        control = headers.get(b"cache-control") or headers.get(b"pragma")
        if control is not None and asks_anew(control):
            return None
        origin = headers.get(b"origin") if self.origins else None
        if origin is not None and origin not in self.origins:
            if b"*" not in self.origins:
                return None
            origin = b"*"
        path, query, host = scope["path"], scope["query_string"], headers.get(b"host", b"")
        if len(path) + len(query) + len(host) > LONGEST_KEY:
            return None
        accept = headers.get(b"accept")
        wants_markdown = accept is not None and prefers_markdown(accept.decode("latin-1"))
        return path, query, host, origin, wants_markdown, scope["scheme"]

    async def _ask(self, scope: Scope, receive: Receive, send: Send, *, key: Hashable | None = None) -> Answer | None:
        """Has the application answer; what can be kept under `key` is kept and given back, all else is sent."""
        reading = self.store.begin()
        if key is not None:  # whole and plain, whatever this client has already
            headers = [header for header in scope["headers"] if header[0] not in _CONDITIONAL]
            scope = {**scope, "headers": headers}
        with noting() as reads:
            recorder = _Recorder(self.store, reads, send, None if key is None else partial(self._land, key))
            await self.app(scope, receive, recorder)
        if recorder.held is None:
            return None
        return await self._keep(key, recorder, reads, reading, send)

    async def _ask_or_recall(
        self, key: Hashable, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        """Has the application answer. While the database is away, what was last known is better than nothing."""
        last = self.store.last_known(key)
        is_away = False

        async def send_unless_away(message: Message) -> None:
            nonlocal is_away
            if message["type"] == "http.response.start":
                is_away = last is not None and message["status"] == 503
            if not is_away:
                await send(message)

        await self._ask(scope, receive, send_unless_away)
        if last is not None and is_away:
            age = b"%d" % max(0, time.time() - last.read_at)
            await _send(last, scope, headers, send, [(b"age", age), (b"cache-status", STALE)])

    async def _keep(
        self, key: Hashable, recorder: "_Recorder", reads: Reads, reading: Reading, send: Send
    ) -> Answer | None:
        assert recorder.held is not None
        until = await self.store.end_of(reading)
        if await self.store.is_current(reads, reading):
            tables = frozenset(reads.tables)
            answer = Answer(recorder.held["headers"], recorder.body, tables, read_at=reading.at, until=until)
            self.store.keep(key, answer)
            return answer
        await send(recorder.held)
        await send({"type": "http.response.body", "body": recorder.body})
        return None

    def _caught_up(self, send: Send) -> Send:
        """Who has written is answered when nothing older is given here any more."""

        async def send_caught_up(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self.store.catch_up()
            await send(message)

        return send_caught_up


class _Recorder:
    """Sends the messages on, or holds those of an answer that may be kept; calls `land` where it may not."""

    def __init__(self, store: Store, reads: Reads, send: Send, land: Callable[[], None] | None) -> None:
        """Without `land` nothing is held."""
        self.store = store
        self.reads = reads
        self.send = send
        self.land = land
        self.held: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.reads.is_delivery and message["status"] in {200, 304}:
                _tell_caches(message, self.reads)
            if self.land is not None and self._may_be_kept(message):
                self.held = message
            elif self.land is not None:
                self.land()
            if self.held is None and self.reads.is_delivery:
                await self.store.catch_up()
        if self.held is None:
            await self.send(message)
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def _may_be_kept(self, message: Message) -> bool:
        headers = Headers(raw=message["headers"])
        vary = {name.strip().lower().encode() for value in headers.getlist("vary") for name in value.split(",")}
        return (
            message["status"] == 200
            and self.reads.is_delivery
            and self.reads.is_known
            and headers.get("cache-control") == CACHE_CONTROL
            and "content-length" in headers
            and "set-cookie" not in headers
            and "content-encoding" not in headers
            and vary <= _SELECTING
        )


def _tell_caches(message: Message, reads: Reads) -> None:
    """What a cache in front may do with the answer, and by which names it is to be purged."""
    headers = message["headers"]
    told = [(b"cache-control", CACHE_CONTROL.encode())] if header(headers, b"cache-control") is None else []
    if reads.is_known and reads.tables:
        told.append((b"surrogate-key", " ".join(sorted(reads.tables)).encode()))
    message["headers"] = [*headers, *told]


async def _send(
    answer: Answer,
    scope: Scope,
    headers: dict[bytes, bytes],
    send: Send,
    more: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    accepted = headers.get(b"accept-encoding")
    coding = IDENTITY if accepted is None else preferred_coding(accepted)
    variant = answer.variants.get(coding) or await answer.make(coding)
    wanted = headers.get(b"x-request-id")
    request_id = id_of_request(None if wanted is None else wanted.decode("latin-1")).encode()
    start: dict[str, Any] = {"type": "http.response.start", "status": 200}
    body = variant.body
    known = headers.get(b"if-none-match")
    if known is None or not (
        known == variant.etag or matches_weakly(known.decode("latin-1"), variant.etag.decode("latin-1"))
    ):
        start["headers"] = [*variant.headers, (b"x-request-id", request_id), *more]
    else:
        start["status"] = 304
        start["headers"] = [*variant.unchanged, (b"x-request-id", request_id), *more]
        body = b""
    await send(start)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@remembered
def asks_anew(cache_control: bytes) -> bool:
    """Whether this is a `no-cache` or `no-store` (RFC 9111 §5.2.1)."""
    directives = {item.partition("=")[0].strip() for item in cache_control.decode("latin-1").lower().split(",")}
    return not directives.isdisjoint({"no-cache", "no-store"})
