"""Mail: written by the rooms, sent here by SMTP.

A mail is sent by a job, which is enqueued in the transaction that it follows from: it outlives the process, and is
tried again for hours. So a mail may arrive twice, where a worker is killed before it has noted that it was sent; its
`Message-ID` is the same then.
"""

import logging
import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from byline.core.mailbox import mailbox
from byline.core.settings import Settings
from byline.core.text import printable

logger = logging.getLogger(__name__)

TIMEOUT = 15
"""Seconds that a server may take to connect, and for each answer."""

CONFIGURATION = {530, 534, 535, 538}
"""Codes (RFC 4954 §6) by which a server refuses us, and not the mail: the operator may mend that."""


class MailDelayed(RuntimeError):
    """Trying again may help."""


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str
    html: str
    reference: str | None = None  # the same for each try of one mail


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Raises MailDelayed. What no other try would change is logged."""


class SmtpMailer:
    def __init__(self, url: str, sender: Address) -> None:
        """`url` is one that the settings accept."""
        self.server = server(url)
        self.sender = sender

    async def send(self, mail: Mail) -> None:
        try:
            message = compose(mail, self.sender)
        except ValueError as error:
            logger.error("the mail %r to %r was not sent: %s", mail.subject, mail.to, error)
            return
        refusal: Exception | None = None
        try:
            await aiosmtplib.send(message, timeout=TIMEOUT, local_hostname=self.sender.domain, **self.server)
        except (aiosmtplib.SMTPException, OSError) as error:
            refusal = error
        if refusal is None:
            return
        # A server may quote from what it refuses; so what is raised is not chained to it either.
        reason = re.sub(r"token=[\w-]+", "token=…", f"{type(refusal).__name__}: {refusal}")
        if _is_temporary(refusal):
            raise MailDelayed(reason)
        logger.error("the mail %r to %s was not sent: %s", mail.subject, mail.to, reason)


class LoggingMailer:
    """For where there is no mail server: the operator hands the link on."""

    async def send(self, mail: Mail) -> None:
        logger.warning(
            "BYLINE_SMTP_URL is not set: this mail was not sent.\nTo: %s\nSubject: %s\n\n%s",
            *(one_line(mail.to), one_line(mail.subject), mail.text),
        )


def create_mailer(settings: Settings) -> Mailer:
    if settings.smtp_url is None:
        return LoggingMailer()
    address = mailbox(settings.mail_from) if settings.mail_from else _of_site(settings.site_url)
    sender = Address(one_line(settings.site_title), addr_spec=address)
    return SmtpMailer(settings.smtp_url.get_secret_value(), sender)


def _of_site(site_url: str) -> str:
    try:
        return mailbox(f"no-reply@{urlsplit(site_url).hostname}")
    except ValueError:  # such as an IPv6 address
        return "no-reply@localhost"


def one_line(text: str) -> str:
    """What people have typed, fit for a header or the middle of a sentence."""
    return " ".join(printable(text).split())


def compose(mail: Mail, sender: Address) -> EmailMessage:
    """Raises ValueError for an address that cannot be one."""
    message = EmailMessage(SMTP)
    message["From"] = sender
    message["To"] = mailbox(mail.to)
    message["Subject"] = one_line(mail.subject)
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = (
        make_msgid(domain=sender.domain) if mail.reference is None else f"<{mail.reference}@{sender.domain}>"
    )
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices, please
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def server(url: str) -> dict[str, Any]:
    """How to reach a server, in the terms of aiosmtplib.

    A password leaves this machine encrypted only, for a server that proves its name. Where there is none, encryption
    is taken if it is offered, and proves nothing: whoever could pretend to be the server could as well offer none.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    encrypted = parts.scheme == "smtps"
    has_secret = parts.username is not None and not _is_loopback(host)
    return {
        "hostname": host,
        "port": parts.port or (465 if encrypted else 587),
        "username": None if parts.username is None else unquote(parts.username),
        "password": None if parts.username is None else unquote(parts.password or ""),
        "use_tls": encrypted,
        "start_tls": False if encrypted else has_secret or None,
        "validate_certs": encrypted or has_secret,
    }


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_temporary(error: Exception) -> bool:
    """Whether trying again may help (RFC 5321 §4.2.1): codes of 400 to 499, and what is no answer to the mail."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            return any(400 <= refused.code < 500 for refused in error.recipients)
        case aiosmtplib.SMTPResponseException():
            return 400 <= error.code < 500 or error.code in CONFIGURATION
        case _:
            return True
