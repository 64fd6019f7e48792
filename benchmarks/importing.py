"""`python -m benchmarks.importing`: what bringing in a post costs, and creating, saving and publishing one.

Costs are seconds of a processor, not of a clock: of the process that works, split into reading the files, rendering
and all the rest, and beside it those of PostgreSQL.
"""

import argparse
import asyncio
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from pydantic import SecretStr
from sqlalchemy import event

from benchmarks import corpus, machine
from byline.app import create_app
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres, processes_on
from byline.core.markdown import render
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.transfer import importing
from byline.transfer.markdown.reader import read_folder
from byline.transfer.report import Report

RENDERED = {"create": 1, "save": 1, "publish": 0, "save, live": 1}
"""How often each step renders; of a live post, the answer to who saved it."""

RESULTS = Path(__file__).parent / "results" / "importing.md"
PORT = 8781
T = TypeVar("T")


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


def of_server() -> float:
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "serve" in line and str(PORT) in line:
            times = process.cpu_times()
            return times.user + times.system
    raise RuntimeError("nobody serves")


def steps(markdown: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What is done to each post in turn: creating, saving and publishing it."""
    return [
        ("create", "", {"title": "Written", "markdown": markdown}),
        ("save", "", {"markdown": markdown + "\nOne line more.\n"}),
        ("publish", "/publish", {}),
        ("save, live", "", {"markdown": markdown + "\nTwo lines more.\n"}),
    ]


async def write(client: httpx.AsyncClient, count: int, spent: Callable[[], float]) -> dict[str, float]:
    """Of each step what was spent, for all posts together. Step by step, for clocks of processes tick slowly."""
    email, password = machine.OWNER
    token = (await client.post("/v1/auth/token", data={"username": email, "password": password})).raise_for_status()
    client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
    spending: dict[str, float] = {}
    posts: list[httpx.Response | None] = [None] * count
    plans = [steps(source.partition("---\n\n")[2]) for _, source in corpus.articles(count)]
    for number in range(len(plans[0])):
        name, began = plans[0][number][0], spent()
        for index, plan in enumerate(plans):
            _, path, body = plan[number]
            made = posts[index]
            if made is None:
                answer = await client.post("/v1/manage/posts", json=body)
            else:
                method = "POST" if path else "PATCH"
                address = f"/v1/manage/posts/{made.json()['id']}{path}"
                answer = await client.request(method, address, json=body, headers={"If-Match": made.headers["etag"]})
            posts[index] = answer.raise_for_status()
        spending[name] = spent() - began
    return spending


async def served(place: Path, count: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of the server and of PostgreSQL by step."""
    both: list[dict[str, float]] = []
    for spent in (of_server, lambda: of_postgres(place / "data")):
        with machine.serving(place, PORT) as (address, _):
            async with httpx.AsyncClient(base_url=address, timeout=60) as client:
                await write(client, 5, spent)
                both.append(await write(client, count, spent))
    return both[0], both[1]


async def statements(settings: Settings) -> dict[str, float]:
    """Of each step, without BEGIN and COMMIT."""
    app, sent = create_app(settings), Counter[str]()
    event.listen(app.state.database.engine.sync_engine, "before_cursor_execute", lambda *_: sent.update(["all"]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        found = await write(client, 1, lambda: sent["all"])
    await app.state.readers.close()
    await app.state.database.close()
    return found


def settings_of(data: Path, server: EmbeddedPostgres) -> Settings:
    return Settings(_env_file=None, data_dir=data, database_url=SecretStr(server.url()))


async def imports(data: Path, folder: Path, posts: int) -> list[str]:
    with EmbeddedPostgres(data / "postgres") as server:
        database = Database(settings_of(data, server))
        await migrate(database.engine)
        lines = [
            "| import | beyond the rendering | with it | reading | rendering | all else | PostgreSQL | statements |"
        ]
        lines += ["|---|--:|--:|--:|--:|--:|--:|--:|"]
        for name in ("all new", "nothing new"):
            report, costs = await bring_in(database, data, folder)
            if report.created + report.unchanged != posts:
                raise RuntimeError(f"not all were imported: {report.items}")
            lines.append(row(name, costs, posts))
        await database.close()
    return lines


def row(name: str, costs: Costs, posts: int) -> str:
    """Posts a second of one core; milliseconds and statements a post."""
    seconds = costs.seconds
    beyond = seconds["all"] - seconds["rendering"]
    each = [seconds["reading"], seconds["rendering"], beyond - seconds["reading"], seconds["postgres"]]
    parts = [f"**{posts / beyond:,.0f}**", f"{posts / seconds['all']:,.0f}"]
    parts += [f"{one / posts * 1000:.2f}" for one in each] + [f"{costs.statements / posts:.2f}"]
    return f"| {name} | {' | '.join(parts)} |"


def writes(place: Path, count: int) -> list[str]:
    email, password = machine.OWNER
    stdin = f"{password}\n"
    machine.byline(place / "data", "create-owner", "--email", email, "--name", "Owner", "--password-stdin", stdin=stdin)
    server, postgres = asyncio.run(served(place, count))
    with EmbeddedPostgres(place / "data" / "postgres") as running:
        sent = asyncio.run(statements(settings_of(place / "data", running)))
    rendered = rendering(count) * 1000
    lines = ["| by the API | server, ms | of it rendering | PostgreSQL, ms | statements |", "|---|--:|--:|--:|--:|"]
    for name in server:
        each = server[name] / count * 1000, rendered * RENDERED[name], postgres[name] / count * 1000
        lines.append(f"| {name} | {' | '.join(f'{one:.2f}' for one in each)} | {sent[name]:.0f} |")
    return lines


def rendering(count: int) -> float:
    """Seconds for one article."""
    sources = [source.partition("---\n\n")[2] for _, source in corpus.articles(count)]
    began = time.process_time()
    for source in sources:
        render(source)
    return (time.process_time() - began) / count


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description=__doc__)
    parser.add_argument("--posts", type=int, default=2000)
    parser.add_argument("--written", type=int, default=200, help="by the API")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="byline-importing-") as folder:
        place = Path(folder).resolve()
        place.chmod(0o755)
        corpus.write(place / "articles", options.posts)
        lines = [f"# {options.posts:,} posts, {datetime.now(UTC):%Y-%m-%d}", ""]
        lines += [f"- {name}: {value}" for name, value in machine.facts().items()]
        lines += ["", *asyncio.run(imports(place / "data", place / "articles", options.posts))]
        lines += ["", *writes(place, options.written), ""]
    print("\n".join(lines))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines))


main()
