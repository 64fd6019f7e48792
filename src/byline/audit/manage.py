from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from byline.accounts.deps import AuditReader
from byline.audit import queries
from byline.audit.schemas import AuditEntry, AuditQuery
from byline.core.deps import PaginatorDep, SessionDep
from byline.core.errors import NotFound
from byline.core.events import Event
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page

router = APIRouter(prefix="/audit-log", tags=["Audit log"])


class AuditEntryNotFound(NotFound):
    code = "audit_entry_not_found"
    title = "There is no such entry in the audit log"


@router.get("", responses=problems(InvalidCursor))
async def list_audit_entries(
    query: Annotated[AuditQuery, Query()], caller: AuditReader, session: SessionDep, paginator: PaginatorDep
) -> Page[AuditEntry]:
    """Who did what, the newest first. Nothing is ever changed or taken out, but for the data of who was erased."""
    page = await paginator.page(queries.entries(query), query, query.sort, queries.SORTS)
    names = dict((await session.execute(queries.names_of(page.data))).all())
    data = [AuditEntry.of_event(event, names) for event in page.data]
    return Page[AuditEntry](data=data, next_cursor=page.next_cursor, total=page.total)


@router.get("/{event_id}", responses=problems(AuditEntryNotFound))
async def get_audit_entry(event_id: UUID, caller: AuditReader, session: SessionDep) -> AuditEntry:
    """One entry of the audit log."""
    event = await session.get(Event, event_id)
    if event is None:
        raise AuditEntryNotFound()
    return AuditEntry.of_event(event, dict((await session.execute(queries.names_of([event]))).all()))
