"""What every answer tells a browser, to whom the service listens, and whom it believes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from byline.app import MAX_BODY_BYTES, create_app
from byline.core.docs import ASSETS_PATH
from byline.core.http import RequestId
from byline.core.security import CONTENT_SECURITY_POLICY, ClientAddress, HostNotAllowed, SecurityHeaders
from byline.core.settings import Environment, Settings
from tests.conftest import Sessions, close
from tests.problems import assert_problem

EVERYWHERE = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
FRONT_END = "https://app.example.com"

Serve = Callable[..., Awaitable[httpx.AsyncClient]]


async def fail() -> None:
    raise RuntimeError("hush")


@pytest.fixture(scope="module")
async def applications(settings: Settings) -> AsyncIterator[Callable[..., FastAPI]]:
    """Makes the application with other settings, once for each of them, and with an endpoint that fails."""
    made: dict[str, FastAPI] = {}

    def application(**changes: Any) -> FastAPI:
        app = made.get(repr(changes))
        if app is None:
            app = made[repr(changes)] = create_app(settings.model_copy(update=changes))
            app.get("/bug")(fail)
        return app

    yield application
    for app in made.values():
        await close(app)


@pytest.fixture
async def serve(applications: Callable[..., FastAPI], sessions: Sessions) -> AsyncIterator[Serve]:
    """A client of the application with other settings."""
    async with AsyncExitStack() as stack:

        async def serve(**changes: Any) -> httpx.AsyncClient:
            app = applications(**changes)
            app.state.sessions = sessions
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            return await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="https://blog.example")
            )

        yield serve


def added(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name in EVERYWHERE}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/v1/site", {}, 200),
        ("HEAD", "/v1/site", {}, 200),
        ("GET", "/v1/site", {"headers": {"If-None-Match": "*"}}, 304),
        ("GET", "/v1/site/", {}, 307),
        ("GET", "/feed.xml", {}, 200),
        ("GET", "/openapi.json", {}, 200),
        ("GET", "/livez", {}, 200),
        ("GET", f"/{ASSETS_PATH}/swagger-ui-dist/swagger-ui.css", {}, 200),
        ("GET", f"/{ASSETS_PATH}/swagger-ui-dist/swagger-ui.css", {"headers": {"If-None-Match": "*"}}, 304),
        ("GET", f"/{ASSETS_PATH}/nothing", {}, 404),
        ("GET", "/v1/manage/posts", {}, 401),
        ("GET", "/nothing", {}, 404),
        ("PUT", "/v1/site", {}, 405),
        ("OPTIONS", "/v1/site", {}, 405),
        ("POST", "/v1/auth/session", {"content": b" " * (MAX_BODY_BYTES + 1)}, 413),
        ("GET", "/v1/posts?limit=0", {}, 422),
        ("GET", "/bug", {}, 500),
    ],
)
async def test_every_answer_has_the_headers(
    serve: Serve, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    response = await (await serve()).request(method, path, **options)
    assert response.status_code == status
    assert added(response) == EVERYWHERE
    assert len(response.headers.get_list("x-content-type-options")) == 1
    assert "x-request-id" in response.headers
    assert "strict-transport-security" not in response.headers


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_keeps_its_own_policy(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    [policy] = response.headers.get_list("content-security-policy")
    assert "script-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert added(response) == {**EVERYWHERE, "content-security-policy": policy}


@pytest.mark.parametrize("path", ["/v1/account", "/v1/manage/posts", "/v1/auth/session"])
async def test_what_only_the_caller_may_know_is_stored_nowhere(desk: httpx.AsyncClient, path: str) -> None:
    response = await desk.get(path)
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    unchanged = await desk.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert (unchanged.status_code, unchanged.headers["cache-control"]) == (304, "no-store")


async def test_a_refusal_is_stored_nowhere(desk: httpx.AsyncClient, weak: httpx.AsyncClient) -> None:
    missing = await desk.get("/v1/manage/posts/0196f0f0-0000-7000-8000-000000000000")
    forbidden = await weak.get("/v1/manage/posts")
    assert [missing.status_code, forbidden.status_code] == [404, 403]
    assert [answer.headers["cache-control"] for answer in (missing, forbidden)] == ["no-store", "no-store"]


@pytest.mark.parametrize("path", ["/v1/authors", "/v1/site", "/feed.xml"])
async def test_what_is_public_stays_so_for_who_has_signed_in(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, path: str
) -> None:
    anonymous, known = await client.get(path), await desk.get(path)
    assert known.content == anonymous.content
    for name in ("cache-control", "cross-origin-resource-policy", "vary"):
        assert known.headers.get(name) == anonymous.headers.get(name)
    assert "no-store" not in known.headers.get("cache-control", "")


async def test_an_answer_that_sets_a_cookie_is_stored_nowhere() -> None:
    async def setting(request: Request) -> Response:
        response = PlainTextResponse("set")
        response.set_cookie("state", "x")
        return response

    app = Starlette(
        routes=[Route("/", setting)],
        middleware=[Middleware(RequestId), Middleware(SecurityHeaders, strict_transport=False)],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        response = await client.get("/")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


async def test_in_production_browsers_stay_with_tls(serve: Serve) -> None:
    production = await serve(environment=Environment.PRODUCTION)
    for path in ("/v1/site", "/nothing", "/bug"):
        assert (await production.get(path)).headers["strict-transport-security"] == "max-age=63072000"
    plain = await production.get("http://blog.example/v1/site")
    assert "strict-transport-security" not in plain.headers


# ── other origins ────────────────────────────────────────────────────────────────────────────────────────────────────


def preflight(origin: str, method: str = "PATCH", headers: str = "authorization, content-type, if-match") -> Any:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


async def test_a_listed_origin_may_ask_before_it_signs_in(serve: Serve) -> None:
    client = await serve(cors_origins=[FRONT_END], rate_limit_anonymous="1/day")
    answers = [await client.options("/v1/manage/posts/x", headers=preflight(FRONT_END)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200], "asking is not counted"
    response = answers[0]
    assert response.headers["access-control-allow-origin"] == FRONT_END
    assert response.headers["access-control-allow-credentials"] == "true"
    assert {"authorization", "if-match"} <= set(response.headers["access-control-allow-headers"].lower().split(", "))
    assert "Origin" in response.headers["vary"]
    assert added(response) == EVERYWHERE


@pytest.mark.parametrize(
    "asked",
    [
        preflight("https://evil.example"),
        preflight("https://app.example.com.evil.example"),
        preflight("http://app.example.com"),
        preflight("null"),
        preflight(FRONT_END, method="TRACE"),
        preflight(FRONT_END, headers="x-other"),
    ],
)
async def test_what_is_not_listed_is_refused(serve: Serve, asked: dict[str, str]) -> None:
    client = await serve(cors_origins=[FRONT_END])
    response = await client.options("/v1/site", headers=asked)
    assert response.status_code == 400
    simple = await client.get("/v1/site", headers={"Origin": asked["Origin"]})
    allowed = FRONT_END if asked["Origin"] == FRONT_END else None
    assert simple.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/v1/site", {}, 200),
        ("GET", "/v1/site", {"headers": {"If-None-Match": "*"}}, 304),
        ("GET", "/v1/manage/posts", {}, 401),
        ("GET", "/nothing", {}, 404),
        ("PUT", "/v1/site", {}, 405),
        ("POST", "/v1/auth/session", {"content": b" " * (MAX_BODY_BYTES + 1)}, 413),
        ("GET", "/v1/posts?limit=0", {}, 422),
        ("GET", "https://other.example/v1/site", {}, 400),
        ("GET", "/bug", {}, 500),
    ],
)
async def test_a_front_end_may_read_failures_too(
    serve: Serve, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    client = await serve(cors_origins=["https://other.example", FRONT_END], allowed_hosts=["blog.example"])
    headers = {**options.pop("headers", {}), "Origin": FRONT_END}
    response = await client.request(method, path, headers=headers, **options)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == FRONT_END
    assert response.headers["access-control-allow-credentials"] == "true"
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {
        "ETag",
        "Idempotent-Replayed",
        "Link",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Request-ID",
    } <= set(exposed)


async def test_an_answer_to_nobody_in_particular_says_that_it_varies(serve: Serve) -> None:
    """A cache would hand it to an origin that needs the header."""
    client = await serve(cors_origins=[FRONT_END])
    response = await client.get("/v1/site")
    assert response.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in response.headers


async def test_any_origin_has_no_credentials(serve: Serve) -> None:
    client = await serve(cors_origins=["*"])
    asked = await client.options("/v1/site", headers=preflight("https://any.example"))
    simple = await client.get("/v1/site", headers={"Origin": "https://any.example", "Cookie": "__Host-byline=x"})
    for response in (asked, simple):
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


async def test_without_a_setting_no_origin_is_allowed(client: httpx.AsyncClient) -> None:
    simple = await client.get("/v1/site", headers={"Origin": FRONT_END})
    asked = await client.options("/v1/site", headers=preflight(FRONT_END))
    assert asked.status_code == 405
    assert not [name for name in [*simple.headers, *asked.headers] if name.startswith("access-control")]


# ── hosts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTS = ["blog.example", "*.example.org", "[2001:db8::1]"]


@pytest.mark.parametrize(
    "host",
    [
        "blog.example",
        "BLOG.example:8443",
        "blog.example.",
        "a.example.org",
        "a.b.example.org:80",
        "[2001:db8::1]",
        "[2001:DB8::1]:8000",
    ],
)
async def test_a_host_that_is_ours(serve: Serve, host: str) -> None:
    client = await serve(allowed_hosts=HOSTS)
    assert (await client.get("/v1/site", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "blog.example.evil.example",
        "notblog.example",
        "example.org",
        "evilexample.org",
        "blog.example:x",
        "blog.example:80@evil.example",
        "user@blog.example",
        "evil.example/.example.org",
        "blog.example, evil.example",
        "[::1]",
        "2001:db8::1",
        "[2001:db8::1",
        "blog.example\x00",
        "*",
    ],
)
async def test_a_host_that_is_not(serve: Serve, host: str) -> None:
    client = await serve(allowed_hosts=HOSTS)
    response = await client.get("/v1/site", headers={"Host": host})
    assert_problem(response, HostNotAllowed)
    assert added(response) == EVERYWHERE


async def test_two_hosts_are_none(serve: Serve) -> None:
    client = await serve(allowed_hosts=HOSTS)
    twice = [("Host", "blog.example"), ("Host", "evil.example")]
    assert_problem(await client.get("/v1/site", headers=twice), HostNotAllowed)


async def test_probes_come_by_address(serve: Serve) -> None:
    client = await serve(allowed_hosts=HOSTS)
    assert (await client.get("/livez", headers={"Host": "10.1.2.3:8000"})).status_code == 200


async def test_by_default_any_host_is_ours(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/site", headers={"Host": "any.example"})).status_code == 200


# ── proxies ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def seen(trusted: list[str], peer: str | None, headers: list[tuple[str, str]]) -> tuple[str | None, str]:
    """The address of the client and the scheme, as the application sees them."""

    async def tell(request: Request) -> Response:
        return JSONResponse([request.client.host if request.client else None, request.url.scheme])

    proxies = [ip_network(network) for network in trusted]
    app = Starlette(routes=[Route("/", tell)], middleware=[Middleware(ClientAddress, trusted_proxies=proxies)])

    async def from_peer(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": None if peer is None else (peer, 50000)}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(from_peer), base_url="http://blog.example") as client:
        host, scheme = (await client.get("/", headers=headers)).json()
    return host, scheme


FORWARDED = "X-Forwarded-For"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        # Nobody is trusted unless named: not this machine, not a private network.
        ([], "127.0.0.1", ["6.6.6.6"], "127.0.0.1"),
        ([], "10.0.0.1", ["6.6.6.6"], "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.2", ["6.6.6.6"], "10.0.0.2"),
        (["10.0.0.1"], "198.51.100.7", ["10.0.0.1"], "198.51.100.7"),
        # One hop, several, and what the client made up on the left of them.
        (["10.0.0.1"], "10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        (["10.0.0.0/8"], "10.0.0.1", ["198.51.100.7, 10.0.0.3, 10.0.0.2"], "198.51.100.7"),
        (["10.0.0.1"], "10.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (["10.0.0.0/8"], "10.0.0.1", ["10.6.6.6, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["10.0.0.1"], "10.0.0.1", ["198.51.100.7, 10.0.0.2"], "10.0.0.2"),
        (["10.0.0.1"], "10.0.0.1", ["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
        # Ports and IPv6.
        (["10.0.0.1"], "10.0.0.1", ["198.51.100.7:61000"], "198.51.100.7"),
        (["2001:db8::/32"], "2001:db8::5", ["2001:4860::8"], "2001:4860::8"),
        (["2001:db8::/32"], "2001:db8::5", ["[2001:4860::8]:61000"], "2001:4860::8"),
        # A socket for both families writes IPv4 as IPv6; so do some proxies.
        (["10.0.0.0/8"], "::ffff:10.0.0.1", ["198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7"),
        (["10.0.0.0/8"], "10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ([], "::ffff:198.51.100.7", [], "198.51.100.7"),
        # A proxy that tells nothing.
        (["10.0.0.1"], "10.0.0.1", [], "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", [""], "10.0.0.1"),
        ([], None, ["6.6.6.6"], None),
    ],
)
async def test_the_address_of_the_client(
    trusted: list[str], peer: str | None, forwarded: list[str], client: str | None
) -> None:
    host, _ = await seen(trusted, peer, [(FORWARDED, value) for value in forwarded])
    assert host == client


@pytest.mark.parametrize(
    ("trusted", "told", "scheme"),
    [
        (["10.0.0.1"], "https", "https"),
        (["10.0.0.1"], "http", "http"),
        (["10.0.0.1"], "gopher", "http"),
        (["10.0.0.1"], "", "http"),
        (["10.0.0.2"], "https", "http"),
        ([], "https", "http"),
    ],
)
async def test_the_scheme_of_the_client(trusted: list[str], told: str, scheme: str) -> None:
    assert (await seen(trusted, "10.0.0.1", [("X-Forwarded-Proto", told)]))[1] == scheme


async def test_a_proxy_that_ends_tls_makes_it_strict(serve: Serve) -> None:
    client = await serve(environment=Environment.PRODUCTION, trusted_proxies=[ip_network("127.0.0.1")])
    told = {"X-Forwarded-Proto": "https"}
    response = await client.get("http://blog.example/v1/site", headers=told)
    assert "strict-transport-security" in response.headers
