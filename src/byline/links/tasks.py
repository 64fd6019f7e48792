"""What happens after the answer, so that no answer tells by its time whether an address is known."""

from byline.accounts.models import Ticket
from byline.accounts.service import Sessions
from byline.core.mail import Mailer
from byline.core.settings import Settings
from byline.links import mails, service


async def send_password_reset(
    transactions: Sessions, mailer: Mailer, settings: Settings, *, email: str, address: str | None
) -> None:
    """Goes to the address as the account has it, never to one that is merely like it."""
    async with transactions.begin() as session:
        issued = await service.issue_password_reset(
            session, email, address=address, secret=settings.secret_key.get_secret_value()
        )
    if issued is not None:
        token, ticket, user = issued
        await mailer.send(mails.password_reset(settings, ticket, token, to=user.email))


async def send_email_change(
    transactions: Sessions, mailer: Mailer, settings: Settings, *, token: str, ticket: Ticket, old: str
) -> None:
    """The link goes to the new address, unless another user has that; the old one hears of it in any case."""
    new = str(ticket.data["email"])
    async with transactions.begin() as session:
        taken = await service.is_taken(session, new, ticket.user_id)
    if not taken:
        await mailer.send(mails.email_change(settings, ticket, token, to=new))
    await mailer.send(mails.email_change_notice(settings, to=old, new=new))
