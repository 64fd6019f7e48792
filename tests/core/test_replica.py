"""Public reads from a real streaming replica."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from byline.accounts.deps import COOKIE
from byline.app import create_app
from byline.core.embedded import ENVIRONMENT, EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.replica import Replica
from byline.core.settings import Settings
from tests import make
from tests.conftest import close
from tests.waiting import until

UNSAFE = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB", "hot_standby": "on"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that the account of a PostgreSQL may pass, so that the replica finds the socket of its primary."""
    made = Path(tempfile.mkdtemp(prefix="byline-replica-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def primary(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(folder / "primary", settings=UNSAFE) as server:
        yield server


@pytest.fixture(scope="module")
def standby(folder: Path, primary: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    place = folder / "standby"
    place.mkdir()
    primary._give(place)
    password = (folder / "primary" / "password").read_text()
    source = f"host={folder / 'primary' / 'run'} user=byline password={password}"
    options = ["-D", str(place / "data"), "-d", source, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
    command = primary._command("pg_basebackup", *options, reaching=[place, folder / "primary" / "run"])
    subprocess.run(command, check=True, cwd="/", env=ENVIRONMENT)
    shutil.copy(folder / "primary" / "password", place)
    os.chmod(place / "password", 0o600)
    primary._give(place / "password")
    with EmbeddedPostgres(place, settings=UNSAFE) as server:
        yield server


@pytest.fixture
async def app(primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> AsyncIterator[FastAPI]:
    own, other = SecretStr(primary.url()), SecretStr(standby.url())
    settings = Settings(_env_file=None, worker=False, replica_max_lag=60, database_url=own, replica_url=other)
    app = create_app(settings)
    await migrate(app.state.database.engine)
    await replay(app, paused=False)
    yield app
    await close(app)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield client


async def replay(app: FastAPI, *, paused: bool) -> None:
    async with app.state.readers.replica.engine.connect() as connection:
        await connection.execute(text("select pg_wal_replay_pause()" if paused else "select pg_wal_replay_resume()"))
        state = None
        while state != ("paused" if paused else "not paused"):
            state = await connection.scalar(text("select pg_get_wal_replay_pause_state()"))


async def caught_up(app: FastAPI) -> Replica:
    """The replica, once it has replayed what was written until now."""
    replica: Replica = app.state.readers.replica
    await replica.check()
    since = replica.as_of if not replica._written else replica._written[-1][0]
    while replica.as_of < since:
        await replica.check()
    return replica


async def add(app: FastAPI, title: str) -> str:
    async with app.state.sessions.begin() as session:
        return f"/v1/posts/{(await make.post(session, title)).slug}"


BOTH_WAYS = pytest.mark.parametrize("what", ["", "/translations"], ids=["past the session", "by a session"])


@BOTH_WAYS
async def test_readers_are_sent_to_it_and_who_may_have_written_is_not(
    app: FastAPI, client: httpx.AsyncClient, what: str
) -> None:
    address = await add(app, f"Before{what}") + what
    replica = await caught_up(app)
    await replay(app, paused=True)
    later = await add(app, f"Later{what}") + what
    await replica.check()
    assert replica.is_fit()  # not for long, but less than it may be
    assert (await client.get(address)).status_code == 200
    assert (await client.get(later)).status_code == 404
    for own in ({"Authorization": "Bearer x"}, {"Cookie": f"{COOKIE}=x"}, {"Cache-Control": "no-cache"}):
        assert (await client.get(later, headers=own)).status_code == 200
    assert (await client.get(later, headers={"Cookie": "theme=dark"})).status_code == 404
    replica.as_of -= 61
    assert (await client.get(later)).status_code == 200  # too far behind
    await replay(app, paused=False)
    await caught_up(app)
    assert replica.is_fit()


async def test_no_process_goes_back_behind_what_it_has_heard_of(app: FastAPI, client: httpx.AsyncClient) -> None:
    hearing = asyncio.create_task(app.state.notices.run())
    await until(lambda: app.state.notices.listening)
    await caught_up(app)
    await replay(app, paused=True)
    later = await add(app, "Heard of")
    await app.state.notices.catch_up()
    assert (await client.get(later)).status_code == 200
    await replay(app, paused=False)
    replica = await caught_up(app)
    assert replica.is_fit(app.state.store.changed_at)
    hearing.cancel()
    with suppress(asyncio.CancelledError):
        await hearing


async def test_an_answer_knows_of_when_it_is(app: FastAPI, client: httpx.AsyncClient) -> None:
    replica = await caught_up(app)
    await replay(app, paused=True)
    await add(app, "Unseen")
    before = replica.as_of
    for _ in range(3):
        await replica.check()
    assert replica.as_of == before  # as long as something is missing, however short the time
    request = httpx.Request("GET", "https://blog.example/v1/posts")
    assert (await client.send(request)).status_code == 200
    await replay(app, paused=False)
    await caught_up(app)
    assert replica.as_of > before


async def test_it_is_not_behind_when_nothing_happens(app: FastAPI) -> None:
    replica = await caught_up(app)
    before = replica.as_of
    await replica.check()
    assert replica.as_of > before


@BOTH_WAYS
async def test_without_it_readers_are_sent_to_the_primary_at_once(
    app: FastAPI, client: httpx.AsyncClient, standby: EmbeddedPostgres, what: str
) -> None:
    address = await add(app, f"Whatever happens{what}") + what
    replica = await caught_up(app)
    assert (await client.get(address)).status_code == 200
    await asyncio.to_thread(standby.stop)
    try:
        assert replica.is_fit()  # nobody knows yet
        assert (await client.get(address)).status_code == 200
        assert not replica.is_fit()
        await replica.check()
        assert not replica.is_fit()
    finally:
        await asyncio.to_thread(standby.start)
    await caught_up(app)
    assert replica.is_fit()


async def test_a_server_that_is_no_replica_is_left_out(primary: EmbeddedPostgres) -> None:
    url = SecretStr(primary.url())
    app = create_app(Settings(_env_file=None, worker=False, database_url=url, replica_url=url))
    await app.state.readers.replica.check()
    assert not app.state.readers.replica.is_fit()
    await close(app)
