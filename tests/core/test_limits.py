"""Counting: in this process, or in a store that is shared, missing, or gone. The clock stands still."""

import asyncio
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from byline.cli import main
from byline.core import limits
from byline.core.limits import Limiter, LimitsUnavailable, Memory, Standing
from byline.core.settings import Settings
from tests.clock import Clock, stopped


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped() as clock:
        yield clock


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
    monkeypatch.setattr(limits, "PATIENCE", 1.0)
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
        assert time.monotonic() - began < 15
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
