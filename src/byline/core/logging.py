"""Logs on standard error: JSON lines in production, for the eye in development; without secrets, with the request's id.

Every module logs through the standard library; on the console, `structlog` gives the records their form.
"""

import json
import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict

from byline.core.ids import request_id
from byline.core.redaction import redacted
from byline.core.settings import Environment, Settings

access = logging.getLogger("byline.access")

HANDLER = "byline"

_LEFT_BEHIND = ("color_message", "message", "asctime")  # on the record, by other formatters
_COMMON = frozenset([*logging.makeLogRecord({}).__dict__, *_LEFT_BEHIND])  # what `extra` has not added

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def configure_logging(settings: Settings) -> None:
    """Sets the process's logging up; a second time changes nothing but what other settings ask for."""
    handler = logging.StreamHandler()
    handler.set_name(HANDLER)
    handler.setFormatter(formatter(settings.environment is Environment.PRODUCTION, colours=sys.stderr.isatty()))
    root = logging.getLogger()
    for earlier in [found for found in root.handlers if found.get_name() == HANDLER]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # where uvicorn has set up its own
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"  # AccessLog writes that line
    for name in ("alembic", "httpx"):  # they tell of each readiness probe, and each address with its query
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line shows them


def formatter(production: bool, *, colours: bool = False) -> logging.Formatter:
    if production:
        return JsonLines()
    console = structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            _complete,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            _escape_control_characters,
            console,
        ],
    )


class JsonLines(logging.Formatter):
    """The same members as on the console. Each request writes a line, and to have structlog put it together takes three
    times as long.
    """

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {"event": record.getMessage()}
        event |= {name: value for name, value in record.__dict__.items() if name not in _COMMON}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        if current := request_id.get():
            event["request_id"] = current
        at = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        line = {**redact(None, "", event), "timestamp": f"{at}Z", "level": record.levelname.lower()}
        return json.dumps({**line, "logger": record.name})


def _complete(_: Any, __: str, event: EventDict) -> EventDict:
    for name in _LEFT_BEHIND:
        event.pop(name, None)
    if current := request_id.get():
        event["request_id"] = current
    return event


def redact(_: Any, __: str, event: EventDict) -> EventDict:
    """Takes secrets out: what stands under a name such as `password`, and what looks like one in any text."""
    return {name: redacted(value, name) for name, value in event.items()}


def _escape_control_characters(_: Any, __: str, event: EventDict) -> EventDict:
    """What a client wrote must not move the cursor of the terminal that shows it."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _CONTROL.sub(lambda found: repr(found[0])[1:-1], value)
    return event


class AccessLog:
    """A line for each request: what was asked for (without the query, which may hold anything), by whom, what came."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not access.isEnabledFor(logging.INFO):
            await self.app(scope, receive, send)
            return
        status = 500  # unless anything is answered
        began = time.perf_counter()

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            line: dict[str, Any] = {
                "method": scope["method"],
                "path": quote(scope["path"], errors="replace"),
                "status": status,
                "duration_ms": round((time.perf_counter() - began) * 1000, 1),
                "client": scope["client"][0] if scope.get("client") else None,
            }
            if "principal" in scope["state"]:
                line["principal"] = ":".join(map(str, scope["state"]["principal"]))
            access.info("request", extra=line)
