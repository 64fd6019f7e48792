"""Invitations, password resets and changes of address: each is a ticket, until its link is followed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import policy, sessions, throttle, tickets
from byline.accounts import queries as users
from byline.accounts import service as accounts
from byline.accounts.caller import ROLES, Caller, Role, Scope
from byline.accounts.models import Ticket, User
from byline.accounts.service import EmailTaken, RoleAboveYours, UnfitEmail
from byline.accounts.tickets import InvalidTicket, Purpose
from byline.authors import service as authors
from byline.authors.schemas import AuthorCreate
from byline.core import events
from byline.core.errors import NotFound
from byline.core.events import Actor
from byline.core.mailbox import mailbox
from byline.links import queries
from byline.links.schemas import InvitationAccept, InvitationCreate, PasswordReset

INVITED_FOR = timedelta(days=7)
RESET_WITHIN = timedelta(hours=1)
CHANGE_WITHIN = timedelta(days=1)
NOTICE_WITHIN = timedelta(days=7)


class InvitationNotFound(NotFound):
    code = "invitation_not_found"
    title = "There is no such invitation: it was accepted, withdrawn, or has run out"


async def invite(session: AsyncSession, new: InvitationCreate, caller: Caller) -> Ticket:
    """The invitation, in place of any former one. Raises UnfitEmail, RoleAboveYours, EmailTaken."""
    _require_mailbox(new.email)
    if not policy.may_manage(caller, new.role):
        raise RoleAboveYours()
    if await session.scalar(users.user_with_email(new.email)) is not None:
        raise EmailTaken()
    await session.execute(queries.withdraw_invitations_of(new.email))
    ticket = await tickets.create(
        session,
        Purpose.INVITATION,
        lifetime=INVITED_FOR,
        user_id=caller.user_id,
        data={"email": new.email, "role": new.role},
    )
    events.record(session, "invitation.created", ticket, _invited(ticket))
    return ticket


async def withdraw_invitation(session: AsyncSession, invitation_id: UUID, caller: Caller) -> None:
    """Raises InvitationNotFound, RoleAboveYours."""
    gone = delete(Ticket).where(Ticket.id == invitation_id, Ticket.purpose == Purpose.INVITATION).returning(Ticket)
    ticket = await session.scalar(gone)
    if ticket is None:
        raise InvitationNotFound()
    if not policy.may_manage(caller, Role(str(ticket.data["role"]))):
        raise RoleAboveYours()
    events.record(session, "invitation.withdrawn", ticket)


async def accept_invitation(
    session: AsyncSession, acceptance: InvitationAccept, *, address: str | None, secret: str
) -> User:
    """The user whom it makes, with a byline if they are to write.

    An invitation is worth no more than what its inviter may do now. Raises InvalidTicket, EmailTaken, UnfitPassword.
    """
    session.info["actor"] = Actor(address=address)
    ticket = await tickets.redeem(session, Purpose.INVITATION, acceptance.token, secret=secret)
    email, role = str(ticket.data["email"]), Role(str(ticket.data["role"]))
    inviter = await session.get(User, ticket.user_id)
    if inviter is None or not _may_invite(inviter, role):
        raise InvalidTicket()
    user = await accounts.create_user(
        session, email=email, name=acceptance.name, role=role, password=acceptance.password
    )
    if Scope.POSTS_WRITE in ROLES[role].scopes:
        await authors.create(session, AuthorCreate(name=acceptance.name), user_id=user.id)
    await session.execute(queries.withdraw_invitations_of(email))
    events.record(session, "invitation.accepted", ticket, {"user_id": {"before": None, "after": user.id}})
    return user


async def wish_password_reset(session: AsyncSession, email: str, *, address: str | None) -> Ticket:
    """Kept for any address: whatever depends on its being known is done after the answer."""
    return await tickets.create(
        session, Purpose.PASSWORD_RESET_WISH, lifetime=RESET_WITHIN, data={"email": email, "address": address}
    )


async def issue_password_reset(session: AsyncSession, wish_id: UUID) -> Ticket | None:
    """None if nobody who may sign in has the address of the wish, or that was granted already, or is too old."""
    wish = await tickets.take(session, Purpose.PASSWORD_RESET_WISH, wish_id)
    if wish is None:
        return None
    address = wish.data["address"]
    session.info["actor"] = Actor(address=str(address) if address is not None else None)
    user = await session.scalar(users.user_with_email(str(wish.data["email"])).with_for_update())
    if user is None or user.is_disabled:
        return None
    await tickets.withdraw(session, Purpose.PASSWORD_RESET, user.id)
    ticket = await tickets.create(session, Purpose.PASSWORD_RESET, lifetime=RESET_WITHIN, user_id=user.id)
    events.record(session, "user.password_reset_requested", user)
    return ticket


async def reset_password(session: AsyncSession, reset: PasswordReset, *, address: str | None, secret: str) -> None:
    """A second factor stays. Raises InvalidTicket, UnfitPassword."""
    _, user = await _redeem_of_user(session, Purpose.PASSWORD_RESET, reset.token, address=address, secret=secret)
    await accounts.set_password(session, user, reset.password)
    await sessions.end_all(session, user)
    await throttle.forgive(session, throttle.account_key(user.email), reset_key(user.email))


async def issue_email_change(session: AsyncSession, user: User, email: str) -> tuple[Ticket, Ticket]:
    """Of the link, which is to be sent to the new address, and of the notice to the one that they have: that is owed
    even if the link is followed first. Raises UnfitEmail, TooManyAttempts.
    """
    _require_mailbox(email)
    await throttle.count(session, f"{throttle.account_key(user.email)}:email-change")
    await tickets.withdraw(session, Purpose.EMAIL_CHANGE, user.id)
    ticket, notice = [
        await tickets.create(session, purpose, lifetime=lifetime, user_id=user.id, data={"email": email, **more})
        for purpose, lifetime, more in (
            (Purpose.EMAIL_CHANGE, CHANGE_WITHIN, {}),
            (Purpose.EMAIL_CHANGE_NOTICE, NOTICE_WITHIN, {"old": user.email}),
        )
    ]
    events.record(session, "user.email_change_requested", user, {"email": {"before": user.email, "after": email}})
    return ticket, notice


async def change_email(session: AsyncSession, token: str, *, address: str | None, secret: str) -> None:
    """Raises InvalidTicket, EmailTaken."""
    ticket, user = await _redeem_of_user(session, Purpose.EMAIL_CHANGE, token, address=address, secret=secret)
    email = str(ticket.data["email"])
    if await is_taken(session, email, user.id):
        raise EmailTaken()
    events.record(session, "user.email_changed", user, user.change({"email": email}))
    await session.flush()
    await tickets.withdraw(session, Purpose.PASSWORD_RESET, user.id)  # the old mailbox opens nothing any more
    await sessions.end_all(session, user)


async def is_taken(session: AsyncSession, email: str, user_id: UUID | None) -> bool:
    """Whether somebody else has this address."""
    return await session.scalar(users.user_with_email(email).where(User.id != user_id)) is not None


def reset_key(email: str) -> str:
    """Of the throttle: apart from that of sign-in, for who cannot sign in has to be able to ask for this."""
    return f"{throttle.account_key(email)}:password-reset"


async def _redeem_of_user(
    session: AsyncSession, purpose: Purpose, token: str, *, address: str | None, secret: str
) -> tuple[Ticket, User]:
    """The user is locked, and acts from here on. Raises InvalidTicket."""
    ticket = await tickets.redeem(session, purpose, token, secret=secret)
    user = await session.get(User, ticket.user_id, with_for_update=True)
    if user is None or user.is_disabled:
        raise InvalidTicket()
    session.info["actor"] = Actor(user_id=user.id, address=address)
    return ticket, user


def _require_mailbox(email: str) -> None:
    """Raises UnfitEmail."""
    try:
        mailbox(email)
    except ValueError as error:
        raise UnfitEmail(f"this {error}", pointer="/email") from error


def _may_invite(inviter: User, role: Role) -> bool:
    own = Role(inviter.role)
    return not inviter.is_disabled and Scope.USERS_MANAGE in ROLES[own].scopes and own.rank <= role.rank


def _invited(ticket: Ticket) -> dict[str, Any]:
    return {name: {"before": None, "after": ticket.data[name]} for name in ("email", "role")}
