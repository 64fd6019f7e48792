"""What happens is told, signed, in order, and again until it is received."""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text, update

from byline.authors import service as authors
from byline.authors.schemas import AuthorUpdate
from byline.core.events import Event
from byline.core.jobs import Job, Sessions, TaskContext
from byline.core.settings import Settings
from byline.posts import publishing
from byline.posts import service as posts
from byline.posts.schemas import PostPublish, PostUpdate
from byline.posts.tasks import announce
from byline.privacy.schemas import Byline
from byline.privacy.service import erase
from byline.tags import service as tags
from byline.tags.schemas import TagUpdate
from byline.webhooks import delivering, signing, tasks
from byline.webhooks.models import Delivery, DeliveryAttempt, State, Webhook
from tests import make
from tests.webhooks.conftest import Mailbox, Received, Receiver, fan_out, make_due, run_jobs


@pytest.fixture
async def webhook(sessions: Sessions, receiver: Receiver) -> AsyncIterator[Webhook]:
    async with sessions.begin() as session:
        owner = await make.user(session, email="ada@example.com")
        made = await make.webhook(session, receiver.url, created_by=owner.id)
    yield made


def secret_of(sealed: bytes, settings: Settings) -> str:
    return signing.unseal(sealed, secret=settings.secret_key.get_secret_value())


def verify(received: Received, secret: str) -> bool:
    """As the specification has it, written without ours."""
    headers = received.headers
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), received.body])
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


async def deliveries(context: TaskContext) -> list[Delivery]:
    async with context.sessions.begin() as session:
        return list(await session.scalars(select(Delivery).order_by(Delivery.id)))


