from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from byline.accounts.deps import WebhookManager
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.webhooks import queries, service, tasks
from byline.webhooks.deps import EditableWebhook, ManagedDelivery, ManagedWebhook, RepeatableDelivery
from byline.webhooks.schemas import (
    DeliveryOut,
    DeliveryQuery,
    DeliverySummary,
    WebhookCreate,
    WebhookOut,
    WebhookQuery,
    WebhookUpdate,
    WebhookWithSecret,
)

router = APIRouter(prefix="/webhooks", tags=["Webhooks"], route_class=IdempotentRoute)


@router.get("", responses=problems(InvalidCursor))
async def list_webhooks(
    query: Annotated[WebhookQuery, Query()], caller: WebhookManager, paginator: PaginatorDep
) -> Page[WebhookOut]:
    """All webhooks."""
    page = await paginator.page(queries.webhooks(), query, query.sort, queries.SORTS)
    return Page[WebhookOut].model_validate(page)


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(service.UnfitAddress))
async def create_webhook(
    new: WebhookCreate, caller: WebhookManager, session: SessionDep, settings: SettingsDep, response: Response
) -> WebhookWithSecret:
    """Have an address told what happens, from now on. The answer has the secret that verifies it, this once."""
    response.headers["Cache-Control"] = "no-store"
    secret, webhook = await service.create(session, new, settings, caller)
    response.headers["ETag"] = version_etag(webhook.version)
    response.headers["Location"] = f"/v1/manage/webhooks/{webhook.id}"
    return WebhookWithSecret(**WebhookOut.model_validate(webhook).model_dump(), secret=secret)


@router.get("/{webhook_id}", responses=problems(service.WebhookNotFound))
async def get_webhook(webhook: ManagedWebhook, response: Response) -> WebhookOut:
    """One webhook."""
    response.headers["ETag"] = version_etag(webhook.version)
    return WebhookOut.model_validate(webhook)


@router.patch(
    "/{webhook_id}",
    responses=problems(service.WebhookNotFound, service.UnfitAddress, StaleVersion, VersionRequired),
)
async def update_webhook(
    webhook: EditableWebhook, changes: WebhookUpdate, session: SessionDep, settings: SettingsDep, response: Response
) -> WebhookOut:
    """Change, disable or enable a webhook. What waits meanwhile is sent once it is enabled; what happens meanwhile is
    not told.
    """
    was_enabled = webhook.enabled
    webhook = await service.change(session, webhook, changes, settings)
    if webhook.enabled and not was_enabled:
        await tasks.queue_all(session, webhook.id)
    response.headers["ETag"] = version_etag(webhook.version)
    return WebhookOut.model_validate(webhook)


@router.delete(
    "/{webhook_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(service.WebhookNotFound, StaleVersion, VersionRequired),
)
async def delete_webhook(webhook: EditableWebhook, session: SessionDep) -> None:
    """Delete a webhook, with its deliveries and what waits for it."""
    await service.delete(session, webhook)


@router.post("/{webhook_id}/rotate-secret", responses=problems(service.WebhookNotFound, StaleVersion, VersionRequired))
async def rotate_webhook_secret(
    webhook: EditableWebhook, session: SessionDep, settings: SettingsDep, response: Response
) -> WebhookWithSecret:
    """A new secret, shown this once. The one before signs too, for 24 hours."""
    response.headers["Cache-Control"] = "no-store"
    secret = await service.rotate_secret(session, webhook, settings)
    response.headers["ETag"] = version_etag(webhook.version)
    return WebhookWithSecret(**WebhookOut.model_validate(webhook).model_dump(), secret=secret)


@router.post(
    "/{webhook_id}/test",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(service.WebhookNotFound, service.WebhookDisabled),
)
async def test_webhook(webhook: ManagedWebhook, session: SessionDep) -> DeliverySummary:
    """Send `webhook.test`, once. The delivery says how it went."""
    delivery = await service.test(session, webhook)
    await tasks.queue(session, webhook.id, delivery.subject_id)
    return DeliverySummary.model_validate(delivery)


@router.get("/{webhook_id}/deliveries", responses=problems(service.WebhookNotFound, InvalidCursor))
async def list_deliveries(
    webhook: ManagedWebhook, query: Annotated[DeliveryQuery, Query()], paginator: PaginatorDep
) -> Page[DeliverySummary]:
    """What is and was sent to a webhook, the newest first. It is kept for 30 days."""
    page = await paginator.page(queries.deliveries(webhook.id, query), query, query.sort, queries.DELIVERY_SORTS)
    return Page[DeliverySummary].model_validate(page)


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}", responses=problems(service.WebhookNotFound, service.DeliveryNotFound)
)
async def get_delivery(delivery: ManagedDelivery) -> DeliveryOut:
    """One delivery, with its payload and how each try went."""
    return DeliveryOut.model_validate(delivery)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(service.WebhookNotFound, service.DeliveryNotFound, service.WebhookDisabled),
)
async def redeliver(webhook: ManagedWebhook, delivery: RepeatableDelivery, session: SessionDep) -> DeliveryOut:
    """Send it again, with all its tries: the same message under the same `webhook-id`."""
    await service.redeliver(session, webhook, delivery)
    await tasks.queue(session, webhook.id, delivery.subject_id)
    return DeliveryOut.model_validate(delivery)
