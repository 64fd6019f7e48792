from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import WebhookManager
from byline.core.deps import PreconditionDep, SessionDep, by_id, current
from byline.webhooks import queries
from byline.webhooks.models import Delivery, Webhook
from byline.webhooks.service import DeliveryNotFound, WebhookNotFound


async def get_managed_webhook(webhook_id: UUID, caller: WebhookManager, session: SessionDep) -> Webhook:
    return await by_id(session, Webhook, webhook_id, WebhookNotFound)


async def get_editable_webhook(
    webhook_id: UUID, caller: WebhookManager, precondition: PreconditionDep, session: SessionDep
) -> Webhook:
    return await current(session, Webhook, webhook_id, WebhookNotFound, precondition)


ManagedWebhook = Annotated[Webhook, Depends(get_managed_webhook)]
EditableWebhook = Annotated[Webhook, Depends(get_editable_webhook)]


async def get_managed_delivery(webhook: ManagedWebhook, delivery_id: UUID, session: SessionDep) -> Delivery:
    delivery = await session.scalar(queries.delivery(webhook.id, delivery_id))
    if delivery is None:
        raise DeliveryNotFound()
    return delivery


async def get_repeatable_delivery(webhook: ManagedWebhook, delivery_id: UUID, session: SessionDep) -> Delivery:
    """Locked until the transaction ends."""
    delivery = await session.scalar(queries.delivery(webhook.id, delivery_id).with_for_update(of=Delivery))
    if delivery is None:
        raise DeliveryNotFound()
    return delivery


ManagedDelivery = Annotated[Delivery, Depends(get_managed_delivery)]
RepeatableDelivery = Annotated[Delivery, Depends(get_repeatable_delivery)]
