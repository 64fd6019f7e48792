"""What the links in mails are for, and asking for them."""

from fastapi import APIRouter, Response, status

from byline.accounts import sessions, throttle
from byline.accounts.deps import (
    ClientDep,
    CrossSiteRequest,
    FreshFactorRequired,
    FreshPerson,
    OwnUser,
    SessionRequired,
)
from byline.accounts.idempotency import IdempotentRoute
from byline.accounts.passwords import UnfitPassword
from byline.accounts.schemas import UserOut
from byline.accounts.service import EmailTaken, UnfitEmail
from byline.accounts.throttle import TooManyAttempts
from byline.accounts.tickets import InvalidTicket
from byline.core.deps import SessionDep, SettingsDep
from byline.core.errors import Unauthenticated
from byline.core.jobs import enqueue
from byline.core.problems import problems
from byline.links import service, tasks
from byline.links.schemas import (
    EmailChange,
    EmailChangeRequest,
    InvitationAccept,
    MailPromised,
    PasswordReset,
    PasswordResetRequest,
)

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"])
account = APIRouter(prefix="/v1/account", tags=["Your account"], route_class=IdempotentRoute)


@router.post(
    "/invitations/accept",
    status_code=status.HTTP_201_CREATED,
    responses=problems(InvalidTicket, EmailTaken, UnfitPassword),
)
async def accept_invitation(
    acceptance: InvitationAccept, client: ClientDep, session: SessionDep, settings: SettingsDep
) -> UserOut:
    """Become a user, by the link of an invitation. Sign in after that."""
    secret = settings.secret_key.get_secret_value()
    user = await service.accept_invitation(session, acceptance, address=client.address, secret=secret)
    return UserOut.model_validate(user)


@router.post("/password-reset", status_code=status.HTTP_202_ACCEPTED, responses=problems(TooManyAttempts))
async def request_password_reset(wish: PasswordResetRequest, client: ClientDep, session: SessionDep) -> MailPromised:
    """Ask for a link to choose a new password, good once and for an hour. The answer is the same for any address."""
    await throttle.count(session, service.reset_key(wish.email), throttle.address_key(client.address))
    ticket = await service.wish_password_reset(session, wish.email, address=client.address)
    await enqueue(session, tasks.grant_password_reset, {"ticket_id": str(ticket.id)})
    return MailPromised()


@router.post(
    "/password-reset/confirm",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(InvalidTicket, UnfitPassword),
)
async def reset_password(reset: PasswordReset, client: ClientDep, session: SessionDep, settings: SettingsDep) -> None:
    """Choose a new password, by the link. Every session ends; a second factor stays."""
    secret = settings.secret_key.get_secret_value()
    await service.reset_password(session, reset, address=client.address, secret=secret)


@account.post(
    "/email",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(
        Unauthenticated,
        sessions.InvalidToken,
        FreshFactorRequired,
        CrossSiteRequest,
        SessionRequired,
        UnfitEmail,
        TooManyAttempts,
    ),
)
async def request_email_change(
    wish: EmailChangeRequest, caller: FreshPerson, user: OwnUser, session: SessionDep
) -> MailPromised:
    """Ask for a link to the address that you want to sign in with from now on, good once and for a day.

    The address that you have until now is told. The answer is the same for an address that is somebody else's.
    """
    ticket, notice = await service.issue_email_change(session, user, wish.email)
    await enqueue(session, tasks.send_email_change, {"ticket_id": str(ticket.id)})
    await enqueue(session, tasks.send_email_change_notice, {"ticket_id": str(notice.id)})
    return MailPromised()


@router.post(
    "/email-change/confirm",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(InvalidTicket, EmailTaken),
)
async def change_email(change: EmailChange, client: ClientDep, session: SessionDep, settings: SettingsDep) -> None:
    """Change your e-mail address, by the link. Every session ends."""
    secret = settings.secret_key.get_secret_value()
    await service.change_email(session, change.token, address=client.address, secret=secret)
