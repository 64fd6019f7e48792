"""One try of one delivery, and what follows from it."""

import json
import random
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from byline import __version__
from byline.core import events
from byline.core.guard import Guard
from byline.core.outgoing import Outgoing, OutgoingError
from byline.core.redaction import redacted
from byline.core.settings import Settings
from byline.core.text import printable
from byline.webhooks import signing
from byline.webhooks.models import Delivery, DeliveryAttempt, State, Webhook
from byline.webhooks.payloads import TEST

WAITS = (5, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
"""Seconds after each failed try, but for the last: three days in all, and up to a tenth more by chance."""

PATIENCE = timedelta(days=5)
"""Of nothing but failures, after which a webhook is disabled."""

KEPT = timedelta(days=30)
"""For which deliveries are kept, but for those that wait."""

TIMEOUT = 10.0  # seconds
MAX_ANSWER = 64 * 1024  # bytes
EXCERPT = 1000  # characters


async def send(delivery: Delivery, settings: Settings) -> DeliveryAttempt:
    """One try. Its webhook has to be loaded; no transaction need be open."""
    attempt = DeliveryAttempt(delivery_id=delivery.id, attempted_at=datetime.now(UTC))
    client = Outgoing(timeout=TIMEOUT, max_bytes=MAX_ANSWER, guard=Guard(settings.webhook_allowed_networks))
    body = json.dumps(delivery.payload, ensure_ascii=False, separators=(",", ":")).encode()
    secret = settings.secret_key.get_secret_value()
    began = time.perf_counter()
    try:
        keys = [signing.unseal(sealed, secret=secret) for sealed in delivery.webhook.sealed_secrets]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Byline/{__version__}",
            **signing.headers(keys, str(delivery.id), int(time.time()), body),
        }
        answer = await client.request("POST", delivery.webhook.url, headers=headers, content=body)
        attempt.status = answer.status
        attempt.excerpt = _tame(answer.content.decode(errors="replace"))
    except (OutgoingError, signing.SecretUnreadable) as error:
        attempt.error = _tame(str(error))
    attempt.duration_ms = round((time.perf_counter() - began) * 1000)
    return attempt


def _tame(text: str) -> str:
    return printable(str(redacted(text)))[:EXCERPT]


async def note(session: AsyncSession, attempt: DeliveryAttempt) -> bool:
    """Keeps how a try went, and what follows from it; whether that is the end of the webhook."""
    delivery = await session.get(Delivery, attempt.delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:  # deleted meanwhile, with its webhook
        return False
    webhook = await session.get_one(Webhook, delivery.webhook_id, with_for_update=True, populate_existing=True)
    session.add(attempt)
    delivery.attempts += 1
    if attempt.status is not None and 200 <= attempt.status < 300:
        delivery.state, delivery.delivered_at, delivery.next_attempt_at = State.DELIVERED, datetime.now(UTC), None
        webhook.failing_since = None
        return False
    delivery.next_attempt_at = next_attempt(delivery)
    if delivery.next_attempt_at is None:
        delivery.state = State.FAILED
    webhook.failing_since = webhook.failing_since or attempt.attempted_at
    if not webhook.enabled:
        return False
    if attempt.status == 410:
        _disable(session, webhook, "the receiver answered 410 Gone")
    elif datetime.now(UTC) - webhook.failing_since >= PATIENCE:
        _disable(session, webhook, f"every try has failed for {PATIENCE.days} days")
    return not webhook.enabled


def next_attempt(delivery: Delivery) -> datetime | None:
    """After so many failed tries; None where that was the last one."""
    if delivery.attempts > len(WAITS) or delivery.type == TEST:
        return None
    return datetime.now(UTC) + timedelta(seconds=WAITS[delivery.attempts - 1] * random.uniform(1, 1.1))


def _disable(session: AsyncSession, webhook: Webhook, reason: str) -> None:
    changes = webhook.change({"disabled_at": datetime.now(UTC), "disabled_reason": reason})
    events.record(session, "webhook.disabled", webhook, changes)


async def prune(session: AsyncSession) -> None:
    old = delete(Delivery).where(Delivery.created_at < datetime.now(UTC) - KEPT, Delivery.state != State.PENDING)
    await session.execute(old, execution_options={"synchronize_session": False})
