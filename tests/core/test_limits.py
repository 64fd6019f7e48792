"""Rate limits: who is counted as whom, what they are told, and a store that is shared, missing, or gone.

The clock stands still unless a test moves it: windows begin with the minute and the day.
"""

import asyncio
import importlib.util
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from byline.accounts import keys
from byline.accounts.caller import Caller, Role, Scope
from byline.accounts.deps import COOKIE
from byline.accounts.schemas import ApiKeyCreate
from byline.app import create_app
from byline.cli import main
from byline.core import limits, security
from byline.core.errors import TooManyRequests
from byline.core.limits import Limiter, LimitsUnavailable, Memory, Standing
from byline.core.security import RateLimit
from byline.core.settings import Settings
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

NOON = 1_800_014_400.25  # seconds since 1970: a minute's window has just begun, a day's has half of itself left

Serve = Callable[..., Awaitable[httpx.AsyncClient]]


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@contextmanager
def stopped() -> Iterator[Clock]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", clock)
        yield clock


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
            stack.push_async_callback(app.state.database.close)
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


# ── counting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def limiter(**changes: Any) -> Limiter:
    database = SecretStr("postgresql://nowhere")
    return Limiter(Settings(_env_file=None, database_url=database, **changes))


async def count(limiter: Limiter, identity: str = "x") -> Standing:
    standing = await limiter.count(("user", identity))
    assert standing is not None
    return standing


