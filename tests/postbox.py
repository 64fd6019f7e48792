"""A mail server on a loopback port, in the loop of the tests."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class Postbox:
    """What the server has taken in, and how it answers: each of `answers` in turn in place of taking a mail."""

    def __init__(self) -> None:
        self.url = ""
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.sessions: list[Session] = []
        self.answers: list[str] = []
        self.tries = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.tries += 1
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.envelopes.append(envelope)
        self.sessions.append(session)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]

    def token(self, address: str) -> str:
        """Of the link in the newest mail to this address."""
        found = re.search(
            r"^https://blog\.example/account/[a-z-]+#token=([\w-]+)&email=\S+$", text_of(self.to(address)[-1]), re.M
        )
        assert found
        return found[1]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


@asynccontextmanager
async def mail_server(
    scheme: str = "smtp",
    ssl_context: ssl.SSLContext | None = None,
    postbox: Postbox | None = None,
    port: int = 0,
    **options: Any,
) -> AsyncIterator[Postbox]:
    postbox = postbox or Postbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postbox, hostname="mail.example", loop=asyncio.get_running_loop(), **options),
        "127.0.0.1",
        port,
        ssl=ssl_context,
    )
    postbox.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield postbox
