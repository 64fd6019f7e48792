"""What stands between the network and the application: who the client is, which hosts are answered for, how much a
caller may ask, what an answer tells a browser. Pure ASGI."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from byline.core.addresses import neighbourhood, plain
from byline.core.crypto import hash_token
from byline.core.errors import BadRequest, TooManyRequests
from byline.core.health import PROBES
from byline.core.http import CREDENTIALS
from byline.core.limits import Limiter, Principal
from byline.core.problems import render_error
from byline.core.remembered import remembered

CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of an answer that names none of its own: data, of which a browser shall load and run nothing."""

CORS: dict[str, Any] = {
    "allow_methods": ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"],
    "allow_headers": [
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Last-Event-ID",
        "X-CSRF-Token",
        "X-Request-ID",
    ],
    "expose_headers": [
        "ETag",
        "Idempotent-Replayed",
        "Link",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "WWW-Authenticate",
        "X-Request-ID",
    ],
}

MOST_KNOWN = 10_000
"""Good credentials that a process remembers."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/]+?)\.?(?::[0-9]*)?")


class HostNotAllowed(BadRequest):
    code = "host_not_allowed"
    title = "This service does not answer for that host"


class ClientAddress:
    """Makes `client` and `scheme` of a request those that the client sees, by what trusted proxies say.

    Of `X-Forwarded-For` the last address that is not a trusted proxy counts: what stands left of it, anybody may have
    written. `X-Forwarded-Proto` is `http` or `https`. Who is no trusted proxy is not listened to.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: Sequence[IPv4Network | IPv6Network]) -> None:
        self.app = app
        networks = [str(network) for network in trusted_proxies]
        # As a socket for IPv6 and IPv4 writes them.
        mapped = [
            f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            for network in trusted_proxies
            if network.version == 4
        ]
        self.behind_proxies: Any = self.with_plain_address
        if networks:
            self.behind_proxies = ProxyHeadersMiddleware(self.with_plain_address, [*networks, *mapped])  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.behind_proxies(scope, receive, send)

    async def with_plain_address(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("client") is not None:
            host, port = scope["client"]
            scope["client"] = (plain(host), port)
        await self.app(scope, receive, send)


class AllowedHosts:
    """Refuses a request for another `Host` by a 400: what is made from it (redirects, a cache's key) is then ours.

    `*.example.com` is every name below that one, `*` any. The probes of an orchestrator come by address, and pass.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self.app = app
        self.names = frozenset(allowed_hosts)
        self.endings = tuple(name[1:] for name in allowed_hosts if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "*" in self.names or scope["path"] in PROBES or self.allows(scope):
            await self.app(scope, receive, send)
        else:
            await render_error(Request(scope), HostNotAllowed())(scope, receive, send)

    def allows(self, scope: Scope) -> bool:
        named = [value for name, value in scope["headers"] if name == b"host"]
        host = _host_of(named[0]) if len(named) == 1 else None
        return host is not None and (host in self.names or host.endswith(self.endings))


@remembered
def _host_of(header: bytes) -> str | None:
    found = _HOST.fullmatch(header.decode("latin-1").lower())
    return None if found is None else found[1]


class RateLimit:
    """Counts each request, and refuses by a 429 what is too many.

    Whether a credential is good is known only after the request was let in. So the good ones are remembered, by their
    SHA-256: who brings one is counted as its owner, who brings any other by their address.
    """

    def __init__(self, app: ASGIApp, limiter: Limiter, cookie: str) -> None:
        """`cookie` is the name of the one that carries a token."""
        self.app = app
        self.limiter = limiter
        self.cookie = cookie
        self.known: OrderedDict[bytes, Principal] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        credential = self.credential(scope)
        if credential is None and "anonymous" not in self.limiter.items:
            await self.app(scope, receive, send)
            return
        principal = self.recall(credential)
        address = scope["client"][0] if scope.get("client") else None
        standing = await self.limiter.count(principal or ("anonymous", neighbourhood(address)))

        async def send_with_standing(message: Message) -> None:
            nonlocal standing
            if message["type"] == "http.response.start":
                shown: Principal | None = scope["state"].get("principal")
                if principal is None and credential is not None and shown is not None:
                    self.remember(credential, shown)
                    standing = await self.limiter.count(shown)
                if standing is not None:
                    MutableHeaders(scope=message).update(standing.headers())
            await send(message)

        if standing is None or standing.allowed:
            await self.app(scope, receive, send_with_standing)
        else:
            refusal = render_error(Request(scope), TooManyRequests(retry_after=standing.reset_after))
            await refusal(scope, receive, send_with_standing)

    def credential(self, scope: Scope) -> bytes | None:
        """The SHA-256 of the token that `get_caller` would look at: a bearer, or else the cookie."""
        if CREDENTIALS.isdisjoint([name for name, _ in scope["headers"]]):
            return None
        connection = HTTPConnection(scope)
        scheme, token = get_authorization_scheme_param(connection.headers.get("authorization"))
        if scheme.lower() != "bearer":
            token = connection.cookies.get(self.cookie, "")
        return hash_token(token) if token else None

    def recall(self, credential: bytes | None) -> Principal | None:
        if credential is None or credential not in self.known:
            return None
        self.known.move_to_end(credential)
        return self.known[credential]

    def remember(self, credential: bytes, principal: Principal) -> None:
        self.known[credential] = principal
        if len(self.known) > MOST_KNOWN:
            self.known.popitem(last=False)


class SecurityHeaders:
    """Adds to every answer the headers that it does not have yet.

    What an authenticated caller is told, or sets a cookie, is for nobody else: no cache stores it, no other origin
    embeds it. Everything else is public, and may be embedded. `Referrer-Policy` is `same-origin`: no other host learns
    an address, and (unlike with `no-referrer`) a form sent to ourselves still tells its `Origin`.
    """

    def __init__(self, app: ASGIApp, *, strict_transport: bool) -> None:
        """With `strict_transport`, browsers that came by TLS are told to stay with it for two years (RFC 6797)."""
        self.app = app
        self.strict_transport = strict_transport
        always = {
            "content-security-policy": CONTENT_SECURITY_POLICY,
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        self.public = _raw({**always, "cross-origin-resource-policy": "cross-origin"})
        self.private = _raw({**always, "cross-origin-resource-policy": "same-origin", "cache-control": "no-store"})
        self.over_tls = _raw({"strict-transport-security": "max-age=63072000"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                is_private = "principal" in scope["state"] or b"set-cookie" in there
                added = self.private if is_private else self.public
                if self.strict_transport and scope["scheme"] == "https":
                    added = [*added, *self.over_tls]
                message["headers"] = [*message["headers"], *(header for header in added if header[0] not in there)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
