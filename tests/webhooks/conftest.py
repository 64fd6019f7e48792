"""A receiver on a loopback port, and the application that may send to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, text

from byline.core.jobs import TASKS, Job, Sessions, Status, TaskContext
from byline.core.mail import Mail
from byline.core.settings import Settings
from byline.webhooks import tasks

Hook = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body)
        return message


@dataclass
class Receiver:
    """What it got, and what it answers: each of `answers` in turn (status, body), then 204."""

    url: str = ""
    got: list[Received] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    meanwhile: Hook | None = None

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [received.message for received in self.got]

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()  # who sent it was killed

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        received = Received(headers, await reader.readexactly(int(headers["content-length"])))
        self.got.append(received)
        if self.meanwhile is not None:
            await self.meanwhile(received.message)
        status, body = self.answers.pop(0) if self.answers else (204, "")
        answer = f"HTTP/1.1 {status} Whatever\r\nConnection: close\r\n"
        if status != 204:
            answer += f"Content-Length: {len(body.encode())}\r\n"
        writer.write(f"{answer}\r\n{body}".encode())
        try:
            await writer.drain()
        except ConnectionError:
            pass  # who asked is gone
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.serve, "127.0.0.1", 0) as server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        yield receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def inside(app: FastAPI, settings: Settings) -> Iterator[Settings]:
    """The settings, with loopback allowed; the application has them too."""
    allowed = settings.model_copy(update={"webhook_allowed_networks": [ip_network("127.0.0.0/8")]})
    app.state.settings = allowed
    yield allowed
    app.state.settings = settings


@pytest.fixture
def context(sessions: Sessions, inside: Settings, mailbox: Mailbox) -> TaskContext:
    return TaskContext(sessions, inside, mailbox)


async def fan_out(context: TaskContext) -> None:
    """Once the transactions of the test have ended, as far as their triggers go."""
    async with context.sessions.begin() as session:
        await session.execute(text("set constraints all immediate"))
    await tasks.fan_out(context)


async def run_jobs(context: TaskContext) -> int:
    """Does what is due, in the order of the queue, until nothing is; how many jobs that were."""
    done = 0
    while True:
        due = (Job.scheduled_at.is_(None)) | (Job.scheduled_at <= datetime.now(UTC))
        async with context.sessions.begin() as session:
            statement = select(Job).where(Job.status == Status.TODO, due, Job.task_name.startswith("webhooks."))
            job = await session.scalar(statement.order_by(Job.priority.desc(), Job.id).limit(1))
            if job is None:
                return done
            await session.execute(delete(Job).where(Job.id == job.id))
        if job.task_name == "webhooks.fan_out":
            await fan_out(context)
        else:
            await TASKS[job.task_name](context, **job.args)
        done += 1


async def make_due(context: TaskContext) -> None:
    """The time of every next try has come."""
    async with context.sessions.begin() as session:
        await session.execute(text("update webhook_deliveries set next_attempt_at = now() where state = 'pending'"))
        await session.execute(text("update procrastinate_jobs set scheduled_at = null"))