@given(st.integers(1, 6), st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_who_waits_as_long_as_they_are_told_gets_on(limit: int, pauses: list[int]) -> None:
    async def ask(clock: Clock) -> None:
        limited = limiter(rate_limit_user=f"{limit}/minute")
        for pause in pauses:
            clock.now += pause
            standing = await count(limited)
            assert 0 <= standing.remaining < limit and 1 <= standing.reset_after <= 60
            if not standing.allowed:
                clock.now += standing.reset_after
                assert (await count(limited)).allowed

    with stopped() as clock:
        asyncio.run(ask(clock))


@given(st.integers(1, 6), st.lists(st.integers(0, 20), min_size=10, max_size=40))
def test_no_window_of_the_clock_has_more_than_the_limit(limit: int, pauses: list[int]) -> None:
    async def ask(clock: Clock) -> list[float]:
        limited, allowed = limiter(rate_limit_user=f"{limit}/minute"), []
        for pause in pauses:
            clock.now += pause
            if (await count(limited)).allowed:
                allowed.append(clock.now)
        return allowed

    with stopped() as clock:
        allowed = asyncio.run(ask(clock))
    windows = [int(at // 60) for at in allowed]
    assert all(windows.count(window) <= limit for window in windows)


async def test_memory_lets_go_of_who_went(clock: Clock) -> None:
    memory = Memory()
    for number in range(1000):
        await memory.incr(f"old {number}", 60)
    clock.now += 61
    assert await memory.incr("new", 60) == 1
    assert set(memory.storage) == set(memory.expirations) == {"new"}
    assert not memory.locks


async def test_many_at_once_are_counted_one_by_one(clock: Clock) -> None:
    limited = limiter(rate_limit_user="10/day")
    standings = await asyncio.gather(*(count(limited) for _ in range(25)))
    assert sum(standing.allowed for standing in standings) == 10


# ── a store for many processes ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("BYLINE_RATE_LIMIT_URL", "redis://:hush@127.0.0.1:1/0", "install byline[redis]"),
        ("BYLINE_RATE_LIMIT_URL", "memcached://hush", "must be a Redis or Valkey server"),
        ("BYLINE_RATE_LIMIT_USER", "many", "rate_limit_user"),
        ("BYLINE_CORS_ORIGINS", "https://app.example.com", "cors_origins"),  # a list is written as JSON
    ],
)
def test_the_server_does_not_start_with_what_cannot_be(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)  # as where it is not installed
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BYLINE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv(setting, value)
    monkeypatch.setattr(sys, "argv", ["byline", "serve"])
    terminate = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        main()
    signal.signal(signal.SIGTERM, terminate)
    complaint = capsys.readouterr().err
    assert end.value.code == 1
    assert complaint.startswith("byline: ") and said in complaint and len(complaint.splitlines()) == 1
    assert "hush" not in complaint


class Server:
    """A real one, of Redis or Valkey, on a port of its own."""

    def __init__(self, program: str, place: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "hush"]
        self.place = place
        self.start()

    def url(self, scheme: str = "redis") -> str:
        return f"{scheme}://:hush@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen([*self.command, "--dir", str(self.place)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None or importlib.util.find_spec("redis") is None:
        pytest.skip("needs redis-server or valkey-server on PATH, and the package redis")
    server = Server(program, tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def shared(server: Server) -> AsyncIterator[Callable[..., Limiter]]:
    """Makes limiters that count on the server, as several processes have one each."""
    made: list[Limiter] = []

    def make(scheme: str = "redis", **changes: Any) -> Limiter:
        made.append(limiter(rate_limit_url=server.url(scheme), **changes))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_processes_count_together(shared: Callable[..., Limiter]) -> None:
    one, two = shared(rate_limit_user="5/day"), shared("valkey", rate_limit_user="5/day")
    await one.check()
    standings = [await count(limited) for limited in (one, two, one, two, one, two)]
    assert [standing.allowed for standing in standings] == [True, True, True, True, True, False]
    assert [standing.remaining for standing in standings] == [4, 3, 2, 1, 0, 0]
    assert (await count(two, "somebody else")).remaining == 4
    at_once = await asyncio.gather(*(count(limited, "y") for limited in (one, two) * 10))
    assert sum(standing.allowed for standing in at_once) == 5


async def test_a_store_that_is_gone_stops_nobody_and_is_told_once(
    server: Server, shared: Callable[..., Limiter], caplog: pytest.LogCaptureFixture
) -> None:
    limited = shared(rate_limit_user="5/day")
    await count(limited)
    server.stop()
    with caplog.at_level(logging.WARNING):
        assert [await limited.count(("user", "x")) for _ in range(20)] == [None] * 20
    [record] = [record for record in caplog.records if record.name == "byline.core.limits"]
    assert "no rate limits" in record.getMessage() and "hush" not in record.getMessage()

    server.start()
    assert await limited.count(("user", "x")) is None, "it rests still"
    limited.asleep_until = 0
    assert (await count(limited)).remaining == 4


async def test_a_store_that_hangs_stops_nobody(
    server: Server, shared: Callable[..., Limiter], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.1)
    limited = shared(rate_limit_user="5/day")
    await count(limited)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with caplog.at_level(logging.WARNING):
            answers = await asyncio.gather(*(limited.count(("user", "x")) for _ in range(20)))
        assert len([record for record in caplog.records if record.name == "byline.core.limits"]) == 1
        assert answers == [None] * 20
        assert await limited.count(("user", "x")) is None
        assert time.monotonic() - began < 5
        with pytest.raises(LimitsUnavailable, match="BYLINE_RATE_LIMIT_URL cannot be reached"):
            await limited.check()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


async def test_a_store_that_is_not_there_is_said_at_the_start(server: Server, shared: Callable[..., Limiter]) -> None:
    limited = shared()
    server.stop()
    with pytest.raises(LimitsUnavailable, match="BYLINE_RATE_LIMIT_URL cannot be reached") as unavailable:
        await limited.check()
    assert "hush" not in str(unavailable.value)


async def test_a_wrong_password_is_said_too(server: Server) -> None:
    limited = limiter(rate_limit_url=server.url().replace("hush", "wrong"))
    with pytest.raises(LimitsUnavailable, match="BYLINE_RATE_LIMIT_URL cannot be reached") as unavailable:
        await limited.check()
    assert "wrong@" not in str(unavailable.value)
    await limited.close()
