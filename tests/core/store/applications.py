"""Applications that keep answers in memory, and those who ask them."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from byline.app import create_app
from byline.core.database import Database
from byline.core.settings import Settings
from tests.waiting import PATIENCE, until


@asynccontextmanager
async def running(url: str, **settings: Any) -> AsyncIterator[FastAPI]:
    """An application that has begun to listen."""
    app = create_app(
        Settings(
            _env_file=None,
            database_url=SecretStr(url),
            site_url="https://blog.example",
            worker=False,
            read_timeout=PATIENCE,
            **settings,
        )
    )
    async with app.router.lifespan_context(app):
        await until(lambda: app.state.store.is_open or not app.state.store.limit)
        yield app


def reader(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="https://blog.example",
        headers={"Accept-Encoding": "identity", **headers},
    )


def url_of(database: Database) -> str:
    return database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


async def hits(app: FastAPI, ask: Awaitable[httpx.Response]) -> tuple[httpx.Response, bool]:
    """The answer, and whether it came from memory."""
    before = app.state.store.hits
    answer = await ask
    return answer, app.state.store.hits > before
