"""Webhooks at the desk."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, text

from byline.core.errors import Invalid, StaleVersion, VersionRequired
from byline.core.events import Event
from byline.core.jobs import Sessions, TaskContext
from byline.webhooks import service, signing
from byline.webhooks.models import Webhook
from byline.webhooks.payloads import MESSAGES, PATTERNS
from tests import make
from tests.problems import assert_problem
from tests.test_openapi import DOCUMENT
from tests.webhooks.conftest import Receiver, make_due, run_jobs

WEBHOOKS = "/v1/manage/webhooks"
URL = "https://receiver.example/hook"


async def create(desk: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await desk.post(WEBHOOKS, json={"url": URL, **fields})
    made: dict[str, Any] = answer.raise_for_status().json()
    assert answer.headers["location"] == f"{WEBHOOKS}/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    return made


async def recorded(sessions: Sessions) -> list[str]:
    async with sessions.begin() as session:
        found = select(Event.type).where(Event.subject_type == "webhook").order_by(Event.occurred_at)
        return list(await session.scalars(found))


async def test_a_webhook_from_its_first_day_to_its_last(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    made = await create(desk, description="Rebuilds the site", event_types=["post.*", "tag.updated", "post.*"])
    assert made["event_types"] == ["post.*", "tag.updated"] and made["enabled"]
    secret = made.pop("secret")
    assert secret.startswith("whsec_") and len(secret) > 40
    address = f"{WEBHOOKS}/{made['id']}"
    shown = await desk.get(address)
    assert shown.json() == made and shown.headers["etag"] == '"1"'
    assert (await desk.get(f"{WEBHOOKS}?count=true")).json() == {"data": [made], "next_cursor": None, "total": 1}
    changed = await desk.patch(address, json={"event_types": ["*"]}, headers={"If-Match": '"1"'})
    assert changed.json()["event_types"] == ["*"] and changed.headers["etag"] == '"2"'
    rotated = await desk.post(f"{address}/rotate-secret", headers={"If-Match": '"2"'})
    assert rotated.json()["secret"] != secret and rotated.headers["etag"] == '"3"'
    assert rotated.json()["previous_secret_until"] is not None
    for unversioned, error in (({}, VersionRequired), ({"If-Match": '"1"'}, StaleVersion)):
        assert_problem(await desk.delete(address, headers=unversioned), error)
        assert_problem(await desk.patch(address, json={}, headers=unversioned), error)
        assert_problem(await desk.post(f"{address}/rotate-secret", headers=unversioned), error)
    assert (await desk.delete(address, headers={"If-Match": '"3"'})).status_code == 204
    assert_problem(await desk.get(address), service.WebhookNotFound)
    assert await recorded(sessions) == ["webhook.created", "webhook.updated", "webhook.rotated", "webhook.deleted"]
    async with sessions.begin() as session:
        everything = str([event.changes for event in await session.scalars(select(Event))])
    assert secret not in everything and rotated.json()["secret"] not in everything


async def test_secrets_are_kept_encrypted(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    secret = (await create(desk))["secret"]
    async with sessions.begin() as session:
        kept = (await session.scalars(select(Webhook))).one().secret
        assert secret.removeprefix(signing.PREFIX).encode() not in kept
        row = await session.scalar(text("select webhooks::text from webhooks"))
    assert secret not in str(row)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:password@receiver.example/",
        "http://receiver.example:25/",
        "ftp://receiver.example/",
        "nonsense",
    ],
)
async def test_an_address_inside_is_refused_at_once(desk: httpx.AsyncClient, url: str) -> None:
    assert_problem(await desk.post(WEBHOOKS, json={"url": url}), service.UnfitAddress, "/url")
    made = await create(desk)
    changed = await desk.patch(f"{WEBHOOKS}/{made['id']}", json={"url": url}, headers={"If-Match": "*"})
    assert_problem(changed, service.UnfitAddress, "/url")


@pytest.mark.parametrize(
    "fields", [{"event_types": []}, {"event_types": ["post.scheduled"]}, {"event_types": ["p*"]}, {"secret": "x"}]
)
async def test_what_there_is_not_is_refused(desk: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    assert_problem(await desk.post(WEBHOOKS, json={"url": URL, **fields}), Invalid)


async def test_a_test_is_sent_once(desk: httpx.AsyncClient, context: TaskContext, receiver: Receiver) -> None:
    receiver.answers = [(200, "Hello"), (500, "")]
    made = await create(desk, url=receiver.url, event_types=["tag.updated"])
    for state in ("delivered", "failed"):
        sent = await desk.post(f"{WEBHOOKS}/{made['id']}/test")
        assert (sent.status_code, sent.json()["state"]) == (202, "pending")
        await run_jobs(context)
        shown = (await desk.get(f"{WEBHOOKS}/{made['id']}/deliveries/{sent.json()['id']}")).json()
        assert (shown["state"], shown["attempts"], shown["type"]) == (state, 1, "webhook.test")
        assert shown["payload"]["data"] == {"id": made["id"]}
        [tried] = shown["tries"]
        assert tried["error"] is None and tried["duration_ms"] >= 0
        assert (tried["status"], tried["excerpt"]) == ((200, "Hello") if state == "delivered" else (500, ""))
    assert receiver.types == ["webhook.test", "webhook.test"]


async def test_the_log_is_narrowed_and_paged(desk: httpx.AsyncClient, context: TaskContext, receiver: Receiver) -> None:
    made = await create(desk, url=receiver.url)
    receiver.answers = [(200, ""), (500, "")]
    async with context.sessions.begin() as session:
        one, two = await make.tag(session, "One"), await make.tag(session, "Two")
        await make.series(session)
    await run_jobs(context)
    address = f"{WEBHOOKS}/{made['id']}/deliveries"

    async def listed(**query: Any) -> list[str]:
        return [row["type"] for row in (await desk.get(address, params=query)).raise_for_status().json()["data"]]

    assert await listed() == ["series.created", "tag.created", "tag.created"]
    assert await listed(state="pending") == ["tag.created"]
    assert await listed(type="series.created") == ["series.created"]
    assert await listed(subject_id=str(one.id)) == await listed(subject_id=str(two.id)) == ["tag.created"]
    page = (await desk.get(f"{address}?limit=2&count=true")).json()
    assert page["total"] == 3 and "payload" not in page["data"][0]
    assert await listed(cursor=page["next_cursor"]) == ["tag.created"]


async def test_a_message_is_sent_again(desk: httpx.AsyncClient, context: TaskContext, receiver: Receiver) -> None:
    """One that was delivered, and one that waits for its next try, which then comes at once."""
    made = await create(desk, url=receiver.url)
    receiver.answers = [(204, ""), (500, "")]
    async with context.sessions.begin() as session:
        await make.tag(session)
    await run_jobs(context)
    [delivery] = (await desk.get(f"{WEBHOOKS}/{made['id']}/deliveries")).json()["data"]
    address = f"{WEBHOOKS}/{made['id']}/deliveries/{delivery['id']}"
    for state in ("pending", "delivered"):
        again = await desk.post(f"{address}/redeliver")
        assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "pending", 0)
        await run_jobs(context)
        assert (await desk.get(address)).json()["state"] == state
    assert [one["status"] for one in (await desk.get(address)).json()["tries"]] == [204, 500, 204]
    assert {one.headers["webhook-id"] for one in receiver.got} == {delivery["id"]}


async def test_what_waits_for_a_disabled_webhook_is_sent_once_it_is_enabled(
    desk: httpx.AsyncClient, context: TaskContext, receiver: Receiver
) -> None:
    made = await create(desk, url=receiver.url)
    address = f"{WEBHOOKS}/{made['id']}"
    receiver.answers = [(500, "")]
    async with context.sessions.begin() as session:
        await make.tag(session, "Waits")
    await run_jobs(context)
    off = (await desk.patch(address, json={"enabled": False}, headers={"If-Match": '"1"'})).raise_for_status().json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "by hand")
    [waiting] = (await desk.get(f"{address}/deliveries")).json()["data"]
    for path in (f"{address}/test", f"{address}/deliveries/{waiting['id']}/redeliver"):
        assert_problem(await desk.post(path), service.WebhookDisabled)
    async with context.sessions.begin() as session:
        await make.tag(session, "Is not told")
    await make_due(context)
    await run_jobs(context)
    assert len(receiver.got) == 1
    on = (await desk.patch(address, json={"enabled": True}, headers={"If-Match": '"2"'})).raise_for_status().json()
    assert (on["enabled"], on["disabled_at"], on["disabled_reason"]) == (True, None, None)
    await run_jobs(context)
    assert [one["data"]["name"] for one in receiver.messages] == ["Waits", "Waits"]


async def test_what_is_not_there(desk: httpx.AsyncClient) -> None:
    made, other = await create(desk), await create(desk)
    sent = (await desk.post(f"{WEBHOOKS}/{other['id']}/test")).json()
    for delivery_id in (uuid4(), sent["id"]):
        address = f"{WEBHOOKS}/{made['id']}/deliveries/{delivery_id}"
        assert_problem(await desk.get(address), service.DeliveryNotFound)
        assert_problem(await desk.post(f"{address}/redeliver"), service.DeliveryNotFound)
    for path in ("", "/deliveries", f"/deliveries/{sent['id']}"):
        assert_problem(await desk.get(f"{WEBHOOKS}/{uuid4()}{path}"), service.WebhookNotFound)


def test_every_message_is_documented() -> None:
    assert list(DOCUMENT["webhooks"]) == list(MESSAGES)
    for type, item in DOCUMENT["webhooks"].items():
        operation = item["post"]
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = DOCUMENT["components"]["schemas"][name]
        assert schema["properties"]["type"]["const"] == type
        assert operation["description"] == schema["description"] == MESSAGES[type].__doc__
        headers = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        assert "security" not in operation
    asked = DOCUMENT["components"]["schemas"]["WebhookCreate"]["properties"]["event_types"]["items"]["enum"]
    assert asked == list(PATTERNS)
    assert len({item["post"]["operationId"] for item in DOCUMENT["webhooks"].values()}) == len(MESSAGES)
