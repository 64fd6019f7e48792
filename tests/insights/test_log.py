import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select, text

from benchmarks.related import index
from byline.app import create_app
from byline.core.jobs import TaskContext
from byline.core.mail import create_mailer
from byline.core.pagination import encode_cursor
from byline.core.settings import Settings
from byline.insights import log as log_module
from byline.insights import service
from byline.insights.log import InvalidClickToken, SearchLog
from byline.insights.models import UNNAMED, ClickCount, SearchCount
from byline.insights.tasks import forget
from byline.search.directory import IndexDirectory
from tests import make
from tests.conftest import Sessions, close

DAY = date(2026, 3, 1)
On = Callable[[str], None]


async def counted(sessions: Sessions) -> dict[tuple[str, str], tuple[int, int]]:
    async with sessions.begin() as session:
        rows = await session.scalars(select(SearchCount))
        return {(str(row.day), row.query): (row.searches, row.without_hit) for row in rows}


async def clicked(sessions: Sessions) -> dict[tuple[str, str, int], int]:
    async with sessions.begin() as session:
        return {
            (str(row.day), row.query, row.position): row.clicks for row in await session.scalars(select(ClickCount))
        }


async def test_searches_add_up_by_day(log: SearchLog, committing: Sessions, on: On) -> None:
    on("2026-03-01")
    for typed, was_found in (("Rust", True), (" rust ", True), ("cobol", False)):
        log.note_search(typed, was_found=was_found)
    assert await counted(committing) == {}, "a search waits for no writing"
    await log.flush()
    log.note_search("RUST", was_found=False)
    on("2026-03-02")
    log.note_search("rust", was_found=True)
    await log.flush()
    await log.flush()
    assert await counted(committing) == {
        ("2026-03-01", "rust"): (3, 1),
        ("2026-03-01", "cobol"): (1, 1),
        ("2026-03-02", "rust"): (1, 0),
    }


async def test_a_search_is_counted_by_its_first_page_and_clicks_by_place(
    app: FastAPI, anybody: httpx.AsyncClient, log: SearchLog, committing: Sessions, on: On, tmp_path: Path
) -> None:
    on("2026-03-01")
    before, app.state.search = app.state.search, IndexDirectory(tmp_path / "search")
    async with committing.begin() as session:
        for number in range(3):
            await make.post(session, f"Measure {number}")
    await index(committing, app.state.search)
    page = (await anybody.get("/v1/search?q=Measure&limit=2")).json()
    following = (await anybody.get("/v1/search", params={"q": "Measure", "cursor": page["next_cursor"]})).json()
    assert len(following["data"]) == 1
    assert (await anybody.get("/v1/search?q=zzzzzzz")).json()["total"] == 0
    assert (await anybody.get("/v1/search?q=Measure&limit=x")).status_code == 422
    await anybody.get("/v1/search/suggest?q=meas")
    for token, position in ((page["click_token"], 2), (page["click_token"], 2), (following["click_token"], 3)):
        answer = await anybody.post("/v1/search/clicks", json={"token": token, "position": position})
        assert (answer.status_code, answer.content) == (204, b"")
    await log.flush()
    assert await counted(committing) == {("2026-03-01", "measure"): (1, 0), ("2026-03-01", "zzzzzzz"): (1, 1)}
    assert await clicked(committing) == {("2026-03-01", "measure", 2): 1, ("2026-03-01", "measure", 3): 1}
    app.state.search = before


async def test_forged_and_old_tokens_are_refused(anybody: httpx.AsyncClient, log: SearchLog, on: On) -> None:
    on("2026-03-01")
    token = log.click_token("rust")
    assert token is not None
    cursor = encode_cursor("search:relevance", None, 20, log._secret)
    for wrong in ("", "x", "é", token[:-1], token[1:], token + "A", cursor, token.swapcase()):
        answer = await anybody.post("/v1/search/clicks", json={"token": wrong, "position": 1})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_click_token"), wrong
    for position in (0, 1001, "one", None, 10**30):
        assert (await anybody.post("/v1/search/clicks", json={"token": token, "position": position})).status_code == 422
    on("2026-03-02")
    log.note_click(token, 1)
    on("2026-03-03")
    with pytest.raises(InvalidClickToken):
        log.note_click(token, 2)
    assert log._counts.clicks == {(DAY, "rust", 1): 1}, "counted on the day of the search"


async def test_nothing_personal_reaches_the_database(log: SearchLog, committing: Sessions) -> None:
    secrets = ["ada@example.com", "+49 170 1234567", "4111111111111111", "x" * 201]
    for typed in secrets:
        log.note_search(typed, was_found=False)
        token = log.click_token(typed)
        assert token is not None
        log.note_click(token, 1)
    await log.flush()
    assert [key[1] for key in await counted(committing)] == [UNNAMED]
    assert list((await clicked(committing)).values()) == [4]
    async with committing.begin() as session:
        names = await session.scalars(
            text("select column_name from information_schema.columns where table_name ~ '^search_c'")
        )
        assert set(names) == {"day", "query", "searches", "without_hit", "position", "clicks"}


