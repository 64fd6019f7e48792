from datetime import datetime

from sqlalchemy import Delete, Select, delete, func, select

from byline.accounts.models import Ticket
from byline.accounts.tickets import Purpose
from byline.core.pagination import Sorts

SORTS: Sorts = {"created_at": Ticket.created_at}


def invitations(now: datetime) -> Select[Ticket]:
    """Those that can be accepted still."""
    return select(Ticket).where(Ticket.purpose == Purpose.INVITATION, Ticket.expires_at > now)


def withdraw_invitations_of(email: str) -> Delete:
    invited = func.lower(Ticket.data["email"].astext) == func.lower(email)
    return delete(Ticket).where(Ticket.purpose == Purpose.INVITATION, invited)
