"""What is logged, in which form, and what never is."""

import asyncio
import io
import json
import logging
import re
import signal
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from byline.core.http import RequestId
from byline.core.ids import request_id
from byline.core.logging import HANDLER, AccessLog, configure_logging, formatter
from byline.core.redaction import REDACTED
from byline.core.settings import Environment, Settings
from tests.conftest import Sessions
from tests.test_cli import PATIENCE, serving, until

API_KEY = "byl_" + "aB3" * 16 + "zz"
TOKEN = "bys_" + "x-Y_9" * 8 + "abc"

logger = logging.getLogger("byline.test")


class Lines(logging.Handler):
    """Formats what is logged while it stands."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(form)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def __enter__(self) -> "Lines":
        self.root_level = logging.getLogger().level
        logging.getLogger().addHandler(self)
        logging.getLogger().setLevel(logging.INFO)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger().setLevel(self.root_level)

    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def in_production() -> Lines:
    return Lines(formatter(True))


def in_development() -> Lines:
    return Lines(formatter(False))


def test_a_line_is_one_object() -> None:
    with in_production() as log:
        logger.warning("%s is\nin two lines", "Ω \x00\x1b \u2028", extra={"posts": 3, "where": Path("/a")})
    [line] = log.lines
    assert line.isascii() and "\n" not in line
    parsed = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", parsed.pop("timestamp"))
    assert parsed == {
        "event": "Ω \x00\x1b \u2028 is\nin two lines",
        "level": "warning",
        "logger": "byline.test",
        "posts": 3,
        "where": repr(Path("/a")),
    }


def test_what_no_encoding_can_carry_is_logged_all_the_same() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "\ud800", (), None)
    assert json.loads(formatter(True).format(record))["event"] == "\ud800"


def test_the_console_is_for_people() -> None:
    with in_development() as log:
        logger.warning("it failed", extra={"posts": 3})
    assert "it failed" in log.lines[0] and "posts=3" in log.lines[0] and "warning" in log.lines[0]


def test_what_a_client_wrote_does_not_move_the_cursor() -> None:
    with in_development() as log:
        logger.warning("/\x1b[2J\x07\r\x9b\x7f", extra={"found": "\x1b[31m"})
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", log.lines[0])
    assert "/\\x1b[2J\\x07\\r\\x9b\\x7f" in log.lines[0]


@pytest.mark.parametrize("log", [in_production, in_development])
def test_a_traceback_is_in_the_line_without_secrets_and_local_values(log: Any) -> None:
    hidden_local = "a local value"
    try:
        raise ValueError(f"cannot reach postgresql://byline:hunter2@db/blog by {API_KEY}")
    except ValueError:
        with log() as lines:
            logger.exception("it failed")
    [line] = lines.lines
    assert "Traceback" in line and "cannot reach postgresql://byline:" in line and "@db/blog" in line
    assert "hunter2" not in line and API_KEY not in line and line.count(hidden_local) == 0


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"key {API_KEY} ends", f"key byl_{REDACTED} ends"),
        (f"'{TOKEN}'", f"'bys_{REDACTED}'"),
        (f"{{'a': '{TOKEN}', 'b': 1}}", f"{{'a': 'bys_{REDACTED}', 'b': 1}}"),
        (f"x?token={API_KEY}&y=1", f"x?token=byl_{REDACTED}&y=1"),
        ("Bearer abc.def-ghi_/+~= x", f"Bearer {REDACTED} x"),
        ("bearer  s", f"bearer  {REDACTED}"),
        ("Authorization: Basic dXNlcjpwYXNz\r\nHost: x", f"Authorization: {REDACTED}\r\nHost: x"),
        ("Cookie: a=b; c=d\nX: y", f"Cookie: {REDACTED}\nX: y"),
        ("{'set-cookie': 'a=b; Path=/', 'x': 'y'}", f"{{'set-cookie': '{REDACTED}', 'x': 'y'}}"),
        ("postgresql://byline:hunter2@db:5432/blog", f"postgresql://byline:{REDACTED}@db:5432/blog"),
        ("redis://:hunter2@cache/0", f"redis://:{REDACTED}@cache/0"),
        ("smtp://me:p@ss:w/rd@mail:587", f"smtp://me:{REDACTED}@mail:587"),
        # These are none.
        ("by my byline_test", "by my byline_test"),
        ("http://127.0.0.1:8000/docs", "http://127.0.0.1:8000/docs"),
        ("mailto:ada@example.com", "mailto:ada@example.com"),
        ("http://host:80/ and ada@example.com", "http://host:80/ and ada@example.com"),
        ("https://blog.example/account/invitation#token=AbC", "https://blog.example/account/invitation#token=AbC"),
    ],
)
def test_secrets_in_a_text(text: str, left: str) -> None:
    with in_production() as log:
        logger.info("%s", text, extra={"nested": {"list": [text, {"deep": text}], "set": {text}}})
    [line] = log.parsed()
    assert line["event"] == left
    assert line["nested"] == {"list": [left, {"deep": left}], "set": [left]}


@pytest.mark.parametrize(
    "name",
    ["authorization", "Cookie", "set-cookie", "password", "new_password", "access_token", "client_secret", "code"],
)
def test_secrets_by_their_name(name: str) -> None:
    with in_production() as log:
        logger.info("x", extra={name: "hunter2", "inner": {name: ["hunter2"], "status_code": 200}, "none": None})
    [line] = log.parsed()
    assert "hunter2" not in log.lines[0]
    assert (line[name], line["inner"]) == (REDACTED, {name: REDACTED, "status_code": 200})


def test_a_thing_is_told_as_it_tells_itself() -> None:
    class Leaky:
        def __repr__(self) -> str:
            return f"<Leaky {TOKEN}>"

    with in_production() as log:
        logger.info("x", extra={"thing": Leaky(), "secret_str": SecretStr("hunter2"), "odd": {1: b"a"}})
    [line] = log.parsed()
    assert (line["thing"], line["odd"]) == (f"<Leaky bys_{REDACTED}>", {"1": "b'a'"})
    assert "hunter2" not in log.lines[0]


ANY_TEXT = st.text(max_size=40)
URL_SAFE = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=43, max_size=43)
ALPHANUMERIC = st.text("ABCXYZabcxyz0123456789", min_size=50, max_size=50)
PASSWORD = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"], exclude_characters='"'), min_size=6)
SECRETS = st.one_of(
    st.tuples(st.just("bys_"), URL_SAFE, st.just("")),
    st.tuples(st.just("byl_"), ALPHANUMERIC, st.just("")),
    st.tuples(st.sampled_from(["Bearer ", "bearer ", "Authorization: Bearer "]), URL_SAFE, st.just("")),
    st.tuples(st.sampled_from(["redis://:", "postgresql://byline:", "smtps://me%40x:"]), PASSWORD, st.just("@host/0")),
)


@given(ANY_TEXT, SECRETS, ANY_TEXT, st.sampled_from([formatter(True), formatter(False)]))
def test_no_secret_gets_into_any_line(
    before: str, planted: tuple[str, str, str], after: str, form: logging.Formatter
) -> None:
    prefix, secret, suffix = planted
    text = f"{before} {prefix}{secret}{suffix} {after}"
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(form)
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s", (text,), None)
    record.found = {"in": [text]}
    try:
        raise ValueError(text)
    except ValueError:
        record.exc_info = sys.exc_info()
    handler.handle(record)
    written = output.getvalue()
    assert REDACTED in written
    for escaped in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert prefix + escaped not in written and escaped + suffix + " " not in written


async def test_a_failed_statement_does_not_tell_what_it_was_given(sessions: Sessions) -> None:
    with in_production() as log:
        try:
            async with sessions.begin() as session:
                await session.execute(
                    text("select cast(:draft as text), 1 / :zero"), {"draft": "unpublished", "zero": 0}
                )
        except DBAPIError:
            logger.exception("it failed")
    assert "division by zero" in log.lines[0] and "unpublished" not in log.lines[0]


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def work(request: Request) -> Response:
    logger.info("began")
    await asyncio.sleep(0)
    await asyncio.to_thread(logger.info, "in a thread")
    await asyncio.create_task(said("in a task"))
    return PlainTextResponse("done", 202)


async def said(what: str) -> None:
    logger.info(what)


async def fail(request: Request) -> Response:
    raise RuntimeError("hush")


async def sign_in(request: Request) -> Response:
    request.state.principal = ("user", 7)
    return PlainTextResponse("hello")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    routes = [Route("/work", work), Route("/fail", fail), Route("/sign-in", sign_in)]
    app = Starlette(routes=routes, middleware=[Middleware(RequestId), Middleware(AccessLog)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://blog.example") as client:
        yield client


def only(lines: list[dict[str, Any]], **members: str) -> list[dict[str, Any]]:
    return [line for line in lines if all(line.get(name) == value for name, value in members.items())]


async def test_a_request_has_one_line(http: httpx.AsyncClient) -> None:
    with in_production() as log:
        await http.get("/sign-in?token=hush&page=1", headers={"X-Request-ID": "the-request-id"})
    [line] = only(log.parsed(), logger="byline.access")
    assert line.pop("timestamp") and 0 <= line.pop("duration_ms") < 10_000
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "byline.access",
        "request_id": "the-request-id",
        "method": "GET",
        "path": "/sign-in",
        "status": 200,
        "client": "192.0.2.1",
        "principal": "user:7",
    }


@pytest.mark.parametrize(
    ("path", "shown", "status"),
    [("/work", "/work", 202), ("/fail", "/fail", 500), ("/%0a%1b%22%c3%a9%ff", "/%0A%1B%22%C3%A9%EF%BF%BD", 404)],
)
async def test_whatever_comes_of_it(http: httpx.AsyncClient, path: str, shown: str, status: int) -> None:
    with in_production() as log:
        await http.get(path)
    [line] = only(log.parsed(), logger="byline.access")
    assert (line["path"], line["status"]) == (shown, status)
    assert "principal" not in line


async def test_every_line_of_a_request_has_its_id(http: httpx.AsyncClient) -> None:
    given_ids = [f"request-{number}" for number in range(20)]
    with in_production() as log:
        await asyncio.gather(*(http.get("/work", headers={"X-Request-ID": given}) for given in given_ids))
    lines = log.parsed()
    for given_id in given_ids:
        ours = [line["event"] for line in only(lines, request_id=given_id) if line["logger"].startswith("byline.")]
        assert ours == ["began", "in a thread", "in a task", "request"]


@pytest.mark.parametrize("log", [in_production, in_development])
async def test_a_secret_that_a_client_calls_an_id_is_none_in_the_log(http: httpx.AsyncClient, log: Any) -> None:
    with log() as lines:
        await http.get("/work", headers={"X-Request-ID": TOKEN})
    assert lines.lines and not any(TOKEN in line for line in lines.lines if "byline." in line)


async def test_outside_of_requests_there_is_none() -> None:
    assert request_id.get() == ""
    with in_production() as log:
        logger.info("it started")
    assert "request_id" not in log.parsed()[0]


async def test_the_application_tells_who_asked(app: FastAPI, desk: httpx.AsyncClient) -> None:
    with in_production() as log:
        account = (await desk.get("/v1/account")).json()
        await desk.get("/v1/manage/posts", headers={"If-None-Match": "*"})
        await desk.get("/v1/account", headers={"Authorization": f"Bearer {TOKEN}"})
    lines = only(log.parsed(), logger="byline.access")
    assert [(line["status"], line.get("principal")) for line in lines] == [
        (200, f"user:{account['id']}"),
        (304, f"user:{account['id']}"),
        (401, None),
    ]


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, which is afterwards as it was."""
    root = logging.getLogger()
    names = ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "httpx")
    loggers = [root, *map(logging.getLogger, names)]
    before = [(found, found.handlers[:], found.level, found.propagate) for found in loggers]
    yield root
    for found, handlers, level, propagate in before:
        found.handlers, found.propagate = handlers, propagate
        found.setLevel(level)
    logging.captureWarnings(False)


