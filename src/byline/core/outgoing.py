"""Requests to other servers: the one place that makes them."""

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import httpx


class OutgoingError(Exception):
    """No answer that could be used. The message says why, for the operator: it may name what is inside a network."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """How long an exchange may take, in seconds, from the look-up of the name to the last byte; how long an answer be.

    Redirects are not followed, no cookie is kept, and the environment names no proxy.
    """

    timeout: float = 5
    max_bytes: int = 1024 * 1024

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever its status. Raises OutgoingError."""
        try:
            check_address(url)
            async with asyncio.timeout(self.timeout):
                return await self._exchange(method, url, {"Accept-Encoding": "identity", **(headers or {})}, form)
        except TimeoutError as error:
            raise OutgoingError(f"no answer within {self.timeout:g} seconds") from error
        except (httpx.HTTPError, ValueError) as error:
            raise OutgoingError(str(error) or type(error).__name__) from error

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> Answer:
        async with (
            httpx.AsyncClient(verify=_trusted(), trust_env=False, follow_redirects=False, timeout=None) as client,
            client.stream(method, url, headers=headers, data=form) as response,
        ):
            content = bytearray()
            async for chunk in response.aiter_bytes():  # unpacked, should it come compressed all the same
                content += chunk
                if len(content) > self.max_bytes:
                    raise OutgoingError(f"the answer is longer than {self.max_bytes} bytes")
            return Answer(response.status_code, bytes(content))


def check_address(url: str) -> str:
    """The address. Raises ValueError but for https, and for http to this very machine, where people develop."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("is not an address") from error
    if not parts.host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.host))):
        raise ValueError("must be an https address")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def _trusted() -> ssl.SSLContext:
    """Once a process, since it reads hundreds of certificates; `SSL_CERT_FILE` may name others than the usual ones."""
    return httpx.create_ssl_context()
