"""`python -m benchmarks`: how fast Byline is, against what could be reached at most on this machine, in one run."""

import argparse
import asyncio
import base64
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks import corpus, machine
from benchmarks.plot import bars
from byline.core.embedded import EmbeddedPostgres
from byline.core.markdown import render

RESULTS = Path(__file__).parent / "results"
PORTS = {"byline": 8761, "bare": 8762, "fastapi": 8763, "database": 8764}
ADDED_BY_SERVER = {"date", "server", "transfer-encoding"}
ANEW = {"Cache-Control": "no-cache"}
PACKED = {"Accept-Encoding": "br, gzip"}


Table = dict[str, dict[str, list[dict[str, float]]]]
"""Of each operation, at Byline and at each of its limits: the rounds."""


@dataclass(frozen=True)
class Operation:
    """What is asked of Byline, and the limits that it is compared with; each has it under the operation's key."""

    key: str
    name: str
    path: str
    limits: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    is_conditional: bool = False
    at_limit: str | None = None


POST, LIST = f"/v1/posts/{corpus.slug(40)}", "/v1/posts?limit=20"
OPERATIONS = (
    Operation("post", "post by slug", POST, ("bare", "fastapi")),
    Operation("list", "list of 20, authors and tags", LIST, ("bare", "fastapi")),
    Operation("filtered", "list of 20 with a tag", "/v1/posts?limit=20&tag=topic-003", ("bare",)),
    Operation("feed", "feed (RSS)", "/feed.xml", ("bare",)),
    Operation("packed", "post by slug, Brotli", POST, ("bare",), PACKED),
    Operation("known", "post by slug, 304", POST, ("bare",), is_conditional=True),
    Operation("anew", "post by slug, not from memory", POST, ("database",), ANEW, at_limit=f"/{corpus.slug(40)}"),
    Operation("listanew", "list of 20, not from memory", LIST, ("database",), ANEW, at_limit="/list"),
)


def record(address: str, folder: Path) -> dict[str, dict[str, str]]:
    """Keeps what Byline answers, for the limits to answer the same; gives the headers to ask with."""
    asked: dict[str, dict[str, str]] = {}
    folder.mkdir()
    with httpx.Client(base_url=address, headers={"Accept-Encoding": "identity"}) as client:
        for operation in OPERATIONS:
            headers = dict(operation.headers)
            if operation.is_conditional:
                headers["If-None-Match"] = client.get(operation.path).headers["etag"]
            with client.stream("GET", operation.path, headers=headers) as answer:
                body = b"".join(answer.iter_raw())
            kept = [[name, value] for name, value in answer.headers.items() if name not in ADDED_BY_SERVER]
            content = {"status": answer.status_code, "headers": kept, "body": base64.b64encode(body).decode()}
            (folder / f"{operation.key}.json").write_text(json.dumps(content))
            asked[operation.key] = headers
    return asked


def reads(addresses: Mapping[str, str], asked: Mapping[str, Mapping[str, str]], rounds: int, seconds: int) -> Table:
    """Requests a second of each operation at each address, round by round; all are asked in turn."""
    rates: Table = {operation.key: {} for operation in OPERATIONS}
    for number in range(rounds):
        for operation in OPERATIONS:
            for name in ("byline", *operation.limits):
                path = operation.path if name == "byline" else operation.at_limit or f"/{operation.key}"
                headers = asked[operation.key]
                machine.wrk(addresses[name] + path, 1, 32, headers)
                found = machine.wrk(addresses[name] + path, seconds, 32, headers)
                rates[operation.key].setdefault(name, []).append(found)
            print(f"round {number + 1}: {operation.name}", flush=True)
    return rates


def writes(address: str, count: int) -> dict[str, list[float]]:
    """Milliseconds of each creation, save and publication, one after another."""
    taken: dict[str, list[float]] = {"create": [], "save": [], "publish": []}
    email, password = machine.OWNER
    with httpx.Client(base_url=address, timeout=60) as client:
        token = client.post("/v1/auth/token", data={"username": email, "password": password}).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {token['access_token']}"

        def timed(what: str, ask: Callable[[], httpx.Response]) -> httpx.Response:
            began = time.perf_counter()
            answer = ask().raise_for_status()
            taken[what].append((time.perf_counter() - began) * 1000)
            return answer

        for number, (_, source) in enumerate(corpus.articles(count)):
            markdown = source.partition("---\n\n")[2]
            draft = {"title": f"Written {number}", "markdown": markdown}
            made = timed("create", lambda: client.post("/v1/manage/posts", json=draft))  # noqa: B023
            post, match = f"/v1/manage/posts/{made.json()['id']}", {"If-Match": made.headers["etag"]}
            change = {"markdown": markdown + "\nOne line more.\n"}
            saved = timed("save", lambda: client.patch(post, json=change, headers=match))  # noqa: B023
            match = {"If-Match": saved.headers["etag"]}
            timed("publish", lambda: client.post(f"{post}/publish", json={}, headers=match))  # noqa: B023
    return taken


