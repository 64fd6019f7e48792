"""What is read, and what could be reached at most: load in rounds, in which all are asked in turn."""

import asyncio
import base64
import json
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from benchmarks import alone, corpus
from benchmarks.machine import Load, Server, wrk

OWN = "Byline"
ADDED_BY_SERVER = {"date", "server", "transfer-encoding"}
ANEW = {"Cache-Control": "no-cache"}
PACKED = {"Accept-Encoding": "br, gzip"}

Rounds = dict[str, list[Load]]
"""Of Byline, of each limit, and of Byline at other sizes: what each round found."""


@dataclass(frozen=True)
class Operation:
    """What is asked of Byline, and of each limit. Without limits it is compared with who sends the same bytes."""

    key: str
    name: str
    paths: Sequence[str]
    limits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_conditional: bool = False
    aim: float | None = None
    """The least part of the best limit that it shall reach."""
    grows: bool = False
    """Whether it is compared with itself among more posts."""

    @property
    def is_from_memory(self) -> bool:
        return not self.limits


def operations(imported: int) -> list[Operation]:
    slugs = [corpus.slug(number) for number in range(0, imported, max(1, imported // 500))]
    one, posts, tag = f"/v1/posts/{slugs[-1]}", [f"/v1/posts/{slug}" for slug in slugs], corpus.COMMON_TAG
    searches = [httpx.URL("/v1/search", params={"q": words}).raw_path.decode() for words in questions()]
    few, tagged = "/v1/posts?limit=20", f"/v1/posts?limit=20&tag={tag}"
    single = {"asyncpg, stored": [f"/stored/{slug}" for slug in slugs]}
    single["asyncpg, joined"] = [f"/joined/{slug}" for slug in slugs]
    found = [f"/found/{number}" for number in range(len(searches))]
    return [
        Operation("post", "post by slug", [one], aim=0.85, grows=True),
        Operation("list", "list of 20, with authors and tags", [few], aim=0.85, grows=True),
        Operation("tagged", "list of 20 with a tag", [tagged]),
        Operation("feed", "feed (RSS, whole articles)", ["/feed.xml"]),
        Operation("packed", "post by slug, Brotli", [one], headers=PACKED),
        Operation("post304", "post by slug, 304", [one], is_conditional=True, aim=0.85),
        Operation("list304", "list of 20, 304", [few], is_conditional=True, aim=0.85),
        Operation("post-anew", "post by slug, anew", posts, single, ANEW, aim=0.5, grows=True),
        Operation("list-anew", "list of 20, anew", [few], _both(""), ANEW, aim=0.4, grows=True),
        Operation("tagged-anew", "list of 20 with a tag, anew", [tagged], _both(f"/{tag}"), ANEW),
        Operation("feed-anew", "feed, anew", ["/feed.xml"], {"asyncpg, joined": ["/feed"]}, ANEW),
        Operation("search", "search", searches, {"asyncpg, the posts found": found}),
    ]


def _both(tag: str) -> dict[str, list[str]]:
    return {"asyncpg, rows": [f"/rows{tag}"], "asyncpg, joined": [f"/page{tag}"]}


def questions() -> list[str]:
    """One to three words of the corpus, as frequent as they are in it."""
    chance = random.Random(corpus.SEED)
    words = corpus.Words(chance)
    return [" ".join(words.some(1 + number % 3)) for number in range(200)]


def record(server: Server, asked: Sequence[Operation], folder: Path) -> dict[str, dict[str, str]]:
    """Keeps what Byline answers, for the limits to answer the same; gives the headers to ask with."""
    headers_of: dict[str, dict[str, str]] = {}
    folder.mkdir()
    with httpx.Client(base_url=server.address, headers={"Accept-Encoding": "identity"}) as client:
        for operation in asked:
            headers = dict(operation.headers)
            if operation.is_conditional:
                headers["If-None-Match"] = client.get(operation.paths[0]).headers["etag"]
            with client.stream("GET", operation.paths[0], headers=headers) as answer:
                body = b"".join(answer.iter_raw())
            kept = [[name, value] for name, value in answer.headers.items() if name not in ADDED_BY_SERVER]
            content = {"status": answer.status_code, "headers": kept, "body": base64.b64encode(body).decode()}
            (folder / f"{operation.key}.json").write_text(json.dumps(content))
            headers_of[operation.key] = headers
    return headers_of


def store(server: Server, asked: Sequence[Operation], database: str) -> None:
    """Gives asyncpg the articles that Byline answers, and what it finds."""
    paths = {operation.key: operation.paths for operation in asked}
    with httpx.Client(base_url=server.address, timeout=60) as client:
        documents = [(path.rpartition("/")[2], client.get(path).text) for path in paths["post-anew"]]
        answers = [client.get(path).raise_for_status().json() for path in paths["search"]]
    found = [(number, [UUID(hit["id"]) for hit in answer["data"]]) for number, answer in enumerate(answers)]
    asyncio.run(alone.fill(database, documents, found))


def compare(byline: Server, database: Server, asked: Sequence[Operation]) -> None:
    """Raises where what asyncpg answers has not all that Byline answers."""
    for operation in asked:
        if operation.key in {"post-anew", "list-anew", "tagged-anew"}:
            own = httpx.get(byline.address + operation.paths[0]).json()
            for name, paths in operation.limits.items():
                other = httpx.get(database.address + paths[0]).json()
                if shape(own) != shape(other):
                    raise RuntimeError(f"{operation.name}, {name}: {shape(other)} is not {shape(own)}")


def shape(value: Any) -> Any:
    """Which fields there are."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items() if name not in {"custom", "next_cursor"}}
    return [shape(part) for part in value] if isinstance(value, list) else None


@dataclass(frozen=True)
class Candidate:
    name: str
    server: Server
    paths: Sequence[str]


def candidates(operation: Operation, sites: Mapping[int, Server], limits: Mapping[str, Server]) -> Iterator[Candidate]:
    """Byline, what it is compared with, and Byline with more posts."""
    (_, first), *others = sites.items()
    yield Candidate(OWN, first, operation.paths)
    for name in ("bare", "fastapi") if operation.is_from_memory else ():
        yield Candidate(name, limits[name], [f"/{operation.key}"])
    for name, paths in operation.limits.items():
        yield Candidate(name, limits["asyncpg"], paths)
    for posts, server in others if operation.grows else ():
        yield Candidate(f"{OWN}, {posts:,} posts", server, operation.paths)


def measure(
    asked: Sequence[Operation],
    sites: Mapping[int, Server],
    limits: Mapping[str, Server],
    headers: Mapping[str, Mapping[str, str]],
    *,
    rounds: int,
    seconds: int,
    after: Callable[[], None],
) -> dict[str, Rounds]:
    """`after` is called after each round of each operation."""
    found: dict[str, Rounds] = {operation.key: {} for operation in asked}
    for number in range(rounds):
        for operation in asked:
            for candidate in candidates(operation, sites, limits):
                if number == 0:
                    wrk(candidate.server, candidate.paths, 1, headers[operation.key])
                load = wrk(candidate.server, candidate.paths, seconds, headers[operation.key])
                found[operation.key].setdefault(candidate.name, []).append(load)
            after()
            print(f"round {number + 1}: {operation.name}", flush=True)
    return found


def ratios(found: Rounds, name: str, *, own: str = OWN) -> list[float]:
    """Round by round, so that what slows the whole machine down slows both."""
    return [one.rate / other.rate for one, other in zip(found[own], found[name], strict=True)]


def best(found: Rounds) -> str:
    """The limit that is reached at most."""
    limits = [name for name in found if not name.startswith(OWN)]
    return max(limits, key=lambda name: statistics.median(load.rate for load in found[name]))
