import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.policy import SMTP
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr, ValidationError

from byline.core import mail
from byline.core.mail import LoggingMailer, Mail, MailDelayed, SmtpMailer, compose, create_mailer, server
from byline.core.mailbox import mailbox
from byline.core.settings import Settings
from tests.postbox import Postbox, mail_server, text_of

SENDER = Address("Bücher & <Blog>", "no-reply", "blog.example")
TOKEN = "c2VjcmV0LXRva2Vu"
MAIL = Mail(
    to="ada@example.com",
    subject="Grüße 😀",
    text=f"Hallo Ada,\n\nhttps://blog.example/account/invitation#token={TOKEN}\n{'ä' * 1200}\n",
    html="<p>Hallo Ada</p>",
)


def mailer(url: str) -> SmtpMailer:
    return SmtpMailer(url, SENDER)


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    async with mail_server() as postbox:
        yield postbox


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """One that nobody has reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("certificate") / "server.pem"
    encoding, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, pkcs8, serialization.NoEncryption()) + signed.public_bytes(encoding))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


async def test_a_mail_arrives_as_it_was_written(postbox: Postbox) -> None:
    await mailer(postbox.url).send(MAIL)
    [received], [envelope] = postbox.mails, postbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@blog.example", ["ada@example.com"])
    assert (received["To"], received["Subject"]) == ("ada@example.com", "Grüße 😀")
    assert received["From"].addresses == (SENDER,)
    assert received["Message-ID"].endswith("@blog.example>")
    assert received["Auto-Submitted"] == "auto-generated"
    assert abs(received["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert received.get_content_type() == "multipart/alternative"
    assert text_of(received) == MAIL.text
    assert text_of(received, "html").strip() == MAIL.html


async def test_what_may_pass_is_for_another_try(postbox: Postbox, caplog: pytest.LogCaptureFixture) -> None:
    postbox.answers = [f"451 not now, https://blog.example/#token={TOKEN}", "421 later"]
    for code in ("451", "421"):
        with pytest.raises(MailDelayed, match=code) as delayed:
            await mailer(postbox.url).send(MAIL)
        assert TOKEN not in str(delayed.value) and delayed.value.__context__ is None
    assert (postbox.tries, caplog.text) == (2, "")


async def test_what_is_refused_is_logged(postbox: Postbox, caplog: pytest.LogCaptureFixture) -> None:
    postbox.answers = [f"554 I do not like https://blog.example/#token={TOKEN}"]
    await mailer(postbox.url).send(MAIL)
    [logged] = [record.getMessage() for record in caplog.records if record.name == "byline.core.mail"]
    assert "554" in logged and "ada@example.com" in logged and TOKEN not in logged
    assert (postbox.tries, postbox.mails) == (1, [])


async def test_each_try_of_a_mail_has_one_id(postbox: Postbox) -> None:
    for _ in range(2):
        await mailer(postbox.url).send(replace(MAIL, reference="one"))
    assert [received["Message-ID"] for received in postbox.mails] == ["<one@blog.example>"] * 2


class Picky(Postbox):
    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tries += 1
        return self.answers.pop(0)


async def test_an_address_may_be_refused(caplog: pytest.LogCaptureFixture) -> None:
    picky = Picky()
    picky.answers = ["550 no", "450 no"]
    async with mail_server(postbox=picky) as postbox:
        await mailer(postbox.url).send(MAIL)
        with pytest.raises(MailDelayed, match="450"):
            await mailer(postbox.url).send(MAIL)
    assert (picky.tries, picky.mails) == (2, [])
    assert "550" in caplog.text and TOKEN not in caplog.text


async def test_a_server_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MailDelayed, match="SMTPConnectError"):
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncio.timeout(10):
            with pytest.raises(MailDelayed, match="Timeout"):
                await mailer(f"smtp://127.0.0.1:{listener.getsockname()[1]}").send(MAIL)


def check(server: Server, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    right = LoginPassword(b"us@er", b"p:ss/w\xc3\xb6rd")
    return AuthResult(success=data == right, handled=False)


async def test_signing_in_to_the_server(certificate: ssl.SSLContext) -> None:
    """A wrong password is the operator's to mend: nothing is given up."""
    async with mail_server(tls_context=certificate, auth_required=True, authenticator=check) as postbox:
        host = postbox.url.removeprefix("smtp://")
        await mailer(f"smtp://us%40er:p%3Ass%2Fw%C3%B6rd@{host}").send(MAIL)
        assert [(session.authenticated, session.ssl is not None) for session in postbox.sessions] == [(True, True)]
        for credentials in ("us%40er:wrong@", ""):
            with pytest.raises(MailDelayed, match=r"53[05]") as delayed:
                await mailer(f"smtp://{credentials}{host}").send(MAIL)
            assert "wrong" not in str(delayed.value)
    assert len(postbox.mails) == 1


async def test_encryption_is_taken_where_it_is_offered(postbox: Postbox, certificate: ssl.SSLContext) -> None:
    async with mail_server(tls_context=certificate) as offering:
        await mailer(offering.url).send(MAIL)
    await mailer(postbox.url).send(MAIL)
    assert [session.ssl is not None for session in (*offering.sessions, *postbox.sessions)] == [True, False]


