"""A finished answer, and its forms: as it is, or compressed as the client takes it (RFC 9110 §12.5.3)."""

import asyncio
import gzip
import hashlib
import re
from collections.abc import Iterable

import brotli

from byline.core.remembered import remembered

Headers = list[tuple[bytes, bytes]]

IDENTITY = ""
CODINGS = ("br", "gzip")  # the better one first
WORTHWHILE = 500  # bytes, below which headers outweigh what compressing saves

OVERHEAD = 3000
"""Bytes that an answer takes besides its bodies: measured, with its headers, its key and its places in the store."""

_COMPRESSIBLE = re.compile(rb"text/|application/([\w.-]+\+)?(json|xml)\b")
_MADE_ANEW = {b"content-encoding", b"content-length", b"etag", b"vary", b"x-request-id"}


class Variant:
    """One form, ready to be sent. Strong ETags differ from form to form (RFC 9110 §8.8.3.3)."""

    __slots__ = ("body", "etag", "headers", "unchanged")

    def __init__(self, shared: Headers, body: bytes, digest: str, coding: str) -> None:
        self.body = body
        self.etag = f'"{digest}-{coding}"'.encode() if coding else f'"{digest}"'.encode()
        own = [(b"etag", self.etag), (b"content-length", b"%d" % len(body))]
        self.headers = [*shared, *own, *([(b"content-encoding", coding.encode())] if coding else [])]
        self.unchanged = [
            header for header in self.headers if header[0] not in {b"content-length", b"content-type"}
        ]  # of a 304


class Answer:
    """A 200, with what it was read from."""

    __slots__ = ("_digest", "_headers", "_making", "is_compressible", "read_at", "size", "tables", "until", "variants")

    def __init__(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        tables: frozenset[str],
        *,
        read_at: float,
        until: float,
    ) -> None:
        """When it was read, and `until` when it holds if nothing is written; in seconds since 1970."""
        named = [(name.lower(), value) for name, value in headers]
        vary = [value for name, value in named if name == b"vary"]
        self._headers = [header for header in named if header[0] not in _MADE_ANEW]
        self._headers.append((b"vary", b", ".join([*vary, b"Accept-Encoding"])))
        self._digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        self._making = asyncio.Lock()
        content_type = next((value for name, value in named if name == b"content-type"), b"")
        self.is_compressible = len(body) >= WORTHWHILE and _COMPRESSIBLE.match(content_type) is not None
        self.variants = {IDENTITY: Variant(self._headers, body, self._digest, IDENTITY)}
        self.size = OVERHEAD + len(body) * (2 if self.is_compressible else 1)
        """About: the compressed forms together take less than the plain one."""
        self.tables = tables
        self.read_at = read_at
        self.until = until

    async def make(self, coding: str) -> Variant:
        """That form, or the plain one where compressing it saves nothing. Each is made once, off the loop."""
        plain = self.variants[IDENTITY]
        async with self._making:
            if coding not in self.variants:
                body = await asyncio.to_thread(_compress, plain.body, coding) if self.is_compressible else plain.body
                if len(body) < len(plain.body):
                    self.variants[coding] = Variant(self._headers, body, self._digest, coding)
                else:
                    self.variants[coding] = plain
        return self.variants[coding]


def _compress(body: bytes, coding: str) -> bytes:
    if coding == "br":
        compressed: bytes = brotli.compress(body, quality=5)
        return compressed
    return gzip.compress(body, 6, mtime=0)


@remembered
def preferred_coding(accept_encoding: bytes) -> str:
    """Of the forms that the client takes the one it ranks highest; of equals the smallest."""
    ranks: dict[str, float] = {}
    for item in accept_encoding.decode("latin-1").lower().split(","):
        name, _, parameters = item.partition(";")
        quality = re.fullmatch(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", parameters)
        if quality or not parameters.strip():
            ranks[name.strip()] = float(quality[1]) if quality else 1.0
    ranks.setdefault("gzip", ranks.get("x-gzip", ranks.get("*", 0.0)))
    ranks.setdefault("br", ranks.get("*", 0.0))
    best = max(CODINGS, key=lambda coding: ranks[coding])
    return best if ranks[best] > 0 and ranks[best] >= ranks.get("identity", 0.0) else IDENTITY