def test_setting_up_twice_is_setting_up_once(
    root: logging.Logger, settings: Settings, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    others = root.handlers[:]
    for level in ("error", "warning"):
        configure_logging(settings.model_copy(update={"log_level": level, "environment": Environment.PRODUCTION}))
    assert root.handlers[:-1] == others
    assert root.handlers[-1].get_name() == HANDLER
    logger.info("too quiet")
    logger.warning("loud enough")
    logging.getLogger("uvicorn.error").warning("the server too")
    assert not logging.getLogger("uvicorn.access").hasHandlers(), "each request has one line already"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("warnings too", stacklevel=1)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"].splitlines()[0].rpartition(": ")[2] for line in lines] == [
        "loud enough",
        "the server too",
        "warnings too",
    ]
    assert "loud enough" in caplog.text


async def test_two_processes_write_lines_that_a_machine_reads(app: FastAPI, database_url: str, tmp_path: Path) -> None:
    """And nobody is believed who says that they come from elsewhere."""
    production = {
        "BYLINE_ENVIRONMENT": "production",
        "BYLINE_SECRET_KEY": "x" * 32,
        "BYLINE_DATABASE_URL": database_url,
    }
    given_ids = [f"request-{number}" for number in range(20)]
    with serving(tmp_path, "--workers", "2", **production) as (address, process, log):
        async with httpx.AsyncClient(base_url=address) as client:
            for given_id in given_ids:  # each on a connection of its own, so that both are asked
                headers = {"X-Request-ID": given_id, "X-Forwarded-For": "6.6.6.6", "Connection": "close"}
                await client.get("/v1/site?token=hush", headers=headers | {"Authorization": f"Bearer {TOKEN}"})
        until(lambda: log.read_text().count("Started server process") == 2, "both have started")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    others = [line for line in text.splitlines() if not line.startswith("{")]
    assert all(line == "" or line.startswith("  ") for line in others), "what is for people, and nothing else"
    assert len([line for line in lines if line["event"].startswith("Started server process")]) == 2
    accesses = {line["request_id"]: line for line in lines if line["logger"] == "byline.access"}
    assert {accesses[given_id]["path"] for given_id in given_ids} == {"/v1/site"}
    assert {line["client"] for line in accesses.values()} == {"127.0.0.1"}
    assert len([line for line in lines if line.get("path") == "/v1/site"]) == 20
    assert "hush" not in text and TOKEN not in text
