"""The command as its users run it: real processes, a data folder of their own, signals where these matter."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from byline import __version__
from byline.cli import main
from byline.core.embedded import EmbeddedPostgres
from byline.core.jobs import Task, enqueue, note_failure
from tests.conftest import Sessions

BYLINE = str(Path(sys.executable).with_name("byline"))
PATIENCE = 60.0  # seconds: shared machines are slow at times


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder to stand in. Whatever a failed test left running there is ended."""
    yield tmp_path
    for process in psutil.process_iter(["cwd", "environ"]):
        stands_in, environment = process.info["cwd"] or "", process.info["environ"] or {}
        if stands_in.startswith(str(tmp_path)) or environment.get("BYLINE_DATA_DIR", "").startswith(str(tmp_path)):
            process.kill()


def environment(place: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BYLINE_")}
    return {**inherited, "BYLINE_DATA_DIR": str(place / "data"), "PYTHONUNBUFFERED": "1", **settings}


def byline(place: Path, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BYLINE, *arguments],
        cwd=place,
        env=environment(place, **settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def answers(address: str) -> bool:
    try:
        # Without TLS's certificates: reading them takes a twentieth of a second each time.
        return httpx.get(f"{address}/readyz", verify=False).status_code == 200
    except httpx.TransportError:
        return False


def databases(place: Path) -> list[psutil.Process]:
    """The PostgreSQL servers that run on the data folder; each is the parent of its other processes."""
    running = {}
    for process in psutil.process_iter(["name", "cwd", "status", "ppid"]):
        found = process.info
        if found["name"] == "postgres" and found["status"] != psutil.STATUS_ZOMBIE:
            if (found["cwd"] or "").startswith(str(place / "data")):
                running[process.pid] = process
    return [process for process in running.values() if process.info["ppid"] not in running]


@contextmanager
def serving(place: Path, *arguments: str, **settings: str) -> Iterator[tuple[str, "subprocess.Popen[str]", Path]]:
    """The address of a running `byline serve`, its process, and the file with what it said."""
    port, log = free_port(), place / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [BYLINE, "serve", "--port", str(port), *arguments],
            cwd=place,
            env=environment(place, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(address) or process.poll() is not None, "it serves")
        assert process.poll() is None, log.read_text()
        yield address, process, log
    finally:
        process.kill()
        process.wait()


def test_the_first_start_makes_a_publication_and_tells_where_to_look(place: Path) -> None:
    with serving(place) as (address, process, log):
        said = log.read_text()
        assert f"{address}/docs" in said and f"{address}/feed.xml" in said
        login = re.search(r"Owner +(\S+) +password: (\S+)", said)
        assert login is not None
        form = {"username": login[1], "password": login[2]}
        token = httpx.post(f"{address}/v1/auth/token", data=form).raise_for_status().json()["access_token"]
        mine = httpx.get(f"{address}/v1/manage/posts", headers={"Authorization": f"Bearer {token}"})
        assert {post["status"] for post in mine.raise_for_status().json()["data"]} == {"published", "draft"}
        posts = httpx.get(f"{address}/v1/posts?count=true").json()
        assert posts["total"] >= 9
        assert posts["data"][0]["url"].startswith(address)
        assert len(httpx.get(f"{address}/v1/authors").json()["data"]) >= 3
        assert httpx.get(f"{address}/docs").status_code == 200

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert databases(place) == []


def test_several_workers_share_one_database_and_after_kill_9_the_next_command_takes_it_over(place: Path) -> None:
    with serving(place, "--workers", "2", "--no-demo") as (address, process, _):
        assert httpx.get(f"{address}/v1/posts").json()["data"] == []
        workers = [child for child in psutil.Process(process.pid).children() if "postgres" not in child.name()]
        process.kill()
        process.wait()
        for worker in workers:
            worker.kill() if worker.is_running() else None
    assert len(databases(place)) == 1
    made = byline(
        place, "create-owner", "--email", "ada@example.com", "--name", "Ada", "--password-stdin", stdin="a long one\n"
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert databases(place) == []

    with serving(place) as (address, process, _):
        form = {"username": "ada@example.com", "password": "a long one"}
        assert httpx.post(f"{address}/v1/auth/token", data=form).status_code == 200
        assert httpx.get(f"{address}/v1/posts").json()["data"] == []  # no demo where there is somebody already
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    assert databases(place) == []


def test_an_import_that_was_killed_goes_on_where_it_ended(place: Path) -> None:
    """First the importer is killed, then the database of a second one; a third brings in the rest."""
    blog = place / "blog"
    blog.mkdir()
    for number in range(400):
        about = f"title: Post {number % 50}\ntags: [t{number % 7}]\nauthor: A{number % 3}\naliases: /old/{number}"
        head = f"---\n{about}\n---\n"
        (blog / f"{number:03}.md").write_text(head + f"Text {number}.\n" * 200)
    kill_in_the_middle(place, "importer")
    kill_in_the_middle(place, "database")

    run = byline(place, "import", "markdown", "blog")
    assert run.returncode == 0, run.stderr
    report = {outcome: int(number) for number, outcome in re.findall(r"(\d+) (\w+)", run.stdout.splitlines()[-1])}
    assert report["created"] + report["unchanged"] == 400
    assert 200 <= report["unchanged"] < 400
    with EmbeddedPostgres(place / "data" / "postgres") as server:
        found = {table: count(server, table) for table in ("posts", "tags", "authors", "redirects", "revisions")}
    assert found == {"posts": 400, "tags": 7, "authors": 3, "redirects": 400, "revisions": 400}


def kill_in_the_middle(place: Path, victim: str) -> None:
    """Starts an import; when that has saved some posts more, ends it or its database."""
    with EmbeddedPostgres(place / "data" / "postgres") as server:
        enough = count(server, "posts") + 10
        importer = subprocess.Popen([BYLINE, "import", "markdown", "blog"], cwd=place, env=environment(place))
        until(lambda: count(server, "posts") >= enough or importer.poll() is not None, "some posts are saved")
        assert importer.poll() is None
        [postmaster] = databases(place)
        importer.kill() if victim == "importer" else postmaster.kill()
        assert importer.wait(PATIENCE) != 0


def count(server: EmbeddedPostgres, table: str) -> int:
    """How many rows there are; none where the table is not made yet."""

    async def ask() -> int:
        engine = create_async_engine(server.url())
        try:
            async with engine.connect() as connection:
                if await connection.scalar(text("select to_regclass(:table)"), {"table": table}) is None:
                    return 0
                return await connection.scalar(text(f"select count(*) from {table}")) or 0
        finally:
            await engine.dispose()

    return asyncio.run(ask())


# ── what needs no process of its own ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Runs the command in this process, in an empty folder; gives its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> object:
        monkeypatch.setattr(sys, "argv", ["byline", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    return run


def test_import_prints_a_report_and_nothing_else(
    here: Callable[..., object],
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    blog = tmp_path / "blog"
    blog.mkdir()
    (blog / "good.md").write_text("---\ntitle: Good\n---\nText.\n")
    (blog / "bad.md").write_text("---\ntitle: [\n---\n")
    monkeypatch.setenv("BYLINE_DATABASE_URL", database_url)
    assert here("import", "markdown", "blog", "--dry-run", "--json") == 1
    report = json.loads(capfd.readouterr().out)
    assert {name: report[name] for name in ("created", "updated", "unchanged", "skipped", "failed")} == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "failed": 1,
    }
    assert {item["path"]: item["outcome"] for item in report["items"]} == {"good.md": "created", "bad.md": "failed"}
    (blog / "bad.md").unlink()
    assert not here("import", "markdown", "blog", "--dry-run")
    assert "1 created" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("BYLINE_ENVIRONMENT", "production", "BYLINE_SECRET_KEY"),
        ("BYLINE_DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:{port}/nothing", "database"),
    ],
)
def test_what_the_operator_can_mend_is_said_in_a_sentence(
    here: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    setting: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(setting, value.format(port=free_port()))
    assert here("migrate") == 1
    printed, complaint = capfd.readouterr()
    assert printed == ""
    assert complaint.startswith("byline: ") and said in complaint and "hunter2" not in complaint


def test_openapi_needs_no_database(
    here: Callable[..., object], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not here("openapi")
    assert json.loads(capfd.readouterr().out)["info"] | {"description": ""} == {
        "title": "Byline",
        "version": __version__,
        "description": "",
    }
    assert not list(tmp_path.iterdir())


async def test_jobs_are_listed_and_run_again(
    here: Callable[..., object],
    committing: Sessions,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BYLINE_DATABASE_URL", database_url)
    task = Task("test.fails", asyncio.sleep, attempts=1, first_wait=1, timeout=1, cron=None)
    async with committing.begin() as session:
        failed, waiting = [await enqueue(session, task) for _ in range(2)]
        await note_failure(session, failed, "ValueError: two\nlines")
        for status in ("doing", "failed"):
            await session.execute(text(f"update procrastinate_jobs set status = '{status}' where id = {failed}"))
    assert not await asyncio.to_thread(here, "jobs", "list", "--status", "failed")
    [line] = capfd.readouterr().out.splitlines()
    assert line.split()[:2] == [str(failed), "failed"] and line.endswith("test.fails  ValueError: two lines")
    assert not await asyncio.to_thread(here, "jobs", "retry", str(failed))
    assert await asyncio.to_thread(here, "jobs", "retry", str(failed)) == 1
    assert await asyncio.to_thread(here, "jobs", "retry", str(waiting + 1)) == 1
    said = capfd.readouterr()
    assert said.out == f"job {failed} waits for a worker\n"
    assert said.err == f"byline: Only a job that has failed can be run again\nbyline: there is no job {waiting + 1}\n"
    assert not await asyncio.to_thread(here, "jobs", "list")
    assert [line.split()[1] for line in capfd.readouterr().out.splitlines()] == ["todo", "todo"]
