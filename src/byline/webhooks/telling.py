"""From events to deliveries: whatever is untold, in the order of the log."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.events import Event
from byline.core.ids import uuid7
from byline.core.jobs import LONGEST_WAIT, describe
from byline.core.settings import Settings
from byline.webhooks import queries
from byline.webhooks.messages import message_of
from byline.webhooks.models import Delivery, State, Untold
from byline.webhooks.payloads import wants

logger = logging.getLogger(__name__)

AT_ONCE = 100
"""Events of one transaction."""

FIRST_WAIT = 10.0  # seconds; twice as long after each failure


@dataclass(frozen=True, slots=True)
class Told:
    made: list[Delivery]
    there_may_be_more: bool


async def tell(session: AsyncSession, settings: Settings) -> Told:
    """Makes the deliveries of the oldest untold events that have a number, one caller at a time.

    An event that cannot be told stays, with its error, and is tried again; what came after it about the same subject
    waits for it, and nothing else does.
    """
    # A lock that ends with its holder: that of a job would be held for a minute after its worker is killed.
    await session.execute(text("select pg_advisory_xact_lock(hashtext('byline:webhooks'))"))
    found = (await session.execute(queries.untold(datetime.now(UTC)).limit(AT_ONCE))).all()
    made: list[Delivery] = []
    told: list[UUID] = []
    held_up: set[UUID | None] = set()
    for event, attempts in found:
        if event.subject_id in held_up:
            continue
        event_id, subject_id, type = event.id, event.subject_id, event.type  # what fails may expire the row
        try:
            async with session.begin_nested():
                made += await deliveries_of(session, event, settings)
        except Exception as error:
            held_up.add(subject_id)
            logger.error("an event cannot be told yet", extra={"event": str(event_id), "type": type}, exc_info=error)
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 30))
            kept = {"attempts": attempts + 1, "error": describe(error)}
            kept["next_attempt_at"] = datetime.now(UTC) + timedelta(seconds=wait)
            await session.execute(update(Untold).where(Untold.event_id == event_id).values(kept))
        else:
            told.append(event_id)
    await session.execute(delete(Untold).where(Untold.event_id.in_(told)))
    return Told(made, len(found) == AT_ONCE)


async def deliveries_of(session: AsyncSession, event: Event, settings: Settings) -> list[Delivery]:
    """One for each webhook that wants it; what is there already stays as it is."""
    listening = (await session.scalars(queries.listening(event.occurred_at))).all()
    message = await message_of(session, event, site_url=settings.site_url) if listening else None
    if message is None or event.subject_id is None:
        return []
    values = {"event_id": event.id, "subject_id": event.subject_id, "type": message.type}
    values |= {"payload": message.model_dump(mode="json"), "state": State.PENDING, "attempts": 0}
    made: list[Delivery] = []
    for webhook in listening:
        if wants(webhook.event_types, message.type):
            one = insert(Delivery).values(**values, id=uuid7(), webhook_id=webhook.id)
            one = one.on_conflict_do_nothing(index_elements=["webhook_id", "event_id"])
            made.extend(await session.scalars(one.returning(Delivery)))
    return made
