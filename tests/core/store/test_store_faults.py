"""Answers from memory while the database, or the way to it, fails."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from byline.app import create_app
from byline.core import notices
from byline.core.database import Database
from byline.core.delivery import STALE
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.posts.models import Post
from tests import make
from tests.conftest import Sessions
from tests.core.store.applications import hits, reader, running, url_of
from tests.waiting import until


async def test_where_the_database_cannot_say_until_when_nothing_is_kept(
    written: Sessions, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with written.begin() as session:
        await make.post(session, "First")
    async with running(url_of(database), database_pool_size=1) as app, reader(app) as client:
        async with app.state.sessions.begin() as session:  # which has the one connection
            await session.execute(text("select 1"))
            monkeypatch.setattr(app.state.database.engine.sync_engine.pool, "_timeout", 0.05)
            for _ in range(2):
                answer, was_hit = await hits(app, client.get("/v1/posts/first"))
                assert answer.status_code == 200 and not was_hit
        monkeypatch.undo()
        await client.get("/v1/posts/first")
        assert (await hits(app, client.get("/v1/posts/first")))[1]


async def test_while_nothing_is_heard_nothing_comes_from_memory(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = text(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'byline notices' and datname = current_database()"
    )
    async with reader(one) as client:
        for number in range(3):
            await client.get("/v1/posts/first")
            async with written.begin() as session:
                assert any(await session.scalars(end))
            async with written.begin() as session:
                await session.execute(text("update posts set title = 'Cut ' || :n"), {"n": str(number)})
            await until(lambda: not one.state.notices.listening)
            for _ in range(3):
                answer = await client.get("/v1/posts/first")
                assert answer.json()["title"] == f"Cut {number}"
            await until(lambda: one.state.store.is_open)
            await client.get("/v1/posts/first")
            answer, was_hit = await hits(one, client.get("/v1/posts/first"))
            assert was_hit and answer.json()["title"] == f"Cut {number}"


async def test_a_connection_that_is_gone_without_a_word_is_found_out(
    one: FastAPI, post: Post, written: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing comes through it any more, and nobody says so."""
    monkeypatch.setattr(notices, "HEARTBEAT", 0.2)
    async with reader(one) as client:
        await client.get("/v1/posts/first")
        process = text(
            "select pid from pg_stat_activity"
            " where application_name = 'byline notices' and datname = current_database()"
        )
        async with written.begin() as session:
            pids = (await session.scalars(process)).all()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: not one.state.notices.listening)
            async with written.begin() as session:
                await session.execute(text("update posts set title = 'Unheard'"))
            assert (await client.get("/v1/posts/first")).json()["title"] == "Unheard"
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        await until(lambda: one.state.store.is_open)


async def test_a_pooler_in_between_is_found_out(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """It tells its clients ids that are no process of the database, and gives their notices to others."""

    class Pooled(asyncpg.Connection):  # type: ignore[misc]
        def get_server_pid(self) -> int:
            return 1

    app = create_app(Settings(_env_file=None, database_url=SecretStr(url_of(database)), worker=False))
    app.state.notices._address["connection_class"] = Pooled
    async with app.router.lifespan_context(app), reader(app) as client:
        await until(lambda: any("BYLINE_LISTEN_DATABASE_URL" in record.getMessage() for record in caplog.records))
        for _ in range(2):
            assert (await client.get("/v1/tags")).status_code == 200
        assert app.state.store.hits == 0 and not app.state.store.is_open


async def goes_on_reading(app: FastAPI, client: httpx.AsyncClient) -> None:
    """What is given while the database is away."""
    known = await client.get("/v1/posts/first")
    assert known.status_code == 200 and known.json()["title"] == "First"
    assert known.headers["cache-status"] == STALE.decode() and int(known.headers["age"]) >= 0
    unchanged = await client.get("/v1/posts/first", headers={"If-None-Match": known.headers["etag"]})
    assert unchanged.status_code == 304 and "age" in unchanged.headers
    assert (await client.get("/v1/posts/second")).status_code == 503  # that nobody had asked for
    for own in ({"Authorization": "Bearer x"}, {"Cache-Control": "no-cache"}):
        assert (await client.get("/v1/posts/first", headers=own)).status_code == 503
    app.state.store.stale, allowed = 0, app.state.store.stale
    assert (await client.get("/v1/posts/first")).status_code == 503
    app.state.store.stale = allowed


async def test_after_a_restart_of_the_database_nothing_is_old(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    server.start()
    try:
        settings = Settings(_env_file=None, database_url=SecretStr(server.url()))
        database = Database(settings)
        await migrate(database.engine)
        async with database.sessions.begin() as session:
            await make.post(session, "First")
        async with running(server.url()) as app, reader(app) as client:
            await client.get("/v1/posts/first")
            assert (await hits(app, client.get("/v1/posts/first")))[1]
            await database.close()
            await asyncio.to_thread(server.stop)
            await until(lambda: not app.state.notices.listening)
            await goes_on_reading(app, client)
            await asyncio.to_thread(server.start)
            async with database.sessions.begin() as session:
                await session.execute(text("update posts set title = 'Restarted'"))
            restarted = await client.get("/v1/posts/first")
            assert restarted.json()["title"] == "Restarted" and "age" not in restarted.headers
            await until(lambda: app.state.store.is_open)
            await client.get("/v1/posts/first")
            answer, was_hit = await hits(app, client.get("/v1/posts/first"))
            assert was_hit and answer.json()["title"] == "Restarted"
        await database.close()
    finally:
        server.stop()
