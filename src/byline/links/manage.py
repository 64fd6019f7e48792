"""Invitations."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from byline.accounts.deps import FreshFactorRequired, FreshPerson, SessionRequired, UserManager
from byline.accounts.idempotency import IdempotentRoute
from byline.accounts.service import EmailTaken, RoleAboveYours, UnfitEmail
from byline.core.deps import PaginatorDep, SessionDep
from byline.core.jobs import enqueue
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.links import queries, service, tasks
from byline.links.schemas import InvitationCreate, InvitationOut, InvitationQuery

router = APIRouter(prefix="/invitations", tags=["Manage users"], route_class=IdempotentRoute)


@router.get("", responses=problems(InvalidCursor))
async def list_invitations(
    query: Annotated[InvitationQuery, Query()], caller: UserManager, paginator: PaginatorDep
) -> Page[InvitationOut]:
    """Who has been invited and has not answered yet."""
    page = await paginator.page(queries.invitations(datetime.now(UTC)), query, query.sort, queries.SORTS)
    return Page[InvitationOut].model_validate(page)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=problems(EmailTaken, RoleAboveYours, UnfitEmail, SessionRequired, FreshFactorRequired),
)
async def invite_user(
    new: InvitationCreate,
    manager: UserManager,
    caller: FreshPerson,
    session: SessionDep,
) -> InvitationOut:
    """Invite somebody by a link in a mail, good once and for a week. A former invitation of theirs is withdrawn."""
    ticket = await service.invite(session, new, caller)
    await enqueue(session, tasks.send_invitation, {"ticket_id": str(ticket.id)})
    return InvitationOut.model_validate(ticket)


@router.delete(
    "/{invitation_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(service.InvitationNotFound, RoleAboveYours),
)
async def withdraw_invitation(invitation_id: UUID, caller: UserManager, session: SessionDep) -> None:
    """Withdraw an invitation: its link is good for nothing from now on."""
    await service.withdraw_invitation(session, invitation_id, caller)
