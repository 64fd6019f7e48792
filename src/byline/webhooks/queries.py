from datetime import datetime
from uuid import UUID

from sqlalchemy import Delete, Select, Text, cast, delete, exists, func, select, tuple_
from sqlalchemy.orm import aliased, defer, joinedload, selectinload

from byline.core.events import Event, EventLog
from byline.core.pagination import Sorts
from byline.webhooks.models import Delivery, State, Untold, Webhook
from byline.webhooks.schemas import DeliveryQuery

SORTS: Sorts = {"created_at": Webhook.created_at}
DELIVERY_SORTS: Sorts = {"id": Delivery.id}


def webhooks() -> Select[Webhook]:
    return select(Webhook)


def listening(since: datetime) -> Select[Webhook]:
    """Those that hear of what happened then."""
    return select(Webhook).where(Webhook.disabled_at.is_(None), Webhook.created_at <= since)


def untold(now: datetime) -> Select[Event, int]:
    """Each with the number of its failed tries, in the order of the log. What waits for its next try holds up what came
    later about the same subject.
    """
    other = aliased(Untold)
    held_up = exists().where(other.subject_id == Untold.subject_id, other.next_attempt_at > now)
    statement = select(Event, Untold.attempts).join(Untold, Untold.event_id == Event.id)
    statement = statement.join(EventLog, EventLog.id == Event.id)
    return statement.where(EventLog.sequence.is_not(None), ~held_up).order_by(EventLog.sequence)


def deliveries(webhook_id: UUID, query: DeliveryQuery) -> Select[Delivery]:
    statement = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if query.state is not None:
        statement = statement.where(Delivery.state == query.state)
    if query.type is not None:
        statement = statement.where(Delivery.type == query.type)
    if query.subject_id is not None:
        statement = statement.where(Delivery.subject_id == query.subject_id)
    return statement.options(defer(Delivery.payload, raiseload=True))


def delivery(webhook_id: UUID, delivery_id: UUID) -> Select[Delivery]:
    statement = select(Delivery).where(Delivery.webhook_id == webhook_id, Delivery.id == delivery_id)
    return statement.options(selectinload(Delivery.tries))


def next_delivery(webhook_id: UUID, subject_id: UUID) -> Select[Delivery]:
    """The oldest about this subject that is not delivered yet, with its webhook."""
    waiting = Delivery.webhook_id == webhook_id, Delivery.subject_id == subject_id, Delivery.state == State.PENDING
    statement = select(Delivery).where(*waiting).order_by(Delivery.place).limit(1)
    return statement.options(joinedload(Delivery.webhook))


def waiting(webhook_id: UUID | None = None, before: datetime | None = None) -> Select[UUID, UUID]:
    """Webhook and subject of what is pending at enabled webhooks: of this one, due before then."""
    statement = select(Delivery.webhook_id, Delivery.subject_id).join(Delivery.webhook).distinct()
    statement = statement.where(Delivery.state == State.PENDING, Webhook.disabled_at.is_(None))
    if webhook_id is not None:
        statement = statement.where(Delivery.webhook_id == webhook_id)
    if before is not None:
        statement = statement.where(Delivery.next_attempt_at < before)
    return statement


def later(event: Event) -> Select[Event]:
    """What happened to its subject after the event, the newest first."""
    after = tuple_(Event.occurred_at, Event.id) > (event.occurred_at, event.id)
    statement = select(Event).where(Event.subject_id == event.subject_id, after)
    return statement.order_by(Event.occurred_at.desc(), Event.id.desc())


def forget_messages_about(subject_id: UUID) -> Delete:
    """Whatever names it, sent or not."""
    return delete(Delivery).where(func.strpos(cast(Delivery.payload, Text), str(subject_id)) > 0)
