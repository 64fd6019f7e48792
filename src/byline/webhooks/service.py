from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller
from byline.core import events
from byline.core.errors import Conflict, Invalid, NotFound
from byline.core.guard import AddressRefused, Guard
from byline.core.ids import uuid7
from byline.core.settings import Settings
from byline.webhooks import signing
from byline.webhooks.models import Delivery, State, Webhook
from byline.webhooks.payloads import TEST, WebhookRef, WebhookTest
from byline.webhooks.schemas import WebhookCreate, WebhookUpdate

BOTH_SECRETS = timedelta(hours=24)
"""For so long after a rotation the secret before it signs too."""

_TOLD = ("url", "description", "event_types")


class WebhookNotFound(NotFound):
    code = "webhook_not_found"
    title = "There is no such webhook"


class DeliveryNotFound(NotFound):
    code = "delivery_not_found"
    title = "There is no such delivery"


class WebhookDisabled(Conflict):
    code = "webhook_disabled"
    title = "This webhook is disabled: nothing is sent to it"


class UnfitAddress(Invalid):
    code = "unfit_address"
    title = "Nothing is sent to this address"


async def create(session: AsyncSession, new: WebhookCreate, settings: Settings, caller: Caller) -> tuple[str, Webhook]:
    """The secret, which is known only now, and the webhook. Raises UnfitAddress."""
    _check(new.url, settings)
    signing_secret = signing.new_secret()
    sealed = signing.seal(signing_secret, secret=settings.secret_key.get_secret_value())
    webhook = Webhook(**new.model_dump(), secret=sealed, created_by=caller.user_id)
    session.add(webhook)
    await session.flush()
    events.record(session, "webhook.created", webhook, events.created(webhook, *_TOLD))
    return signing_secret, webhook


async def change(session: AsyncSession, webhook: Webhook, changes: WebhookUpdate, settings: Settings) -> Webhook:
    """Raises UnfitAddress."""
    fields: dict[str, Any] = changes.model_dump()
    if "url" in fields:
        _check(fields["url"], settings)
    enabled = fields.pop("enabled", webhook.enabled)
    if enabled != webhook.enabled:
        now = datetime.now(UTC)
        off: dict[str, Any] = {"disabled_at": now, "disabled_reason": "by hand"}
        fields |= {"disabled_at": None, "disabled_reason": None} if enabled else off
        webhook.failing_since = None
    if enabled and not webhook.enabled:  # what waits need not wait for its next try
        pending = Delivery.webhook_id == webhook.id, Delivery.state == State.PENDING
        await session.execute(update(Delivery).where(*pending).values(next_attempt_at=datetime.now(UTC)))
    events.record(session, "webhook.updated", webhook, webhook.change(fields))
    await session.flush()
    return webhook


def _check(url: str, settings: Settings) -> None:
    """What can be said now; whom a name leads to is asked for each try."""
    try:
        Guard(settings.webhook_allowed_networks).check(url)
    except AddressRefused as error:
        raise UnfitAddress(str(error), pointer="/url") from error


async def rotate_secret(session: AsyncSession, webhook: Webhook, settings: Settings) -> str:
    """The new secret. The one before signs too, for a day."""
    signing_secret = signing.new_secret()
    sealed = signing.seal(signing_secret, secret=settings.secret_key.get_secret_value())
    fields = {
        "previous_secret": webhook.secret,
        "previous_secret_until": datetime.now(UTC) + BOTH_SECRETS,
        "secret": sealed,
    }
    webhook.change(fields)
    until = {"before": None, "after": webhook.previous_secret_until}
    events.record(session, "webhook.rotated", webhook, {"both_until": until})
    await session.flush()
    return signing_secret


async def delete(session: AsyncSession, webhook: Webhook) -> None:
    """With all that waits for it."""
    events.record(session, "webhook.deleted", webhook, events.deleted(webhook, *_TOLD))
    await session.delete(webhook)
    await session.flush()


async def test(session: AsyncSession, webhook: Webhook) -> Delivery:
    """A message to be sent at once, whose subject is itself: it waits for no other. Raises WebhookDisabled."""
    if not webhook.enabled:
        raise WebhookDisabled()
    message = WebhookTest(type=TEST, timestamp=datetime.now(UTC), data=WebhookRef(id=webhook.id))
    delivery = Delivery(webhook_id=webhook.id, subject_id=uuid7(), type=TEST, payload=message.model_dump(mode="json"))
    session.add(delivery)
    await session.flush()
    events.record(session, "webhook.tested", webhook)
    return delivery


async def redeliver(session: AsyncSession, webhook: Webhook, delivery: Delivery) -> None:
    """Lets it begin anew, with all its tries. Raises WebhookDisabled."""
    if not webhook.enabled:
        raise WebhookDisabled()
    delivery.state = State.PENDING
    delivery.attempts = 0
    delivery.next_attempt_at = datetime.now(UTC)
    delivery.delivered_at = None
    events.record(session, "webhook.redelivered", webhook, {"delivery_id": {"before": None, "after": delivery.id}})
    await session.flush()