async def test_a_server_that_has_to_prove_its_name(certificate: ssl.SSLContext) -> None:
    async with mail_server("smtps", ssl_context=certificate) as postbox:
        with pytest.raises(MailDelayed, match="CERTIFICATE_VERIFY_FAILED"):
            await mailer(postbox.url).send(MAIL)
    assert postbox.mails == []


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "start_tls", "validate_certs"),
    [
        ("smtp://u:p@mail.example", 587, False, True, True),
        ("smtp://mail.example:25", 25, False, None, False),
        ("smtp://u:p@localhost:1025", 1025, False, None, False),
        ("smtp://u:p@127.0.0.2", 587, False, None, False),
        ("smtp://u:p@[::1]", 587, False, None, False),
        ("smtp://u:p@localhost.example", 587, False, True, True),
        ("smtps://mail.example", 465, True, False, True),
        ("smtps://u:p@mail.example:4650", 4650, True, False, True),
    ],
)
def test_a_password_leaves_the_machine_encrypted_only(
    url: str, port: int, use_tls: bool, start_tls: bool | None, validate_certs: bool
) -> None:
    found = server(url)
    assert (found["port"], found["use_tls"], found["start_tls"]) == (port, use_tls, start_tls)
    assert found["validate_certs"] == validate_certs
    assert (found["username"], found["password"]) == (("u", "p") if "@" in url else (None, None))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("ada@example.com", "ada@example.com"),
        ("a.b+c'd@x-y.example", "a.b+c'd@x-y.example"),
        ("Ada@Bücher.example", "Ada@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_addresses(given: str, used: str) -> None:
    assert mailbox(given) == used


@pytest.mark.parametrize(
    "given",
    [
        *("", "ada", "@example.com", "ada@", "a b@example.com", "a@b@example.com", "ada@example..com", ".a@b.example"),
        *("a@example.com\r\nBcc: b@example.com", "a@example.com\n", "a,b@example.com", "a@example.com,b@example.com"),
        *("<a@example.com>", "Ada <a@example.com>", "a@example.com>", '"a b"@example.com', "a(b)@example.com"),
        *("ä@example.com", "a\x00@example.com", "a@exam\x7fple.com", "a@example.com\u2028", "a@[127.0.0.1]", "a;b@x"),
        *("a@-x.example", "x" * 250 + "@b.example", "a@" + "b" * 64 + ".example"),
    ],
)
async def test_what_is_no_address(caplog: pytest.LogCaptureFixture, postbox: Postbox, given: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        mailbox(given)
    await mailer(postbox.url).send(Mail(to=given, subject="x", text="x", html="x"))
    assert postbox.tries == 0
    assert "was not sent" in caplog.text
    assert "\nBcc" not in caplog.text


@pytest.mark.parametrize("evil", ["x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com", "x\r\n\r\n<b>", "\x00\x0b\r"])
async def test_no_header_is_smuggled_in(postbox: Postbox, evil: str) -> None:
    settings = Settings(_env_file=None, smtp_url=SecretStr(postbox.url), site_title=evil, site_url="https://b.example")
    await create_mailer(settings).send(Mail(to="ada@example.com", subject=evil, text="x", html="x"))
    [received], [envelope] = postbox.mails, postbox.envelopes
    assert envelope.rcpt_tos == ["ada@example.com"]
    assert sorted(received.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert received.defects == []


def test_the_text_of_a_mail_is_no_header() -> None:
    message = compose(Mail(to="ada@example.com", subject="x", text="\r\n.\r\nBcc: a@b\r\n", html="<p>"), SENDER)
    assert b"\r\nBcc" not in message.as_bytes(policy=SMTP).partition(b"\r\n\r\n")[0]


async def test_without_a_server_the_operator_gets_the_mail(caplog: pytest.LogCaptureFixture) -> None:
    mailer = create_mailer(Settings(_env_file=None))
    assert isinstance(mailer, LoggingMailer)
    await mailer.send(MAIL)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert TOKEN in record.getMessage() and "ada@example.com" in record.getMessage()


@pytest.mark.parametrize(
    ("site_url", "given", "used"),
    [
        ("https://blog.example", None, "no-reply@blog.example"),
        ("https://blog.example:8443/at/home", None, "no-reply@blog.example"),
        ("https://bücher.example", None, "no-reply@xn--bcher-kva.example"),
        ("http://[::1]:8000", None, "no-reply@localhost"),
        ("https://blog.example", "post@example.com", "post@example.com"),
    ],
)
def test_the_sender(site_url: str, given: str | None, used: str) -> None:
    settings = Settings(_env_file=None, smtp_url=SecretStr("smtp://mail"), site_url=site_url, mail_from=given)
    mailer = create_mailer(settings)
    assert isinstance(mailer, SmtpMailer)
    assert mailer.sender == Address("Byline", addr_spec=used)


@pytest.mark.parametrize(
    "url",
    [
        *("mail.example", "http://u:hush@h", "smtp://", "smtp://u:hush/x@h", "smtp://h:70000", "smtp://h:0"),
        *("smtp://[x", "smtp://h/hush", "smtp://u:p@h hush", "smtp://u:hush#x@h"),
    ],
)
def test_what_is_no_mail_server_stops_the_start(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BYLINE_SMTP_URL", url)
    with pytest.raises(ValidationError, match="must be a mail server such as") as refused:
        Settings(_env_file=None)
    assert "smtp_url" in str(refused.value) and "hush" not in str(refused.value)


def test_settings_of_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYLINE_SMTP_URL", "")
    monkeypatch.setenv("BYLINE_MAIL_FROM", "")
    settings = Settings(_env_file=None, site_url="https://blog.example/at/home/")
    assert (settings.smtp_url, settings.mail_from) == (None, None)
    assert settings.account_url == "https://blog.example/at/home/account"
    assert "hush" not in repr(Settings(_env_file=None, smtp_url=SecretStr("smtp://u:hush@h")))
    with pytest.raises(ValidationError, match="no address that mail can be sent to"):
        Settings(_env_file=None, mail_from="Blog <post@example.com>")
