"""What the mails say. A template is the subject, an empty line, and the text; the HTML is made from the text."""

from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from byline.accounts.models import Ticket
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


def invitation(settings: Settings, ticket: Ticket, token: str, *, to: str, inviter: str) -> Mail:
    return _write(
        settings, "invitation", to, link=_link(settings, "invitation", token, to), ticket=ticket, inviter=inviter
    )


def password_reset(settings: Settings, ticket: Ticket, token: str, *, to: str) -> Mail:
    return _write(settings, "password_reset", to, link=_link(settings, "password-reset", token, to), ticket=ticket)


def email_change(settings: Settings, ticket: Ticket, token: str, *, to: str) -> Mail:
    """To the new address, so without a word that the user chose: it may be a stranger's."""
    return _write(settings, "email_change", to, link=_link(settings, "email-change", token, to), ticket=ticket)


def email_change_notice(settings: Settings, *, to: str, new: str) -> Mail:
    return _write(settings, "email_change_notice", to, link=f"{settings.account_url}/password-change", new=new)


def _link(settings: Settings, page: str, token: str, email: str) -> str:
    """The token is in the fragment, which browsers keep to themselves: no server's log and no Referer has it.

    The address is for the page to show, so that a password manager knows whose password it keeps.
    """
    return f"{settings.account_url}/{page}#{urlencode({'token': token, 'email': email})}"


def _write(settings: Settings, name: str, to: str, *, link: str, **values: object) -> Mail:
    values = {"site": settings.site_title, "link": link, "day": _day, **values}
    subject, _, text = _templates.get_template(f"{name}.txt").render(values).partition("\n\n")
    html = _templates.get_template("mail.html").render(
        subject=subject, paragraphs=text.strip().split("\n\n"), link=link
    )
    return Mail(to=to, subject=subject, text=text, html=html)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
