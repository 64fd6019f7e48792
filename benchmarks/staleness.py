"""`python -m benchmarks.staleness`: for how long after a publication readers see what was before it.

Several processes serve on one socket, under load. One client publishes; others read the newest post, each over a
connection of its own, so each from one process. A publication counts from when its event was written, a little before
its commit; an answer counts by when it was asked for. So what is told here is rather too much than too little.
"""

import argparse
import asyncio
import bisect
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import httpx
import psutil

from benchmarks import corpus, machine, results
from benchmarks.machine import Server

PATIENCE = 60.0  # seconds: all processes share a core with the load
ONE = httpx.Limits(max_connections=1)
NEWEST = "/v1/posts?limit=1&fields=title"
AIM = 0.1  # seconds
TRIES = 500
PARTS = {"p50": 0.5, "p99": 0.99, "most": 1.0}


@dataclass(frozen=True)
class Seen:
    asked: float
    answered: float
    number: int


def number_of(answer: httpx.Response) -> int:
    data = answer.raise_for_status().json()["data"]
    return int(data[0]["title"].rpartition(" ")[2]) if data and data[0]["title"].startswith("Publication") else 0


def process_of(port: int, client_port: int) -> int:
    """Which process has the other end of a connection."""
    for connection in psutil.net_connections("tcp"):
        ends = connection.laddr[1:], connection.raddr[1:]
        if ends == ((port,), (client_port,)):
            return connection.pid or 0
    return 0


async def connect(server: Server, seats: Counter[int], most: int) -> tuple[httpx.AsyncClient, int]:
    """A connection to a process that has not so many readers yet: the system likes to give all to the same one."""
    for _ in range(TRIES):
        client = httpx.AsyncClient(base_url=server.address, limits=ONE, timeout=PATIENCE)
        stream = (await client.get(NEWEST)).extensions["network_stream"]
        process = process_of(server.port, stream.get_extra_info("client_addr")[1])
        if seats[process] < most:
            seats[process] += 1
            return client, process
        await client.aclose()
    raise RuntimeError(f"{len(seats)} processes took all {TRIES} connections")


async def read(client: httpx.AsyncClient, done: asyncio.Event, seen: list[Seen]) -> None:
    while not done.is_set():
        asked = time.time()
        answer = await client.get(NEWEST)
        seen.append(Seen(asked, time.time(), number_of(answer)))
    await client.aclose()


async def publish(address: str, count: int) -> int:
    """How often who published did not see it at once, over the same connection."""
    blind = 0
    email, password = machine.OWNER
    async with httpx.AsyncClient(base_url=address, limits=ONE, timeout=PATIENCE) as desk:
        signed_in = await desk.post("/v1/auth/token", data={"username": email, "password": password})
        mine = {"Authorization": f"Bearer {signed_in.raise_for_status().json()['access_token']}"}
        for number in range(1, count + 1):
            draft = {"title": f"Publication {number}", "markdown": "Text."}
            made = (await desk.post("/v1/manage/posts", json=draft, headers=mine)).raise_for_status()
            match = {**mine, "If-Match": made.headers["etag"]}
            path = f"/v1/manage/posts/{made.json()['id']}/publish"
            (await desk.post(path, json={}, headers=match)).raise_for_status()
            blind += number_of(await desk.get(NEWEST)) != number
            if number % 100 == 0:
                print(f"{number} publications", flush=True)
    return blind


async def times(url: str) -> list[float]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "select extract(epoch from occurred_at)::float8 as at from events"
        " where type = 'post.published' and actor_id is not null order by id"  # the import has no actor
    )
    await connection.close()
    return [row["at"] for row in rows]


def lateness(seen: list[Seen], published: list[float]) -> list[float]:
    """For each publication, how long after it this process was last asked and answered without it; 0 for never."""
    late = [0.0] * len(published)
    for one in seen:
        # It lacks all from `one.number` on, of which those count that were there when it was asked for.
        for lacking in range(one.number, bisect.bisect_right(published, one.asked)):
            late[lacking] = max(late[lacking], one.asked - published[lacking])
    return late


def steps_back(seen: list[Seen]) -> int:
    """Answers that were asked for after a newer one had been given by the same process."""
    count, newest = 0, 0
    given = sorted((one.answered, one.number) for one in seen)
    place = 0
    for one in sorted(seen, key=lambda one: one.asked):
        while place < len(given) and given[place][0] < one.asked:
            newest = max(newest, given[place][1])
            place += 1
        count += one.number < newest
    return count


async def measure(server: Server, url: str, options: argparse.Namespace) -> list[tuple[str, str]]:
    count, done = options.publications, asyncio.Event()
    seen: dict[int, list[Seen]] = defaultdict(list)
    seats, most = Counter[int](), -(-options.readers // options.processes)
    connected = [await connect(server, seats, most) for _ in range(options.readers)]
    reading = [asyncio.create_task(read(client, done, seen[process])) for client, process in connected]
    began = time.time()
    blind = await publish(server.address, count)
    took = time.time() - began
    await asyncio.sleep(0.5)
    done.set()
    await asyncio.gather(*reading)
    published = await times(url)
    late = sorted(delay for mine in seen.values() for delay in lateness(mine, published))
    return [
        ("publications", f"{count:,} in {took:.0f} s"),
        ("answers read", f"{sum(map(len, seen.values())):,}, from {len(seen)} processes"),
        *(
            (f"an old answer after a publication, ms: {name}", f"{_part(late, part) * 1000:.1f}")
            for name, part in PARTS.items()
        ),
        (f"p99 is {AIM * 1000:.0f} ms at most", "yes" if _part(late, PARTS["p99"]) <= AIM else "**no**"),
        ("old answers to who published, from the process that wrote", f"{blind}"),
        ("steps back in one process", f"{sum(steps_back(mine) for mine in seen.values())}"),
    ]


def _part(late: Sequence[float], part: float) -> float:
    return late[int(part * (len(late) - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.staleness", description=__doc__)
    parser.add_argument("--publications", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--readers", type=int, default=12)
    parser.add_argument("--load", type=int, default=8, help="connections of wrk besides; 0 for none")
    options = parser.parse_args()
    machine.take_place()
    with machine.scratch() as place:
        machine.create_owner(place / "data")
        corpus.write(place / "articles", 100)
        machine.byline(place / "data", "import", "markdown", str(place / "articles"))
        with machine.serving(place, "--workers", str(options.processes)) as server:
            command = ["wrk", "-t1", f"-c{options.load}", "-d3600s", f"{server.address}/v1/posts?limit=20"]
            load = subprocess.Popen(command, stdout=subprocess.DEVNULL) if options.load else None
            try:
                url = machine.address_of(place / "data")
                rows = asyncio.run(measure(server, url, options))
                memories = ", ".join(f"{memory:.0f}" for memory in server.memories())
                rows.append(("memory of the processes, MiB", memories))
            finally:
                if load is not None:
                    load.terminate()
                    load.wait()
    processes = (
        f"{options.processes} processes on one socket, {options.readers} readers, {options.load} more connections"
    )
    results.write("staleness", f"Staleness: {processes}", parser.prog, results.table(("", ""), rows))


if __name__ == "__main__":
    main()
