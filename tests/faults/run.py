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
from tests.faults.writers import PAUSE, Book, Kept, Writer
from tests.test_cli import free_port
from tests.webhooks.conftest import receiving

SETTINGS = {"BYLINE_WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8"]', "BYLINE_RATE_LIMIT_USER": "100000/minute"}
BETWEEN = 2.0  # seconds from when the server answers to the next kill, on average
PATIENCE = 900.0  # seconds until all is quiet: a lost worker is found out after a minute and a half


@dataclass
class Report:
    figures: dict[str, object] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> str:
        lines = [f"{name:<28} {value}" for name, value in self.figures.items()]
        return "\n".join([*lines, *(f"WRONG: {wrong}" for wrong in self.wrongs), "" if self.wrongs else "nothing lost"])


@dataclass(frozen=True)
class Scene:
    sessions: Sessions
    client: httpx.AsyncClient
    server: Program
    worker: Program
    inbox: Inbox


@asynccontextmanager
async def stage(url: str, folder: Path, seed: int) -> AsyncIterator[Scene]:
    """Server and worker, a client with every scope, and a receiver that is told of everything."""
    port = free_port()
    settings = {**SETTINGS, "BYLINE_DATABASE_URL": url}
    server = Program(folder, settings, "serve", "--no-worker", "--no-demo", "--port", str(port))
    worker = Program(folder, settings, "worker")
    database = Database(Settings(_env_file=None, database_url=SecretStr(url)))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await migrate(database.engine)
        inbox = Inbox(await stack.enter_async_context(receiving()), random.Random(seed))
        async with database.sessions.begin() as session:
            token = await make.token(session, scopes=list(Scope))
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)
        await stack.enter_async_context(client)
        for program in (server, worker):
            await program.start()
            stack.push_async_callback(program.kill)
        await answers(client)
        new = {"url": inbox.receiver.url, "event_types": ["*"]}
        inbox.secret = (await client.post("/v1/manage/webhooks", json=new)).raise_for_status().json()["secret"]
        yield Scene(database.sessions, client, server, worker, inbox)


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
    """With `own_rescue` the last kill is one of the worker, and the jobs of lost workers are taken back at once then,
    not when the product finds out.
    """
    began = time.monotonic()
    book = Book()
    async with stage(url, folder, seed) as scene:
        dice = random.Random(seed)
        people = [Writer(scene.client, f"Writer {n}", random.Random(f"{seed} {n}"), book) for n in range(writers)]
        followers = [Replica(scene.client), Replica(scene.client)]
        await busy(people, followers[0], killing(scene, kills - own_rescue, dice, between, say))
        say(f"the last kill was after {time.monotonic() - began:.0f} s; waiting until all is quiet")
        if own_rescue:
            await scene.worker.kill()
            async with scene.sessions.begin() as session:
                await jobs.rescue(session, lost_after=0)
            await scene.worker.start()
        async with asyncio.timeout(PATIENCE):
            while not await checks.is_at_rest(scene.sessions):  # noqa: ASYNC110 -- it is the database that comes to rest
                await asyncio.sleep(PAUSE)
        report = await judge(scene, book, followers, [post for one in people for post in one.posts])
    report.figures |= {"seed": seed, "wall time, seconds": round(time.monotonic() - began)}
    return report


async def judge(scene: Scene, book: Book, followers: list[Replica], posts: list[Kept]) -> Report:
    events = await checks.all_events(scene.client)
    inbox = scene.inbox
    wrongs = [*book.wrongs, *await checks.lost_saves(scene.sessions, book), *checks.untold_events(events, inbox)]
    wrongs += await checks.jobs_that_did_not_succeed(scene.sessions)
    wrongs += await checks.wrongly_shown(followers, posts, book)
    figures: dict[str, object] = {
        "kills of the server": scene.server.kills,
        "kills of the worker": scene.worker.kills,
        "answers to writers": book.answers,
        "requests sent again": book.repeats,
        "saves acknowledged": len(book.saves),
        "events": len(events),
        "messages told": inbox.messages,
        "deliveries": inbox.arrivals,
        "answered with 500": inbox.refused,
        "duplicates": inbox.arrivals - inbox.messages - inbox.refused,
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
    scene: Scene, kills: int, dice: random.Random, between: float, say: Callable[[str], None]
) -> AsyncIterator[None]:
    """One process or both; mostly at work, at times when they have hardly begun."""
    programs = [scene.server, scene.worker]
    done = 0
    while done < kills:
        if dice.random() < 0.15:
            await asyncio.sleep(dice.uniform(0, 0.3))
        else:
            await answers(scene.client)
            await asyncio.sleep(dice.uniform(0, 2) * between)
        [victims] = dice.choices([programs[:1], programs[1:], programs], [4, 4, 2])
        await asyncio.gather(*(victim.restart() for victim in victims[: kills - done]))
        done += len(victims[: kills - done])
        say(f"{done} kills")
        yield
