"""Messages about one subject go to one webhook in order, by one job at a time: each sends the oldest that waits, and
leaves a job for the next. What fails is tried again in its time, and what came after it waits.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.models import User
from byline.core import events
from byline.core.jobs import Job, Status, TaskContext, enqueue, task
from byline.webhooks import delivering, mails, queries, telling
from byline.webhooks.models import Webhook

LATE = timedelta(minutes=2)
"""After which what is due and was not sent is taken to have lost its job."""

_LOW = -10  # priority: receivers may be slow, and mails wait for nobody


@task("webhooks.fan_out", cron="* * * * *")
async def fan_out(context: TaskContext, *, event_ids: list[str] | None = None) -> None:
    """Tells whatever is untold. Enqueued by a trigger, in the transaction that records the events, which it names for
    workers of the version before; and by the clock, so that no event depends on one job.
    """
    async with context.sessions.begin() as session:  # of its own: who numbers holds up others who read the log
        await events.number(session)
    there_may_be_more = True
    while there_may_be_more:
        async with context.sessions.begin() as session:
            told = await telling.tell(session, context.settings)
            for webhook_id, subject_id in dict.fromkeys((one.webhook_id, one.subject_id) for one in told.made):
                await queue(session, webhook_id, subject_id)
        there_may_be_more = told.there_may_be_more


@task("webhooks.deliver", timeout=60)
async def deliver(context: TaskContext, *, webhook_id: str, subject_id: str) -> None:
    ids = UUID(webhook_id), UUID(subject_id)
    async with context.sessions.begin() as session:
        delivery = await session.scalar(queries.next_delivery(*ids))
        if delivery is None or not delivery.webhook.enabled:
            return
        if delivery.next_attempt_at is not None and delivery.next_attempt_at > datetime.now(UTC):
            await queue(session, *ids)
            return
    attempt = await delivering.send(delivery, context.settings)  # with no transaction open
    async with context.sessions.begin() as session:
        if await delivering.note(session, attempt):
            await enqueue(session, tell_disabled, {"webhook_id": webhook_id})
        await queue(session, *ids)


@task("webhooks.tell_disabled", attempts=20, timeout=120)
async def tell_disabled(context: TaskContext, *, webhook_id: str) -> None:
    """By a mail to who made it, unless it is enabled again by then."""
    async with context.sessions.begin() as session:
        webhook = await session.get(Webhook, UUID(webhook_id))
        if webhook is None or webhook.enabled or webhook.created_by is None:
            return
        creator = await session.get_one(User, webhook.created_by)
    await context.mailer.send(mails.disabled(context.settings, webhook, to=creator.email))


async def queue(session: AsyncSession, webhook_id: UUID, subject_id: UUID) -> None:
    """Sees to it that the next message is sent in its time."""
    await session.flush()
    following = await session.scalar(queries.next_delivery(webhook_id, subject_id))
    if following is None or not following.webhook.enabled:
        return
    at = following.next_attempt_at or datetime.now(UTC)
    lock = f"webhook:{webhook_id}:{subject_id}"
    payload = {"webhook_id": str(webhook_id), "subject_id": str(subject_id)}
    job_id = await enqueue(session, deliver, payload, at=at, lock=lock, queueing_lock=lock, priority=_LOW)
    # One that waits already may wait for longer.
    waits = Job.id == job_id, Job.status == Status.TODO, Job.scheduled_at > at
    await session.execute(update(Job).where(*waits).values(scheduled_at=at))


async def queue_all(session: AsyncSession, webhook_id: UUID) -> None:
    """Of a webhook that is enabled again."""
    await session.flush()
    for ids in (await session.execute(queries.waiting(webhook_id))).all():
        await queue(session, *ids)


@task("webhooks.resume", cron="*/5 * * * *")
async def resume(context: TaskContext) -> None:
    """Sends what is due and has no job: that was cancelled, or has failed by a fault of ours."""
    async with context.sessions.begin() as session:
        for ids in (await session.execute(queries.waiting(before=datetime.now(UTC) - LATE))).all():
            await queue(session, *ids)


@task("webhooks.prune", cron="43 * * * *")
async def prune(context: TaskContext) -> None:
    async with context.sessions.begin() as session:
        await delivering.prune(session)
