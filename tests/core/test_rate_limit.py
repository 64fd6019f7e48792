"""Who is counted as whom, and what they are told. The clock stands still."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from byline.accounts import keys
from byline.accounts.caller import Caller, Role, Scope
from byline.accounts.deps import COOKIE
from byline.accounts.schemas import ApiKeyCreate
from byline.app import create_app
from byline.core import security
from byline.core.errors import TooManyRequests
from byline.core.limits import Limiter
from byline.core.security import RateLimit
from byline.core.settings import Settings
from tests import make
from tests.clock import Clock, stopped
from tests.conftest import Sessions, close
from tests.problems import assert_problem

Serve = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped() as clock:
        yield clock


@pytest.fixture
async def serve(settings: Settings, sessions: Sessions, clock: Clock) -> AsyncIterator[Serve]:
    """Makes the application with these limits; gives a client of it at an address."""
    async with AsyncExitStack() as stack:

        async def serve(at: str = "192.0.2.1", **limits: Any) -> httpx.AsyncClient:
            app = create_app(settings.model_copy(update=limits))
            stack.push_async_callback(close, app)
            app.state.sessions = sessions
            transport = httpx.ASGITransport(app, client=(at, 50000))
            return await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="https://blog.example")
            )

        yield serve


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def statuses(client: httpx.AsyncClient, times: int, **options: Any) -> list[int]:
    return [(await client.get("/v1/site", **options)).status_code for _ in range(times)]


async def test_what_a_caller_is_told(serve: Serve) -> None:
    client = await serve(rate_limit_anonymous="2/minute")
    told = [await client.get("/v1/site") for _ in range(3)]
    assert [answer.status_code for answer in told] == [200, 200, 429]
    assert {answer.headers["ratelimit-policy"] for answer in told} == {'"anonymous";q=2;w=60'}
    assert [answer.headers["ratelimit"] for answer in told] == [
        '"anonymous";r=1;t=60',
        '"anonymous";r=0;t=60',
        '"anonymous";r=0;t=60',
    ]
    problem = assert_problem(told[2], TooManyRequests)
    assert problem["code"] == "too_many_requests"
    assert told[2].headers["retry-after"] == "60"
    assert "retry-after" not in told[0].headers
    assert told[2].headers["x-content-type-options"] == "nosniff"
    assert told[2].headers["cache-control"] == "no-store"


async def test_every_answer_tells(serve: Serve) -> None:
    client = await serve(rate_limit_anonymous="100/minute")
    answers = [
        await client.get("/v1/site", headers={"If-None-Match": "*"}),
        await client.get("/nothing"),
        await client.get("/v1/manage/posts"),
        await client.put("/v1/site"),
        await client.get("/docs"),
    ]
    assert [answer.status_code for answer in answers] == [304, 404, 401, 405, 200]
    assert [answer.headers["ratelimit"] for answer in answers] == [
        f'"anonymous";r={left};t=60' for left in (99, 98, 97, 96, 95)
    ]


async def test_readers_have_no_limit_by_default(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/site")
    assert "ratelimit" not in response.headers and "ratelimit-policy" not in response.headers


async def test_people_have_one_by_default(desk: httpx.AsyncClient) -> None:
    response = await desk.get("/v1/account")
    assert response.headers["ratelimit-policy"] == '"user";q=6000;w=60'
    assert re.fullmatch('"user";r=5[0-9]{3};t=[0-9]{1,2}', response.headers["ratelimit"])


async def test_a_user_is_one_caller_by_all_sessions(serve: Serve, sessions: Sessions) -> None:
    client = await serve(rate_limit_user="4/day")
    async with sessions.begin() as session:
        user = await make.user(session)
        one, two = [await make.token(session, scopes=[], of=user) for _ in range(2)]
        other = await make.token(session, scopes=[])
    told = [await client.get("/v1/account", headers=bearer(token)) for token in (one, two, one, two, one, two)]
    assert [answer.status_code for answer in told] == [200, 200, 200, 200, 429, 429]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in told] == ["r=3", "r=2", "r=1", "r=0", "r=0", "r=0"]
    elsewhere = await client.get("/v1/site", headers=bearer(one))
    assert elsewhere.status_code == 429, "what is public too"
    assert (await client.get("/v1/account", headers=bearer(other))).status_code == 200


async def test_each_api_key_is_a_caller_of_its_own(serve: Serve, sessions: Sessions) -> None:
    client = await serve(rate_limit_api_key="2/day", rate_limit_user="1/day")
    async with sessions.begin() as session:
        user = await make.user(session)
        caller = Caller(user.id, user.name, Role.OWNER, frozenset(Scope))
        new = ApiKeyCreate(name="A service", scopes=[Scope.POSTS_READ])
        one, two = [(await keys.create(session, new, caller))[0] for _ in range(2)]
    told = [await client.get("/v1/manage/posts", headers=bearer(key)) for key in (one, one, one, two)]
    assert [answer.status_code for answer in told] == [200, 200, 429, 200]
    assert {answer.headers["ratelimit-policy"] for answer in told} == {'"api_key";q=2;w=86400'}


async def test_invented_credentials_count_as_the_address(serve: Serve) -> None:
    client = await serve(rate_limit_anonymous="3/day")
    told = [await client.get("/v1/account", headers=bearer(f"bys_{number:043}")) for number in range(4)]
    assert [answer.status_code for answer in told] == [401, 401, 401, 429]
    by_cookie = await client.get("/v1/account", headers={"Cookie": f"{COOKIE}=bys_x"})
    assert by_cookie.status_code == 429


async def test_a_credential_in_disguise_is_the_same(serve: Serve, sessions: Sessions) -> None:
    client = await serve(rate_limit_user="2/day")
    async with sessions.begin() as session:
        token = await make.token(session, scopes=[])
    assert await statuses(client, 1, headers=bearer(token)) == [200]
    assert (await client.get("/v1/account", headers=bearer(token))).status_code == 200
    assert (await client.get("/v1/account", headers=bearer(token))).headers["ratelimit"].startswith('"user";r=0;')
    for disguise in (
        {"Authorization": f"bearer {token}"},
        {"Authorization": f"BEARER   {token} "},
        {"Cookie": f"{COOKIE}={token}"},
        {"Cookie": f"other=1; {COOKIE}={token}; more=2"},
        {"Cookie": f'{COOKIE}="{token}"'},
        {"Authorization": "Basic x", "Cookie": f"{COOKIE}={token}"},
        {"Authorization": "y", "Cookie": f"{COOKIE}={token}"},
    ):
        assert (await client.get("/v1/account", headers=disguise)).status_code == 429, disguise


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["192.0.2.1", "192.0.2.1", "192.0.2.2"], [200, 429, 200]),
        (["2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1"], [200, 429, 200]),
        (["::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"], [200, 429, 200]),
    ],
)
async def test_addresses(serve: Serve, addresses: list[str], expected: list[int]) -> None:
    client = await serve("10.0.0.1", rate_limit_anonymous="1/day", trusted_proxies=[ip_network("10.0.0.0/8")])
    told = [await client.get("/v1/site", headers={"X-Forwarded-For": address}) for address in addresses]
    assert [answer.status_code for answer in told] == expected


async def test_nobody_gets_another_address_by_saying_so(serve: Serve) -> None:
    direct = await serve(rate_limit_anonymous="1/day")
    proxied = await serve("10.0.0.1", rate_limit_anonymous="1/day", trusted_proxies=[ip_network("10.0.0.0/8")])
    for client, suffix in ((direct, ""), (proxied, ", 198.51.100.7")):
        forwarded = [{"X-Forwarded-For": f"6.6.6.{number}{suffix}"} for number in range(3)]
        told = [await client.get("/v1/site", headers=headers) for headers in forwarded]
        assert [answer.status_code for answer in told] == [200, 429, 429]


async def test_probes_are_not_counted(serve: Serve) -> None:
    client = await serve(rate_limit_anonymous="1/day")
    probes = [await client.get("/livez") for _ in range(3)]
    assert [probe.status_code for probe in probes] == [200, 200, 200]
    assert "ratelimit" not in probes[2].headers
    assert await statuses(client, 2) == [200, 429]


async def test_the_oldest_credential_is_forgotten_first(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "MOST_KNOWN", 3)
    middleware = RateLimit(create_app(settings), Limiter(settings), COOKIE)
    for number in range(3):
        middleware.remember(b"%d" % number, ("user", number))
    assert middleware.recall(b"0") == ("user", 0)
    middleware.remember(b"3", ("user", 3))
    assert [middleware.recall(b"%d" % number) for number in range(4)] == [
        ("user", 0),
        None,
        ("user", 2),
        ("user", 3),
    ]
