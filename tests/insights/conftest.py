from collections.abc import AsyncIterator, Callable
from datetime import date

import httpx
import pytest
from fastapi import FastAPI

from byline.core.settings import Settings
from byline.insights.log import SearchLog
from tests.conftest import Sessions


@pytest.fixture
async def log(app: FastAPI, settings: Settings, committing: Sessions) -> AsyncIterator[SearchLog]:
    """That of the application, empty."""
    before = app.state.search_log
    app.state.search_log = SearchLog(committing, settings)
    yield app.state.search_log
    app.state.search_log = before


@pytest.fixture
async def anybody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Without the transaction of `client`."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield client


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the clock of the log to a day."""

    def set_day(day: str) -> None:
        monkeypatch.setattr(SearchLog, "_today", lambda _: date.fromisoformat(day))

    return set_day
