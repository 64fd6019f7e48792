"""Requests to other servers: the one place that makes them."""

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from byline.core.guard import Guard


class OutgoingError(Exception):
    """No answer that could be used. The message says why, for the operator: it may name what is inside a network."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """How long an exchange may take, in seconds, from the look-up of the name to the last byte; how long an answer be.

    Redirects are not followed, no cookie is kept, and the environment names no proxy. Where users give the addresses,
    there is a `guard`; then what an answer has beyond its length is left unread, not an error, and nothing is unpacked.
    """

    timeout: float = 5
    max_bytes: int = 1024 * 1024
    guard: Guard | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """The answer, whatever its status. Raises OutgoingError."""
        request = {"method": method, "data": form, "content": content}
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            async with asyncio.timeout(self.timeout):
                if self.guard is None:
                    return await self._exchange(url=check_address(url), headers=sent, **request)
                return await self._guarded(self.guard, url, sent, request)
        except TimeoutError as error:
            raise OutgoingError(f"no answer within {self.timeout:g} seconds") from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise OutgoingError(str(error) or type(error).__name__) from error

    async def _guarded(self, guard: Guard, url: str, headers: Mapping[str, str], request: Mapping[str, Any]) -> Answer:
        """Tries one address after the other until there is a connection: nothing has been sent before that."""
        failure: httpx.ConnectError | None = None
        for target in await guard.targets(url):
            try:
                return await self._exchange(
                    url=target.url,
                    headers={**headers, "Host": target.host},
                    extensions={"sni_hostname": target.name},  # for the certificate too
                    **request,
                )
            except httpx.ConnectError as error:
                failure = error
        raise OutgoingError(str(failure)) from failure

    async def _exchange(self, **request: Any) -> Answer:
        async with (
            httpx.AsyncClient(verify=_trusted(), trust_env=False, follow_redirects=False, timeout=None) as client,
            client.stream(**request) as response,
        ):
            content = bytearray()
            # Should it come compressed all the same, it is unpacked, but for strangers: a little of it can be a lot.
            async for chunk in response.aiter_bytes() if self.guard is None else response.aiter_raw():
                content += chunk
                if len(content) > self.max_bytes:
                    if self.guard is None:
                        raise OutgoingError(f"the answer is longer than {self.max_bytes} bytes")
                    break
            return Answer(response.status_code, bytes(content[: self.max_bytes]))


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
