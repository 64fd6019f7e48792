"""What the mails say. A template is the subject, an empty line, and the text; the HTML is made from the text."""

from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from byline.accounts.models import Ticket
from byline.accounts.tickets import token_of
from byline.core.mail import Mail, one_line
from byline.core.settings import Settings


def _finished(value: object) -> object:
    """A name that somebody gave themselves stays within its sentence."""
    return one_line(value) if type(value) is str else value


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    finalize=_finished,
    trim_blocks=True,
)


def invitation(settings: Settings, ticket: Ticket, *, inviter: str) -> Mail:
    to = str(ticket.data["email"])
    return _write(settings, "invitation", ticket, to, link=_link(settings, "invitation", ticket, to), inviter=inviter)


def password_reset(settings: Settings, ticket: Ticket, *, to: str) -> Mail:
    return _write(settings, "password_reset", ticket, to, link=_link(settings, "password-reset", ticket, to))


def email_change(settings: Settings, ticket: Ticket) -> Mail:
    """To the new address, so without a word that the user chose: it may be a stranger's."""
    to = str(ticket.data["email"])
    return _write(settings, "email_change", ticket, to, link=_link(settings, "email-change", ticket, to))


def email_change_notice(settings: Settings, notice: Ticket) -> Mail:
    link, new = f"{settings.account_url}/password-change", str(notice.data["email"])
    return _write(settings, "email_change_notice", notice, str(notice.data["old"]), link=link, new=new)


def _link(settings: Settings, page: str, ticket: Ticket, email: str) -> str:
    """The token is in the fragment, which browsers keep to themselves: no server's log and no Referer has it.

    The address is for the page to show, so that a password manager knows whose password it keeps.
    """
    token = token_of(ticket, settings.secret_key.get_secret_value())
    return f"{settings.account_url}/{page}#{urlencode({'token': token, 'email': email})}"


def _write(settings: Settings, name: str, ticket: Ticket, to: str, *, link: str, **values: object) -> Mail:
    values = {"site": settings.site_title, "link": link, "day": _day, "ticket": ticket, **values}
    subject, _, text = _templates.get_template(f"{name}.txt").render(values).partition("\n\n")
    html = _templates.get_template("mail.html").render(
        subject=subject, paragraphs=text.strip().split("\n\n"), link=link
    )
    return Mail(to=to, subject=subject, text=text, html=html, reference=str(ticket.id))


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
