"""How long a search takes, and how that grows with the number of articles.

    python -m benchmarks.search postgresql://user:password@host/scratch [--sizes 1000,10000,100000]

The database is emptied first: name one that holds nothing of worth. For each size it gets so many generated articles of
600 words, whose words are as unequally frequent as in a language (Zipf); the index is made; then 200 mixed questions
(rare words, common ones, three common words, phrases; all with facets) are asked over HTTP, of the application in this
process. CPU is what this process takes for a question, beside the time that passes: on a machine that does other work
too, the former is worth more. The ratio is that of the medians to the fetch of one row by its primary key, asked for in
the same run. The table goes to benchmarks/results/search.md.
"""

import argparse
import asyncio
import itertools
import os
import platform
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import insert, select, text

from byline.app import create_app
from byline.core.ids import uuid7
from byline.core.migrations import migrate
from byline.core.notices import Heard
from byline.core.settings import Settings
from byline.models import Base
from byline.posts.models import Post, PostTag
from byline.search.feeder import Feeder
from byline.tags.models import Tag

WORDS = 600  # of an article
VOCABULARY = 40_000
TAGS = 50
AT_ONCE = 500
QUESTIONS = 200
CPUINFO = Path("/proc/cpuinfo")
RESULTS = Path(__file__).parent / "results" / "search.md"
TITLE = [
    "# Search",
    "",
    "200 mixed questions, 20 hits each with snippets and facets, of articles of 600 words: `benchmarks/search.py`.",
    "Milliseconds; *CPU* is that of the process which serves, *ratio* that of its medians: a question to one row.",
    "",
]
HEAD = """\
| articles | index made | one row | its CPU | question | p95 | its CPU | CPU p95 | ratio |
|---|---|---|---|---|---|---|---|---|"""
BEGAN = datetime(2015, 1, 1, tzinfo=UTC)

CHANCE = random.Random(7)
SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
LEXICON = ["".join(parts) for parts in itertools.islice(itertools.product(SYLLABLES, repeat=3), VOCABULARY)]
CHANCE.shuffle(LEXICON)
WEIGHTS = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))


def prose(words: int) -> str:
    return " ".join(CHANCE.choices(LEXICON, cum_weights=WEIGHTS, k=words))


def article(number: int) -> dict[str, Any]:
    at = BEGAN + timedelta(hours=number)
    body = prose(WORDS)
    return {
        **{
            "id": uuid7(),
            "kind": "post",
            "status": "published",
            "slug": f"n{number}",
            "title": prose(6),
            "excerpt": "",
        },
        **{"markdown": "", "html": "", "text": body, "toc": [], "word_count": WORDS, "reading_minutes": 3},
        **{"renderer_version": 1, "language": "en", "visibility": "public", "featured": False, "custom": {}},
        **{"published_at": at, "edited_at": at, "version": 1, "live_version": 1},
    }


def questions() -> Iterator[str]:
    """A fifth of each kind."""
    common, middling, rare = LEXICON[:50], LEXICON[200:2000], LEXICON[20_000:]
    while True:
        yield CHANCE.choice(rare)
        yield CHANCE.choice(common)
        yield " ".join(CHANCE.sample(common, 3))
        yield f'"{CHANCE.choice(common)} {CHANCE.choice(common)}"'
        yield " ".join(CHANCE.sample(middling, 3))


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds: by the clock, and of this process."""

    wall: list[float]
    cpu: list[float]


async def measured(work: Callable[[], Awaitable[object]], times: int) -> Taken:
    wall, cpu = [], []
    for _ in range(times):
        began, began_cpu = time.perf_counter(), time.process_time()
        await work()
        cpu.append((time.process_time() - began_cpu) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
    return Taken(sorted(wall), sorted(cpu))


def slow(taken: list[float]) -> float:
    """The 95th percentile."""
    return taken[len(taken) * 95 // 100]


async def run(url: str, sizes: list[int], folder: Path) -> None:
    settings = Settings(database_url=SecretStr(url), data_dir=folder, worker=False, log_level="warning")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    app = create_app(settings)
    database = app.state.database
    await migrate(database.engine)
    async with database.engine.begin() as connection:
        await connection.execute(text("set local byline.erasing = 'on'"))
        for table in reversed(Base.metadata.sorted_tables):
            await connection.execute(table.delete())
        tags = [{"id": uuid7(), "slug": f"t{number}", "name": f"Tag {number}", "aliases": []} for number in range(TAGS)]
        await connection.execute(insert(Tag), tags)
    lines = [HEAD]
    there = 0
    newest: object = None
    for size in sizes:
        while there < size:
            rows = [article(number) for number in range(there, min(size, there + AT_ONCE))]
            about = [{"post_id": row["id"], "tag_id": CHANCE.choice(tags)["id"], "position": 0} for row in rows]
            async with database.engine.begin() as connection:
                await connection.execute(insert(Post), rows)
                await connection.execute(insert(PostTag), about)
            there += len(rows)
            newest = rows[-1]["id"]
        began = time.monotonic()
        await Feeder(database.sessions, Heard(), app.state.search).rebuild_somewhere()
        made = time.monotonic() - began
        lines.append(await measure(app, size, made, newest))
        print(lines[-1])
    await database.close()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join([*TITLE, machine(), "", *lines]) + "\n")


async def measure(app: Any, size: int, made: float, row_id: object) -> str:
    asked = questions()

    async def search() -> None:
        answer = await client.get("/v1/search", params={"q": next(asked)})
        answer.raise_for_status()

    async def fetch() -> None:
        async with app.state.database.engine.connect() as connection:
            await connection.execute(select(Post.title).where(Post.id == row_id))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        await measured(search, QUESTIONS // 2)  # warm
        one = await measured(fetch, QUESTIONS)
        many = await measured(search, QUESTIONS)
    ratio = median(many.cpu) / median(one.cpu)
    taken = [median(one.wall), median(one.cpu), median(many.wall), slow(many.wall), median(many.cpu), slow(many.cpu)]
    return f"| {size:,} | {made:.0f} s | {' | '.join(f'{value:.1f}' for value in taken)} | {ratio:.1f} |"


def machine() -> str:
    model = next(
        (line.partition(":")[2].strip() for line in CPUINFO.read_text().splitlines() if "model name" in line), ""
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{model}, {os.cpu_count()} cores, load {load}; Python {platform.python_version()}. One core serves."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    parser.add_argument("--sizes", default="1000,10000,100000")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(arguments.database, sizes, Path(folder)))


if __name__ == "__main__":
    main()