async def test_a_flood_is_bounded(
    log: SearchLog, committing: Sessions, monkeypatch: pytest.MonkeyPatch, on: On
) -> None:
    on("2026-03-01")
    monkeypatch.setattr(log_module, "MOST_WAITING", 20)
    monkeypatch.setattr(log_module, "MOST_REMEMBERED", 10)
    monkeypatch.setattr(service, "MOST_A_DAY", 30)
    for round_ in range(3):
        for number in range(50):
            log.note_search(f"word {round_} {number}", was_found=True)
            token = log.click_token(f"word {round_} {number}")
            assert token is not None
            log.note_click(token, 1)
        assert len(log._counts.searches) <= 21 and len(log._counts.clicks) <= 21 and len(log._clicked) <= 10
        await log.flush()
    found = await counted(committing)
    assert len(found) <= 31 and sum(searches for searches, _ in found.values()) == 150
    assert sum((await clicked(committing)).values()) == 150
    log.note_search("word 0 0", was_found=True)  # what is known is counted on
    await log.flush()
    assert (await counted(committing))["2026-03-01", "word 0 0"] == (2, 0)


async def test_what_cannot_be_written_waits(log: SearchLog, committing: Sessions, settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": SecretStr("postgresql+asyncpg://x@127.0.0.1:1/x")})
    broken = create_app(away)
    broken.state.search_log.note_search("rust", was_found=True)
    await broken.state.search_log.flush()
    assert broken.state.search_log._counts.searches.total() == 1
    await close(broken)
    async with committing.begin() as session:  # somebody holds the table, and the process is told to stop meanwhile
        await session.execute(text("lock table search_counts"))
        log.note_search("rust", was_found=True)
        flushing = asyncio.create_task(log.flush())
        waiting = text("select count(*) from pg_locks where not granted and relation = 'search_counts'::regclass")
        while not await session.scalar(waiting):  # noqa: ASYNC110 -- no event
            await asyncio.sleep(0.01)
        flushing.cancel()
        with suppress(asyncio.CancelledError):
            await flushing
    await log.flush()
    assert [searches for searches, _ in (await counted(committing)).values()] == [1]


async def test_the_rest_is_written_when_the_process_stops(
    committing: Sessions, settings: Settings, tmp_path: Path
) -> None:
    app = create_app(settings.model_copy(update={"worker": False, "data_dir": tmp_path}))
    async with app.router.lifespan_context(app):
        app.state.search_log.note_search("rust", was_found=True)
    assert [query for _, query in await counted(committing)] == ["rust"]


async def test_two_processes_count_together(log: SearchLog, committing: Sessions, settings: Settings) -> None:
    other = SearchLog(committing, settings)
    for _ in range(5):
        for number in range(20):
            log.note_search(f"word {number}", was_found=True)
            other.note_search(f"word {19 - number}", was_found=False)
        await asyncio.gather(log.flush(), other.flush())
    assert set((await counted(committing)).values()) == {(10, 5)}


async def test_what_few_asked_is_forgotten(log: SearchLog, committing: Sessions, settings: Settings, on: On) -> None:
    for day, queries in (("2026-01-01", "often rare"), ("2026-01-02", "often"), ("2026-01-03", "often rare new")):
        on(day)
        for query in queries.split():
            log.note_search(query, was_found=query != "rare")
            token = log.click_token(query)
            assert token is not None
            log.note_click(token, 4)
    await log.flush()
    async with committing.begin() as session:
        await service.forget(session, date(2026, 1, 3))
    assert await counted(committing) == {
        ("2026-01-01", UNNAMED): (1, 1),
        **{(f"2026-01-0{day}", "often"): (1, 0) for day in (1, 2, 3)},
        ("2026-01-03", "rare"): (1, 1),
        ("2026-01-03", "new"): (1, 0),
    }
    assert (await clicked(committing))["2026-01-01", UNNAMED, 4] == 1
    assert sum((await clicked(committing)).values()) == 6
    await forget.run(TaskContext(committing, settings, create_mailer(settings)))
    assert {query for _, query in await counted(committing)} == {"often", UNNAMED}
    assert sum(searches for searches, _ in (await counted(committing)).values()) == 6


async def test_nothing_is_counted_where_that_is_switched_off(
    app: FastAPI, anybody: httpx.AsyncClient, log: SearchLog, committing: Sessions, settings: Settings
) -> None:
    token = log.click_token("rust")
    app.state.search_log = off = SearchLog(committing, settings.model_copy(update={"search_log_days": 0}))
    off.note_search("rust", was_found=True)
    assert off.click_token("rust") is None
    assert (await anybody.post("/v1/search/clicks", json={"token": token, "position": 1})).status_code == 204
    await off.flush()
    assert await counted(committing) == {} == await clicked(committing)
