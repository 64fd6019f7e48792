"""How fast Byline answers what is not in its memory, against asyncpg in a bare ASGI application.

    python -m benchmarks.uncached [--posts 2000 --posts 100000] [--seconds 5] [--rounds 3]

Makes a PostgreSQL in a scratch folder and a corpus of each size in it by SQL; serves each by one process on the first
core, while PostgreSQL and `wrk` have the second. The rounds are interleaved; what counts are the ratios of one run.
"""

import argparse
import asyncio
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.bare import DOCUMENTS
from benchmarks.rows import ROWS, bodies
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings

SERVER_CORE, OTHER_CORE = 0, 1
PRODUCTION = {
    "BYLINE_ENVIRONMENT": "production",
    "BYLINE_SECRET_KEY": "of a benchmark, and 32 characters long",
    "BYLINE_WORKER": "false",
}
ASKED = 500
"""So many posts are asked for, in turn."""


async def make_database(postgres: EmbeddedPostgres, posts: int) -> str:
    name = f"byline_{posts}"
    admin = create_async_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        exists = await connection.scalar(text("select 1 from pg_database where datname = :name"), {"name": name})
        if not exists:
            await connection.execute(text(f"create database {name}"))
    await admin.dispose()
    if not exists:
        database = Database(Settings(_env_file=None, database_url=SecretStr(postgres.url(name))))
        await migrate(database.engine)
        async with database.engine.begin() as connection:
            await connection.execute(text("create temporary table bodies (number int primary key, html text)"))
            await connection.execute(
                text("insert into bodies values (:number, :html)"),
                [{"number": number, "html": html} for number, html in enumerate(bodies())],
            )
            for statement in ROWS:
                await connection.execute(text(statement), {"posts": posts} if ":posts" in statement else {})
            for statement in DOCUMENTS:
                await connection.execute(text(statement), {"step": posts // ASKED})
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("vacuum analyze"))
        await database.close()
    return postgres.url(name)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def served(app: list[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    port = free_port()
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "uvicorn", *app, "--port", str(port)]
    options = ["--no-access-log", "--no-proxy-headers", "--log-level", "warning"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *options], env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def cpu_of(port: int) -> float:
    """Seconds that the process which listens there has had of a core."""
    found = next(
        it for it in psutil.net_connections("tcp") if it.laddr[1:] == (port,) and it.status == psutil.CONN_LISTEN
    )
    times = psutil.Process(found.pid).cpu_times()
    return times.user + times.system


def settle(port: int) -> None:
    """Waits until the process that listens there rests: at the start it puts all posts into the search index."""
    spent = -1.0
    while cpu_of(port) - spent > 0.05:
        spent = cpu_of(port)
        time.sleep(1)


def wrk(port: int, path: str, posts: int, *, seconds: int, connections: int, folder: Path) -> float:
    """Requests a second; `{slug}` in the path is another post with each request."""
    pattern = path.replace("{slug}", "post-%d")
    script = folder / "wrk.lua"
    body = f'string.format("{pattern}", (n % {ASKED} + 1) * {posts // ASKED})' if "{slug}" in path else f'"{path}"'
    script.write_text(f'local n = 0\nrequest = function() n = n + 1; return wrk.format("GET", {body}) end\n')
    command = ["taskset", "-c", str(OTHER_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    command += ["-H", "Cache-Control: no-cache"]  # or Byline would answer from memory
    said = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{path}: {said}")
    found = re.search(r"Requests/sec:\s*([0-9.]+)", said)
    assert found
    return float(found[1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--posts", type=int, action="append", help="the size of a corpus; may be repeated")
    arguments.add_argument("--seconds", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--connections", type=int, default=16)
    arguments.add_argument("--folder", type=Path, help="keeps the corpora for another run")
    given = arguments.parse_args()
    sizes: list[int] = given.posts or [2000, 100_000]
    os.sched_setaffinity(0, {OTHER_CORE})  # inherited by PostgreSQL
    folder = given.folder or Path(tempfile.mkdtemp(prefix="byline-uncached-"))
    settings = {"shared_buffers": "1GB", "max_wal_size": "4GB", "fsync": "off"}
    try:
        with ExitStack() as stack:
            postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres", settings=settings))
            targets: dict[str, tuple[int, str, int]] = {}
            for posts in sizes:
                url = asyncio.run(make_database(postgres, posts))
                environment = {**PRODUCTION, "BYLINE_DATABASE_URL": url, "BYLINE_DATA_DIR": str(folder / str(posts))}
                bare = stack.enter_context(served(["benchmarks.bare:app"], environment, folder / "bare.log"))
                whole = ["--factory", "byline.app:create_app"]
                byline = stack.enter_context(served(whole, environment, folder / "byline.log"))
                targets |= {
                    f"{posts}: bare, nothing": (bare, "/nothing", posts),
                    f"{posts}: bare post, stored": (bare, "/stored/{slug}", posts),
                    f"{posts}: bare post, joined": (bare, "/joined/{slug}", posts),
                    f"{posts}: Byline post": (byline, "/v1/posts/{slug}", posts),
                    f"{posts}: bare list": (bare, "/list", posts),
                    f"{posts}: Byline list": (byline, "/v1/posts", posts),
                }
            for port, path, posts in targets.values():
                settle(port)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}".format(slug=f"post-{posts // ASKED}")):
                    pass
                wrk(port, path, posts, seconds=1, connections=given.connections, folder=folder)
            rates: dict[str, list[float]] = {name: [] for name in targets}
            costs: dict[str, list[float]] = {name: [] for name in targets}
            for _ in range(given.rounds):
                for name, (port, path, posts) in targets.items():
                    before = cpu_of(port)
                    rate = wrk(port, path, posts, seconds=given.seconds, connections=given.connections, folder=folder)
                    rates[name].append(rate)
                    costs[name].append((cpu_of(port) - before) / (rate * given.seconds) * 1e6)
            print("load of the machine:", *os.getloadavg())
            report(rates, costs, sizes)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


def report(rates: dict[str, list[float]], costs: dict[str, list[float]], sizes: list[int]) -> None:
    rate = {name: statistics.median(found) for name, found in rates.items()}
    cost = {name: statistics.median(found) for name, found in costs.items()}
    for name, found in rates.items():
        rounds = " ".join(f"{one:.0f}" for one in found)
        print(f"{name:28} {rate[name]:8.0f}/s {cost[name]:8.0f} us of the server's core   ({rounds})")
    for posts in sizes:
        for what, bare in (("post", "post, stored"), ("post", "post, joined"), ("list", "list")):
            own, other = f"{posts}: Byline {what}", f"{posts}: bare {bare}"
            print(f"{own} / bare {bare}: {rate[own] / rate[other]:.2f} (by the core {cost[other] / cost[own]:.2f})")
    for posts in sizes[1:]:
        for what in ("post", "list"):
            own, other = f"{posts}: Byline {what}", f"{sizes[0]}: Byline {what}"
            print(f"{own} / at {sizes[0]}: {rate[own] / rate[other]:.2f} (by the core {cost[other] / cost[own]:.2f})")


if __name__ == "__main__":
    main()
