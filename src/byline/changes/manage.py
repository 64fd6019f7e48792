"""Every event, in order, for services that follow what happens at the desk."""

from typing import Annotated

from fastapi import APIRouter, Query

from byline.accounts.deps import AuditReader
from byline.audit.queries import names_of
from byline.audit.schemas import AuditEntry
from byline.changes import queries
from byline.changes.schemas import EventOut, EventQuery
from byline.core.deps import PaginatorDep, SessionDep
from byline.core.events import number
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page

router = APIRouter(prefix="/events", tags=["Events"])


@router.get("", responses=problems(InvalidCursor))
async def list_events(
    query: Annotated[EventQuery, Query()], caller: AuditReader, session: SessionDep, paginator: PaginatorDep
) -> Page[EventOut]:
    """What the audit log has, in an order to which nothing is added behind: `after` the last `sequence` that you have
    comes all that happened since, each event once.
    """
    await number(session)
    page = await paginator.page(queries.events(query), query, query.sort, queries.SORTS)
    names = dict((await session.execute(names_of(entry.event for entry in page.data))).all())
    data = [
        EventOut(sequence=entry.sequence, **dict(AuditEntry.of_event(entry.event, names)))
        for entry in page.data
        if entry.sequence is not None
    ]
    return Page[EventOut](data=data, next_cursor=page.next_cursor, total=page.total)
