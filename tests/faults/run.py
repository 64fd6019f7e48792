"""One run: a load, a receiver, kills at random moments, a rest, and the checks."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from pydantic import SecretStr

from byline.accounts.caller import Scope
from byline.core.database import Database
from byline.core.jobs import Sessions
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.jobs import service as jobs
from tests import make
from tests.changes.replica import Replica
from tests.faults import checks
from tests.faults.processes import Program
from tests.faults.receiver import Inbox
from tests.faults.writers import PAUSE, Book, Writer
from tests.test_cli import free_port
from tests.webhooks.conftest import receiving

SETTINGS = {"BYLINE_WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8"]', "BYLINE_RATE_LIMIT_USER": "100000/minute"}
BETWEEN = 3.0  # seconds from one kill to the next, on average
PATIENCE = 900.0  # seconds until all is quiet: a lost worker is found out after a minute and a half


@dataclass
class Report:
    figures: dict[str, object] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> str:
        lines = [f"{name:<28} {value}" for name, value in self.figures.items()]
        return "\n".join([*lines, *(f"WRONG: {wrong}" for wrong in self.wrongs), "" if self.wrongs else "nothing lost"])


@asynccontextmanager
async def database(url: str) -> AsyncIterator[Sessions]:
    database = Database(Settings(_env_file=None, database_url=SecretStr(url)))
    await migrate(database.engine)
    yield database.sessions
    await database.close()


async def run(
    url: str,
    folder: Path,
    *,
    kills: int,
    seed: int,
    writers: int,
    between: float = BETWEEN,
    own_rescue: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """With `own_rescue` the last kill is one of the worker, and after it the jobs of lost workers are taken back at once,
    not when the product finds out.
    """
    began = time.monotonic()
    port = free_port()
    settings = {**SETTINGS, "BYLINE_DATABASE_URL": url}
    server = Program(folder, settings, "serve", "--no-worker", "--no-demo", "--port", str(port))
    worker = Program(folder, settings, "worker")
    async with AsyncExitStack() as stack:
        sessions = await stack.enter_async_context(database(url))
        inbox = Inbox(await stack.enter_async_context(receiving()), random.Random(seed))
        async with sessions.begin() as session:
            token = await make.token(session, scopes=list(Scope))
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, timeout=30
            )
        )
        for program in (server, worker):
            await program.start()
            stack.push_async_callback(program.kill)
        await answers(client)
        new = {"url": inbox.receiver.url, "event_types": ["*"]}
        inbox.secret = (await client.post("/v1/manage/webhooks", json=new)).raise_for_status().json()["secret"]
        book = Book()
        people = [Writer(client, f"Writer {n}", random.Random(f"{seed} {n}"), book) for n in range(writers)]
        followers = [Replica(client), Replica(client)]
        await busy(
            people, followers[0], killing([server, worker], kills - own_rescue, random.Random(seed), between, say)
        )
        said = f"after {time.monotonic() - began:.0f} s of kills: {book.answers} answers, {inbox.messages} messages"
        say(f"{said}; waiting until all is quiet")
        if own_rescue:
            await worker.kill()
            async with sessions.begin() as session:
                await jobs.rescue(session, lost_after=0)
            await worker.start()
        async with asyncio.timeout(PATIENCE):
            while not await checks.is_at_rest(sessions):  # noqa: ASYNC110 -- it is the database that comes to rest
                await asyncio.sleep(PAUSE)
        events = await checks.all_events(client)
        wrongs = [*book.wrongs, *await checks.lost_saves(sessions, book), *checks.untold_events(events, inbox)]
        wrongs += await checks.jobs_that_did_not_succeed(sessions)
        wrongs += await checks.wrongly_shown(followers, [post for one in people for post in one.posts], book)
        figures: dict[str, object] = {
            "seed": seed,
            "kills of the server": server.kills,
            "kills of the worker": worker.kills,
            "answers to writers": book.answers,
            "requests sent again": book.repeats,
            "saves acknowledged": len(book.saves),
            "events": len(events),
            "messages told": inbox.messages,
            "deliveries": inbox.arrivals,
            "answered with 500": inbox.refused,
            "duplicates": inbox.arrivals - inbox.messages - inbox.refused,
            "wall time, seconds": round(time.monotonic() - began),
        }
    return Report(figures, wrongs)


async def answers(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if (await client.get("/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass  # not yet
            await asyncio.sleep(PAUSE)


async def busy(people: list[Writer], follower: Replica, kills: AsyncIterator[None]) -> None:
    """Everybody works until the last kill; what they have begun they end."""
    over = asyncio.Event()

    async def follow() -> None:
        while not over.is_set():
            try:
                await follower.pull_all()
            except (httpx.TransportError, AssertionError):
                pass  # the server is gone, or new: the cursor stays where it was
            await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        for one in people:
            group.create_task(one.work(over.is_set))
        async for _ in kills:
            pass
        over.set()


async def killing(
    programs: list[Program], kills: int, dice: random.Random, between: float, say: Callable[[str], None]
) -> AsyncIterator[None]:
    """One process or both; mostly when it has had time to start, at times when it has not."""
    done = 0
    while done < kills:
        await asyncio.sleep(dice.uniform(0, 0.3) if dice.random() < 0.15 else dice.uniform(0.2, 2.2) * between)
        [victims] = dice.choices([programs[:1], programs[1:], programs], [4, 4, 2])
        await asyncio.gather(*(victim.restart() for victim in victims[: kills - done]))
        done += len(victims[: kills - done])
        if done // 20 > (done - len(victims)) // 20:
            say(f"{done} kills")
        yield
