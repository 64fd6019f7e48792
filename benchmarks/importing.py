"""What bringing in a blog costs: seconds of a processor, not of a clock."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import event

from benchmarks import alone, corpus, machine
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres, processes_on
from byline.core.markdown import render
from byline.core.settings import Settings
from byline.transfer import importing
from byline.transfer.markdown.reader import read_folder
from byline.transfer.report import Report

BATCH = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Imported:
    """Milliseconds and statements an article."""

    reading: float
    rendering: float
    rest: float
    postgres: float
    alone: float
    """What asyncpg takes to write the same rows."""
    statements: float

    @property
    def beyond_rendering(self) -> float:
        """Articles a second that one core would import if rendering cost nothing."""
        return 1000 / (self.reading + self.rest)

    @property
    def with_all(self) -> float:
        return 1000 / (self.reading + self.rendering + self.rest)


class Costs:
    """Seconds by part, and statements."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.statements = 0

    def timed(self, part: str, work: Callable[..., T]) -> Callable[..., T]:
        """The same work, its time noted: that of the thread that does it."""

        def timed(*arguments: Any) -> T:
            began = time.thread_time()
            try:
                return work(*arguments)
            finally:
                self.seconds[part] += time.thread_time() - began

        return timed

    def each(self, part: str, items: Iterator[T]) -> Iterator[T]:
        step = self.timed(part, lambda: next(items, None))
        while (item := step()) is not None:
            yield item

    @contextmanager
    def of(self, database: Database, data: Path) -> Iterator[None]:
        """All that this process and PostgreSQL do meanwhile."""

        def count(*_: object) -> None:
            self.statements += 1

        engine = database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", count)
        began, before = time.process_time(), of_postgres(data)
        yield
        self.seconds["all"] += time.process_time() - began
        self.seconds["postgres"] += of_postgres(data) - before
        event.remove(engine, "before_cursor_execute", count)


def of_postgres(data: Path) -> float:
    """Seconds that the server has computed, in processes that are there and in those that ended."""
    times = [process.cpu_times() for process in processes_on(data / "postgres" / "data")]
    return sum(part.user + part.system + part.children_user + part.children_system for part in times)


async def bring_in(database: Database, data: Path, folder: Path) -> tuple[Report, Costs]:
    costs = Costs()
    importing.render = costs.timed("rendering", render)  # type: ignore[attr-defined]
    with costs.of(database, data):
        read = costs.each("reading", iter(read_folder(folder)))
        found = importing.import_documents(database.sessions, "corpus", read, language="en", dry_run=False)
        items = [item async for item in found]
    importing.render = render  # type: ignore[attr-defined]
    return Report.of(items), costs


async def _measure(server: EmbeddedPostgres, data: Path, folder: Path, posts: int) -> Imported:
    database = Database(Settings(_env_file=None, data_dir=data, database_url=SecretStr(server.url())))
    report, costs = await bring_in(database, data, folder)
    await database.close()
    if report.created != posts:
        raise RuntimeError(f"not all were imported: {report.items}")
    await alone.install(machine.address_of(data))
    by_asyncpg = await alone.bring_in(machine.address_of(data), max(1, posts // BATCH))
    seconds = costs.seconds
    rest = seconds["all"] - seconds["rendering"] - seconds["reading"]
    parts = (seconds["reading"], seconds["rendering"], rest, seconds["postgres"], by_asyncpg)
    reading, rendering, rest, postgres, asyncpg = [part / posts * 1000 for part in parts]
    return Imported(reading, rendering, rest, postgres, asyncpg, costs.statements / posts)


def measure(data: Path, folder: Path, posts: int) -> Imported:
    """Brings so many articles of the corpus into a database that has none."""
    corpus.write(folder, posts)
    with EmbeddedPostgres(data / "postgres") as server, machine.on(machine.SERVER):
        return asyncio.run(_measure(server, data, folder, posts))
