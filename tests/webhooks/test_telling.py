"""No event depends on one job, nor on another event."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, select, text

from byline.core.jobs import Job, Sessions, TaskContext
from byline.tags import service as tags
from byline.tags.schemas import TagUpdate
from byline.webhooks import telling
from byline.webhooks.models import Untold, Webhook
from tests import make
from tests.webhooks.conftest import Receiver, fan_out, run_jobs

# What no code of ours foresaw: the database refuses a delivery, for as long as the word is in it.
POISON = "alter table webhook_deliveries add constraint poison check (payload::text not like '%Poison%')"


@pytest.fixture(autouse=True)
async def webhook(sessions: Sessions, receiver: Receiver) -> AsyncIterator[Webhook]:
    async with sessions.begin() as session:
        made = await make.webhook(session, receiver.url)
    yield made


async def untold(context: TaskContext) -> list[Untold]:
    async with context.sessions.begin() as session:
        return list(await session.scalars(select(Untold)))


async def test_what_lost_its_job_is_told_by_the_clock(context: TaskContext, receiver: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.tag(session, "One")
        await make.tag(session, "Two")
        await session.execute(delete(Job))
    await fan_out(context)
    await run_jobs(context)
    assert [message["data"]["name"] for message in receiver.messages] == ["One", "Two"]
    assert await untold(context) == []


async def test_an_event_that_cannot_be_told_holds_up_nothing_but_its_subject(
    context: TaskContext, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async with context.sessions.begin() as session:
        await session.execute(text(POISON))
        tag = await make.tag(session, "Poison")
        await make.tag(session, "Before")
        await tags.update(session, tag, TagUpdate(name="Later"))
        await make.tag(session, "After")
    await run_jobs(context)
    assert sorted(message["data"]["name"] for message in receiver.messages) == ["After", "Before"]
    first, second = sorted(await untold(context), key=lambda row: -row.attempts)
    assert (first.attempts, second.attempts, second.error) == (1, 0, None)
    assert "poison" in (first.error or "") and first.next_attempt_at is not None
    assert [str(first.event_id)] == [vars(one)["event"] for one in caplog.records if one.name == telling.__name__]

    await fan_out(context)  # it is not its time yet
    async with context.sessions.begin() as session:
        await session.execute(text("update webhook_untold set next_attempt_at = now() where attempts > 0"))
    await fan_out(context)
    assert sorted(row.attempts for row in await untold(context)) == [0, 2]

    async with context.sessions.begin() as session:
        await session.execute(text("alter table webhook_deliveries drop constraint poison"))
        await session.execute(text("update webhook_untold set next_attempt_at = now() where attempts > 0"))
    await fan_out(context)
    await run_jobs(context)
    assert [message["data"]["name"] for message in receiver.messages[2:]] == ["Poison", "Later"]
    assert await untold(context) == []


async def test_what_is_untold_is_told_in_as_many_transactions_as_it_takes(
    context: TaskContext, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "AT_ONCE", 2)
    async with context.sessions.begin() as session:
        tag = await make.tag(session, "0")
        for number in range(1, 5):
            await tags.update(session, tag, TagUpdate(name=str(number)))
    await run_jobs(context)
    assert [message["data"]["name"] for message in receiver.messages] == list("01234")
