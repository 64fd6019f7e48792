"""A Byline that searches: with its own index, as `byline serve` has it, on the database of the worker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from byline.core.events import CHANNEL, EventLog, number
from byline.core.notices import Notices
from byline.search.directory import IndexDirectory
from byline.search.feeder import Feeder
from byline.search.writing import state_of
from tests.conftest import Sessions
from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Node:
    """A process of `byline serve`, as far as search goes: the application of the worker with an index of its own."""

    app: FastAPI
    client: httpx.AsyncClient
    sessions: Sessions
    directory: IndexDirectory

    async def caught_up(self) -> None:
        """Returns when all that is committed by now is in the index."""
        async with self.sessions.begin() as session:
            await number(session)
            newest = select(func.max(EventLog.sequence)).where(EventLog.is_public)
            last = await session.scalar(newest) or 0

        async def has_it() -> bool:
            return await asyncio.to_thread(self._has, last)

        await until(has_it)

    async def rebuilt(self) -> None:
        """Returns when the index is made of all that is there."""
        self.directory.want_rebuild()

        async def is_done() -> bool:
            return not self.directory.is_rebuild_wanted

        await until(is_done)

    def _has(self, sequence: int) -> bool:
        opened = self.directory.open()
        state = None if opened is None else state_of(opened.index)
        return state is not None and state[0] // 2 >= sequence

    async def get(self, path: str = "", **parameters: Any) -> httpx.Response:
        self.app.state.search = self.directory
        return await self.client.get(f"/v1/search{path}", params=parameters)

    async def ask(self, q: str, **parameters: Any) -> dict[str, Any]:
        response = await self.get(q=q, **parameters)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def titles(self, q: str, **parameters: Any) -> list[str]:
        return [hit["title"] for hit in (await self.ask(q, **parameters))["data"]]


Start = Callable[[Path], AbstractAsyncContextManager[Node]]


@pytest.fixture
async def start(app: FastAPI, committing: Sessions) -> AsyncIterator[Start]:
    """Starts a node with its data in that folder; several on one folder are processes of one node."""
    before: IndexDirectory = app.state.search

    @asynccontextmanager
    async def started(folder: Path) -> AsyncIterator[Node]:
        directory = IndexDirectory(folder / "search")
        notices = Notices(app.state.settings)
        feeder = Feeder(committing, notices.heard(CHANNEL), directory)
        tasks = [asyncio.create_task(notices.run()), asyncio.create_task(feeder.run())]
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://blog.example") as client:
            yield Node(app, client, committing, directory)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    yield started
    app.state.search = before


@pytest.fixture
async def node(start: Start, tmp_path: Path) -> AsyncIterator[Node]:
    async with start(tmp_path) as node:
        yield node