async def test_the_example_of_the_specification() -> None:
    """github.com/standard-webhooks/standard-webhooks: the vector that every library of theirs tests."""
    made = signing.headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_post_is_told_as_readers_see_it(
    client: httpx.AsyncClient, context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    async with context.sessions.begin() as session:
        await make.tag(session)
        await make.author(session)
        await make.series(session)
        fields: dict[str, Any] = {"tags": ["measurement"], "authors": ["ada-lovelace"], "series": "measuring-well"}
        cover = {"url": "/cover.png", "alt": "A ruler"}
        await make.post(session, **fields, series_position=2, cover=cover, custom={"a": [1, 2.5, None]})
    await run_jobs(context)
    assert receiver.types == ["tag.created", "author.created", "series.created", "post.published"]
    shown = (await client.get("/v1/posts/how-to-measure")).raise_for_status().json()
    told = receiver.messages[-1]
    assert told.keys() == {"type", "timestamp", "data"}
    assert {**told["data"], "updated_at": ""} == {**shown, "updated_at": ""}
    for kind in ("tags", "authors", "series"):
        there = (await client.get(f"/v1/{kind}")).json()["data"]
        assert next(one for one in receiver.messages if one["type"].startswith(kind[:3]))["data"] == there[0]
    received = receiver.got[-1]
    assert verify(received, secret_of(webhook.secret, context.settings))
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("Byline/")
    [*_, last] = await deliveries(context)
    assert (received.headers["webhook-id"], last.state, last.attempts) == (str(last.id), State.DELIVERED, 1)


async def test_only_what_readers_see_is_told(context: TaskContext, webhook: Webhook, receiver: Receiver) -> None:
    async with context.sessions.begin() as session:
        post = await make.draft(session)
        await posts.update(session, post, PostUpdate(title="Still a draft"), caller=None)
        await publishing.publish(session, post, PostPublish(), caller=None)
        await posts.update(session, post, PostUpdate(title="A new title", slug="new"), caller=None)
    await run_jobs(context)
    assert [(one["type"], one["data"]["title"]) for one in receiver.messages] == [("post.published", "Still a draft")]
    async with context.sessions.begin() as session:
        post = await session.merge(post)
        await publishing.publish(session, post, PostPublish(), caller=None)
        await posts.update(session, post, PostUpdate(slug="newer"), caller=None)
        await publishing.unpublish(session, post, caller=None)
        await posts.update(session, post, PostUpdate(title="Hidden"), caller=None)
        await posts.trash(session, post, caller=None)
    await run_jobs(context)
    _, updated, unpublished = receiver.messages
    assert (updated["type"], updated["data"]["slug"]) == ("post.updated", "new")
    assert unpublished["type"] == "post.unpublished"
    gone = {"id": str(post.id), "slug": "new", "url": "https://blog.example/posts/new", "kind": "post"}
    assert unpublished["data"] == gone


async def test_what_readers_saw_and_is_trashed_is_told(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    async with context.sessions.begin() as session:
        page = await make.post(session, "About", kind="page")
        await posts.trash(session, page, caller=None)
        await posts.trash(session, await make.draft(session), caller=None)
    await run_jobs(context)
    assert receiver.types == ["post.published", "post.trashed"]
    assert receiver.messages[1]["data"]["url"] == "https://blog.example/about"


async def test_what_is_scheduled_is_told_when_that_is_announced(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    async with context.sessions.begin() as session:
        post = await make.post(session, at=soon)
    await run_jobs(context)
    assert receiver.types == []
    async with context.sessions.begin() as session:
        post = await session.merge(post)
        post.status = "published"
        session.add(
            Event(
                type="post.went_live",
                subject_type="post",
                subject_id=post.id,
                changes={"status": {"before": "scheduled", "after": "published"}},
            )
        )
    await run_jobs(context)
    assert receiver.types == ["post.published"]
    async with context.sessions.begin() as session:  # and back to a schedule: readers see it no more
        await publishing.publish(session, await session.merge(post), PostPublish(at=soon), caller=None)
    await run_jobs(context)
    assert receiver.types == ["post.published", "post.unpublished"]


async def test_what_has_expired_is_told_when_that_is_announced(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    now = datetime.now(UTC)
    async with context.sessions.begin() as session:
        draft = await make.draft(session)
        wish = PostPublish(at=now - timedelta(hours=1), expires_at=now + timedelta(hours=1))
        post = await publishing.publish(session, draft, wish, caller=None)
    async with context.sessions.begin() as session:
        (await session.merge(post)).expires_at = now
    await announce(context)
    await announce(context)
    await run_jobs(context)
    assert receiver.types == ["post.published", "post.unpublished"]
    gone = receiver.got[-1].message["data"]
    assert (gone["slug"], gone["url"]) == ("how-to-measure", "https://blog.example/posts/how-to-measure")


async def test_a_message_tells_how_it_was_then(context: TaskContext, webhook: Webhook, receiver: Receiver) -> None:
    """Also when much has happened until it is made."""
    async with context.sessions.begin() as session:
        post = await make.post(session, "First")
        await posts.update(session, post, PostUpdate(title="Second", slug="second"), caller=None)
        await publishing.publish(session, post, PostPublish(), caller=None)
        await publishing.unpublish(session, post, caller=None)
        author = await make.author(session, "Ada", bio="Once")
        await authors.update(session, author, AuthorUpdate(name="Augusta", bio="Twice"))
        await authors.update(session, author, AuthorUpdate(slug="augusta"))
        await authors.delete(session, author)
    await run_jobs(context)
    told = [
        (one["type"], one["data"]["slug"], one["data"].get("title") or one["data"].get("bio"))
        for one in sorted(receiver.messages, key=lambda one: one["timestamp"])
    ]
    assert told == [
        ("post.published", "first", "First"),
        ("post.updated", "second", "Second"),
        ("post.unpublished", "second", None),
        ("author.created", "ada", "Once"),
        ("author.updated", "ada", "Twice"),
        ("author.updated", "augusta", "Twice"),
        ("author.deleted", "augusta", None),
    ]


async def test_what_is_private_to_the_desk_is_not_told(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    async with context.sessions.begin() as session:
        author = await make.author(session)
        changes = author.change({"user_id": (await make.user(session)).id})
        session.add(Event(type="author.updated", subject_type="author", subject_id=author.id, changes={}))
        assert changes
    await run_jobs(context)
    assert receiver.types == ["author.created"]


async def test_an_erased_author_is_forgotten(
    context: TaskContext, webhook: Webhook, receiver: Receiver, settings: Settings
) -> None:
    """Here, and by whoever goes by what they are told."""
    async with context.sessions.begin() as session:
        user, author, _ = await make.writer(session, "Ada Lovelace")
        await make.post(session, authors=["ada-lovelace"])
        erased, gone, _ = await make.writer(session, "Grace Hopper")
    await run_jobs(context)
    async with context.sessions.begin() as session:
        for one in (user, erased):
            await erase(session, await session.merge(one), Byline.ERASE)
    kept = await deliveries(context)
    assert kept == []
    await run_jobs(context)
    updated, deleted = receiver.messages[-2:]
    assert (updated["type"], updated["data"]["id"], updated["data"]["name"]) == (
        "author.updated",
        str(author.id),
        "Former author",
    )
    assert (deleted["type"], deleted["data"]) == ("author.deleted", {"id": str(gone.id), "slug": None, "url": None})
    everything = str([one.payload for one in await deliveries(context)])
    assert "Ada" not in everything and "Grace" not in everything


async def test_a_webhook_is_told_what_it_asks_for(context: TaskContext, receiver: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.webhook(session, receiver.url + "/tags", event_types=["tag.*"])
        await make.webhook(session, receiver.url + "/updates", event_types=["tag.updated", "series.updated"])
        await make.webhook(session, receiver.url + "/off", disabled_at=datetime.now(UTC))
        tag = await make.tag(session)
        await tags.update(session, tag, TagUpdate(name="Measuring"))
        await make.series(session)
    await run_jobs(context)
    made = await deliveries(context)
    assert sorted(one.type for one in made) == ["tag.created", "tag.updated", "tag.updated"]
    assert len({one.event_id for one in made}) == 2


async def test_without_a_webhook_nothing_is_enqueued(context: TaskContext) -> None:
    async with context.sessions.begin() as session:
        await make.webhook(session, disabled_at=datetime.now(UTC))
        await make.post(session)
        assert await session.scalar(select(func.count()).select_from(Job)) == 0


async def test_what_is_rolled_back_is_not_told(context: TaskContext, webhook: Webhook, receiver: Receiver) -> None:
    with pytest.raises(ZeroDivisionError):
        async with context.sessions.begin() as session:
            await make.post(session)
            raise ZeroDivisionError
    assert await run_jobs(context) == 0


async def test_an_event_is_fanned_out_once(context: TaskContext, webhook: Webhook, receiver: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.tag(session)
    for _ in range(2):
        await fan_out(context)
    await run_jobs(context)
    assert receiver.types == ["tag.created"]


async def test_what_fails_is_tried_again_and_what_follows_waits(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answers = [(500, "Sorry. Authorization: Bearer abcdef\x00"), (302, ""), (200, "ok")]
    async with context.sessions.begin() as session:
        tag = await make.tag(session)
        await tags.update(session, tag, TagUpdate(name="Measuring"))
        await make.tag(session, "Another")
    await run_jobs(context)
    assert sorted(receiver.types) == ["tag.created", "tag.created"]  # of the first only this, and of the other
    for _ in range(2):
        await run_jobs(context)
    assert len(receiver.got) == 2
    await make_due(context)
    await run_jobs(context)
    await make_due(context)
    await run_jobs(context)
    about = [one for one in receiver.messages if one["data"]["id"] == str(tag.id)]
    assert [one["type"] for one in about][-1] == "tag.updated"
    assert {one.state for one in await deliveries(context)} == {State.DELIVERED}
    assert len({received.headers["webhook-id"] for received in receiver.got}) == 3
    async with context.sessions.begin() as session:
        tries = (await session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.id))).all()
        assert {one.status for one in tries} == {500, 302, 200, 204}
        assert next(one.excerpt for one in tries if one.status == 500) == "Sorry. Authorization: [redacted]"
        assert (await session.get_one(Webhook, webhook.id)).failing_since is None


async def test_the_tries_go_on_for_three_days(context: TaskContext, webhook: Webhook, receiver: Receiver) -> None:
    assert timedelta(days=3) <= timedelta(seconds=sum(delivering.WAITS)) < timedelta(days=4)
    receiver.answers = [(503, "")] * 20
    async with context.sessions.begin() as session:
        await make.tag(session)
    await run_jobs(context)
    for wait in delivering.WAITS:
        [waiting] = await deliveries(context)
        assert waiting.next_attempt_at is not None
        left = (waiting.next_attempt_at - datetime.now(UTC)).total_seconds()
        assert wait - 5 <= left <= wait * 1.1
        async with context.sessions.begin() as session:
            assert await session.scalar(select(Job.scheduled_at)) == waiting.next_attempt_at
        await make_due(context)
        await run_jobs(context)
    [failed] = await deliveries(context)
    assert (failed.state, failed.attempts, failed.next_attempt_at) == (State.FAILED, len(delivering.WAITS) + 1, None)
    assert len(receiver.got) == failed.attempts
    assert await run_jobs(context) == 0


async def test_a_receiver_that_is_gone_is_told_no_more(
    context: TaskContext, webhook: Webhook, receiver: Receiver, mailbox: Mailbox
) -> None:
    receiver.answers = [(410, "")]
    async with context.sessions.begin() as session:
        await make.tag(session)
        await make.tag(session, "Another")
    await run_jobs(context)
    assert len(receiver.got) == 1
    async with context.sessions.begin() as session:
        disabled = await session.get_one(Webhook, webhook.id)
        assert not disabled.enabled and disabled.version == 2
        recorded = (await session.scalars(select(Event).where(Event.type == "webhook.disabled"))).one()
        assert recorded.changes["disabled_reason"]["after"] == "the receiver answered 410 Gone"
    [mail] = mailbox.mails
    assert mail.to == "ada@example.com" and receiver.url in mail.text


async def test_who_fails_for_five_days_is_told_no_more(
    context: TaskContext, webhook: Webhook, receiver: Receiver, mailbox: Mailbox
) -> None:
    receiver.answers = [(500, ""), (500, "")]
    async with context.sessions.begin() as session:
        await make.tag(session)
    await run_jobs(context)
    assert not mailbox.mails
    async with context.sessions.begin() as session:
        await session.execute(update(Webhook).values(failing_since=datetime.now(UTC) - timedelta(days=5, hours=1)))
    await make_due(context)
    await run_jobs(context)
    async with context.sessions.begin() as session:
        assert (await session.get_one(Webhook, webhook.id)).disabled_reason == "every try has failed for 5 days"
    assert len(mailbox.mails) == 1


async def test_an_address_inside_is_never_asked(context: TaskContext, receiver: Receiver, settings: Settings) -> None:
    """Whatever was there when it was saved: each try looks anew."""
    async with context.sessions.begin() as session:
        await make.webhook(session, receiver.url)
        await make.webhook(session, receiver.url.replace("127.0.0.1", "localhost"))
        await make.tag(session)
    await run_jobs(TaskContext(context.sessions, settings, context.mailer))
    assert receiver.got == []
    async with context.sessions.begin() as session:
        errors = set(await session.scalars(select(DeliveryAttempt.error)))
    assert errors == {"the address leads to a host that is not public"}


async def test_both_secrets_sign_for_a_day(
    desk: httpx.AsyncClient, context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    old = secret_of(webhook.secret, context.settings)
    address = f"/v1/manage/webhooks/{webhook.id}"
    new = (await desk.post(f"{address}/rotate-secret", headers={"If-Match": '"1"'})).raise_for_status().json()["secret"]
    async with context.sessions.begin() as session:
        await make.tag(session)
    await run_jobs(context)
    assert verify(receiver.got[0], old) and verify(receiver.got[0], new) and old != new
    async with context.sessions.begin() as session:
        await session.execute(update(Webhook).values(previous_secret_until=datetime.now(UTC)))
        await make.tag(session, "Another")
    await run_jobs(context)
    assert not verify(receiver.got[1], old) and verify(receiver.got[1], new)


async def test_a_secret_of_another_key_says_what_to_do(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    async with context.sessions.begin() as session:
        await session.execute(update(Webhook).values(secret=signing.seal(signing.new_secret(), secret="another")))
        await make.tag(session)
    await run_jobs(context)
    async with context.sessions.begin() as session:
        assert "rotate it" in ((await session.scalars(select(DeliveryAttempt.error))).one() or "")
    assert receiver.got == []


async def test_a_message_whose_try_was_not_noted_is_sent_again(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    """As where a worker dies between the answer and the note."""
    async with context.sessions.begin() as session:
        await make.tag(session)
    await fan_out(context)
    async with context.sessions.begin() as session:
        delivery = (await session.scalars(select(Delivery))).one()
        await session.refresh(delivery, ["webhook"])
    assert (await delivering.send(delivery, context.settings)).status == 204
    await tasks.deliver(context, webhook_id=str(webhook.id), subject_id=str(delivery.subject_id))
    first, second = receiver.got
    assert first.body == second.body and first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_a_webhook_that_is_deleted_meanwhile_is_no_error(
    context: TaskContext, webhook: Webhook, receiver: Receiver
) -> None:
    async with context.sessions.begin() as session:
        await make.tag(session)

    async def remove(_: dict[str, Any]) -> None:
        async with context.sessions.begin() as session:
            await session.execute(text("delete from webhooks"))

    receiver.meanwhile = remove
    await run_jobs(context)
    assert len(receiver.got) == 1 and await deliveries(context) == []


async def test_what_lost_its_job_is_taken_up_again(context: TaskContext, webhook: Webhook, receiver: Receiver) -> None:
    async with context.sessions.begin() as session:
        await make.tag(session)
    await fan_out(context)
    async with context.sessions.begin() as session:
        await session.execute(text("delete from procrastinate_jobs"))
    await tasks.resume(context)
    assert await run_jobs(context) == 0
    async with context.sessions.begin() as session:
        await session.execute(update(Delivery).values(next_attempt_at=datetime.now(UTC) - timedelta(minutes=3)))
    await tasks.resume(context)
    await run_jobs(context)
    assert receiver.types == ["tag.created"]


async def test_old_deliveries_are_deleted(context: TaskContext, webhook: Webhook, receiver: Receiver) -> None:
    async with context.sessions.begin() as session:
        for name in ("One", "Two", "Three"):
            await make.tag(session, name)
    await run_jobs(context)
    _, two, three = await deliveries(context)
    async with context.sessions.begin() as session:
        old = datetime.now(UTC) - timedelta(days=31)
        await session.execute(update(Delivery).where(Delivery.id != three.id).values(created_at=old))
        await session.execute(update(Delivery).where(Delivery.id == two.id).values(state=State.PENDING))
    await tasks.prune(context)
    assert [kept.id for kept in await deliveries(context)] == [two.id, three.id]