def rendering(count: int) -> float:
    """Seconds that the renderer takes for one article."""
    sources = [source.partition("---\n\n")[2] for _, source in corpus.articles(count)]
    began = time.perf_counter()
    for source in sources:
        render(source)
    return (time.perf_counter() - began) / count


def prepare(place: Path, posts: int, imported: int) -> dict[str, float]:
    """A database with that many posts and an owner; what the import took."""
    data, files = place / "data", min(posts, imported)
    email, password = machine.OWNER
    corpus.write(place / "articles", files)
    machine.byline(data, "create-owner", "--email", email, "--name", "Owner", "--password-stdin", stdin=f"{password}\n")
    began = time.perf_counter()
    machine.byline(data, "import", "markdown", str(place / "articles"))
    took = time.perf_counter() - began
    with EmbeddedPostgres(data / "postgres"):
        asyncio.run(corpus.multiply(machine.address_of(data), posts))
    rendered = rendering(200)
    return {
        "import: articles a second": files / took,
        "import: articles a second beyond the rendering": files / max(took - files * rendered, 1e-9),
        "rendering: milliseconds an article": rendered * 1000,
    }


def measure(posts: int, imported: int, rounds: int, seconds: int) -> tuple[Table, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="byline-benchmark-") as folder, ExitStack() as stack:
        place = Path(folder).resolve()
        place.chmod(0o755)
        single = prepare(place, posts, imported)
        address, took = stack.enter_context(machine.serving(place, PORTS["byline"]))
        single["start: seconds"] = took
        single["memory at the start: MiB"] = machine.memories(PORTS["byline"])[0]
        asked = record(address, place / "bytes")
        variables = {"BENCHMARK_BYTES": str(place / "bytes"), "BENCHMARK_DATABASE": machine.address_of(place / "data")}
        addresses = {"byline": address}
        for name in ("bare", "fastapi", "database"):
            addresses[name] = stack.enter_context(machine.limit(place, PORTS[name], name, **variables))
        rates = reads(addresses, asked, rounds, seconds)
        for what, taken in writes(address, 60).items():
            single[f"{what}: milliseconds, median"] = statistics.median(taken)
        single["memory at the end: MiB"] = machine.memories(PORTS["byline"])[0]
    single["install: MiB"] = machine.size_of_install()
    return rates, single


def ratios(found: dict[str, list[dict[str, float]]], limit: str) -> list[float]:
    """Round by round, so that what slows the whole machine down slows both."""
    return [own["rate"] / other["rate"] for own, other in zip(found["byline"], found[limit], strict=True)]


def report(posts: int, rates: Table, single: Mapping[str, float]) -> str:
    lines = [
        f"# {posts:,} posts, {datetime.now(UTC):%Y-%m-%d}",
        "",
        *(f"- {name}: {value}" for name, value in machine.facts().items()),
        "",
        "| operation | requests/s, median | p50 ms | p99 ms | limit | of the limit: median | least | most |",
        "|---|--:|--:|--:|---|--:|--:|--:|",
    ]
    for operation in OPERATIONS:
        found = rates[operation.key]
        own = {part: statistics.median(one[part] for one in found["byline"]) for part in ("rate", "p50", "p99")}
        for limit in operation.limits:
            parts = ratios(found, limit)
            lines.append(
                f"| {operation.name} | {own['rate']:,.0f} | {own['p50']:.1f} | {own['p99']:.1f} | {limit} "
                f"| **{statistics.median(parts):.2f}** | {min(parts):.2f} | {max(parts):.2f} |"
            )
    lines += ["", "| | |", "|---|--:|", *(f"| {name} | {value:,.2f} |" for name, value in single.items()), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--posts", type=int, default=2000, help="2000, 10000 or 100000")
    parser.add_argument("--imported", type=int, default=500, help="of them, at least 50; the rest are copies")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    options = parser.parse_args()
    rates, single = measure(options.posts, options.imported, options.rounds, options.seconds)
    text = report(options.posts, rates, single)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.posts}.md").write_text(text)
    rows = []
    for operation in OPERATIONS:
        for limit in operation.limits:
            parts = ratios(rates[operation.key], limit)
            rows.append((f"{operation.name} / {limit}", statistics.median(parts), min(parts), max(parts)))
    title = f"Byline, as a part of what the limit does ({options.posts:,} posts)"
    (RESULTS / f"{options.posts}.svg").write_text(bars(title, rows))
    print(text)


main()
