"""Mails, and what no answer may tell by its time: whether an address is known.

A job names a ticket. The token of the link is made from that as the mail is written: no queue holds one.
"""

from uuid import UUID

from byline.accounts import tickets
from byline.accounts.models import User
from byline.accounts.tickets import Purpose
from byline.core.jobs import TaskContext, enqueue, task
from byline.links import mails, service

TRIES = 20
"""The last one comes after some twelve hours. What has run out by then is not sent."""

TIMEOUT = 120  # seconds: a mail server may take its time for each of several answers


@task("links.send_invitation", attempts=TRIES, timeout=TIMEOUT)
async def send_invitation(context: TaskContext, *, ticket_id: str) -> None:
    async with context.sessions.begin() as session:
        ticket = await tickets.find(session, Purpose.INVITATION, UUID(ticket_id))
        inviter = await session.get(User, ticket.user_id) if ticket is not None else None
    if ticket is not None and inviter is not None:
        await context.mailer.send(mails.invitation(context.settings, ticket, inviter=inviter.name))


@task("links.grant_password_reset")
async def grant_password_reset(context: TaskContext, *, ticket_id: str) -> None:
    """Looks who has the address of a wish. Nothing happens where nobody has it."""
    async with context.sessions.begin() as session:
        ticket = await service.issue_password_reset(session, UUID(ticket_id))
        if ticket is not None:
            await enqueue(session, send_password_reset, {"ticket_id": str(ticket.id)})


@task("links.send_password_reset", attempts=TRIES, timeout=TIMEOUT)
async def send_password_reset(context: TaskContext, *, ticket_id: str) -> None:
    """Goes to the address as the account has it, never to one that is merely like it."""
    async with context.sessions.begin() as session:
        ticket = await tickets.find(session, Purpose.PASSWORD_RESET, UUID(ticket_id))
        user = await session.get(User, ticket.user_id) if ticket is not None else None
    if ticket is not None and user is not None:
        await context.mailer.send(mails.password_reset(context.settings, ticket, to=user.email))


@task("links.send_email_change", attempts=TRIES, timeout=TIMEOUT)
async def send_email_change(context: TaskContext, *, ticket_id: str) -> None:
    """The link goes to the new address, unless another user has that."""
    async with context.sessions.begin() as session:
        ticket = await tickets.find(session, Purpose.EMAIL_CHANGE, UUID(ticket_id))
        if ticket is None or await service.is_taken(session, str(ticket.data["email"]), ticket.user_id):
            return
    await context.mailer.send(mails.email_change(context.settings, ticket))


@task("links.send_email_change_notice", attempts=TRIES, timeout=TIMEOUT)
async def send_email_change_notice(context: TaskContext, *, ticket_id: str) -> None:
    """The old address hears of it in any case."""
    async with context.sessions.begin() as session:
        notice = await tickets.find(session, Purpose.EMAIL_CHANGE_NOTICE, UUID(ticket_id))
    if notice is not None:
        await context.mailer.send(mails.email_change_notice(context.settings, notice))
    async with context.sessions.begin() as session:
        await tickets.take(session, Purpose.EMAIL_CHANGE_NOTICE, UUID(ticket_id))
