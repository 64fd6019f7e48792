"""`python -m benchmarks`: how fast Byline is, against what could be reached at most on this machine, in one run."""

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks import corpus, importing, machine, reading, report, results, writing
from benchmarks.importing import Imported
from benchmarks.machine import Server
from benchmarks.report import Measured
from byline.core.embedded import EmbeddedPostgres


def prepare(place: Path, posts: int, imported: int) -> Imported:
    """A database with an owner and that many posts."""
    place.mkdir()
    place.chmod(0o755)
    machine.create_owner(place / "data")
    found = importing.measure(place / "data", place / "articles", min(posts, imported))
    with EmbeddedPostgres(place / "data" / "postgres"):
        asyncio.run(corpus.multiply(machine.address_of(place / "data"), posts))
    return found


def limits(stack: ExitStack, place: Path, data: Path) -> dict[str, Server]:
    variables = {"BENCHMARK_BYTES": str(place / "bytes"), "BENCHMARK_DATABASE": machine.address_of(data)}
    factories = {
        "bare": "benchmarks.limits:bare",
        "fastapi": "benchmarks.limits:fastapi",
        "asyncpg": "benchmarks.alone:app",
    }
    return {
        name: stack.enter_context(machine.limit(place, factory, **variables)) for name, factory in factories.items()
    }


def measure(place: Path, sizes: list[int], options: argparse.Namespace) -> Measured:
    with ExitStack() as stack:
        imported, *_ = [prepare(place / str(posts), posts, options.imported) for posts in sizes]
        sites: dict[int, Server] = {}
        for posts in sizes:
            print(f"serve {posts:,} posts", flush=True)
            sites[posts] = stack.enter_context(machine.serving(place / str(posts)))
        for server in sites.values():
            server.settle()
        first, data = sites[sizes[0]], place / str(sizes[0]) / "data"
        at_rest, under_load = memories(sites), dict.fromkeys(sizes, 0.0)

        def note() -> None:
            for posts, memory in memories(sites).items():
                under_load[posts] = max(under_load[posts], memory)

        asked = reading.operations(min(sizes[0], options.imported))
        headers = reading.record(first, asked, place / "bytes")
        reading.store(first, asked, machine.address_of(data))
        beside = limits(stack, place, data)
        reading.compare(first, beside["asyncpg"], asked)
        rounds = reading.measure(
            asked, sites, beside, headers, rounds=options.rounds, seconds=options.seconds, after=note
        )
        written = writing.measure(first, beside["asyncpg"], options.written, options.rounds)
        note()
    starts = [start(place / str(sizes[0])) for _ in range(3)]
    return Measured(asked, rounds, written, imported, starts, at_rest, under_load, machine.size_of_install())


def start(place: Path) -> float:
    """Seconds until a server answers that has been there before: its PostgreSQL starts with it."""
    with machine.serving(place) as server:
        return server.took


def memories(sites: Mapping[int, Server]) -> dict[int, float]:
    return {posts: sum(server.memories()) for posts, server in sites.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--posts", default="2000", help="the sizes of the corpora: 2000,100000; the first is compared")
    parser.add_argument("--imported", type=int, default=2000, help="articles, at least 50; the other posts are copies")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--written", type=int, default=100, help="posts created, saved and published")
    options = parser.parse_args()
    sizes = [int(size) for size in options.posts.split(",")]
    machine.take_place()
    with machine.scratch() as place:
        measured = measure(place, sizes, options)
    name, counted = "-".join(map(str, sizes)), " and ".join(f"{posts:,}" for posts in sizes)
    plot = report.plot(f"Byline, as a part of what the limit does ({sizes[0]:,} posts)", measured)
    results.write(
        name, f"{counted} posts, {machine.CONNECTIONS} connections", parser.prog, report.lines(measured), plot
    )


if __name__ == "__main__":
    main()
