from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, JsonValue, StringConstraints

from byline.core.schemas import Input, LongText, Output, PageQuery
from byline.webhooks.models import State
from byline.webhooks.payloads import PATTERNS


def _check_pattern(value: str) -> str:
    if value not in PATTERNS:
        raise ValueError(f"must be one of {', '.join(PATTERNS)}")
    return value


EventType = Annotated[str, AfterValidator(_check_pattern), Field(json_schema_extra={"enum": list(PATTERNS)})]
EventTypes = Annotated[
    list[EventType], AfterValidator(lambda types: list(dict.fromkeys(types))), Field(min_length=1, max_length=50)
]
"""Of messages: one by one, all of a kind (`post.*`), or all (`*`)."""

Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    Field(
        description="http or https, on port 80, 443 or one from 1024 on, and a public host unless the operator allows "
        "its network.",
        examples=["https://receiver.example.com/byline"],
    ),
]


class WebhookCreate(Input):
    url: Url
    description: LongText | None = None
    event_types: EventTypes = Field(["*"])


class WebhookUpdate(Input):
    """Fields left out stay as they are."""

    url: Url | MISSING = MISSING
    description: LongText | None | MISSING = MISSING
    event_types: EventTypes | MISSING = MISSING
    enabled: bool | MISSING = Field(MISSING, description="Once it is enabled again, it is sent what waits.")


class WebhookOut(Output):
    id: UUID
    url: str
    description: str | None
    event_types: list[str] = Field(examples=[["post.*", "tag.updated"]])
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    failing_since: datetime | None = Field(description="The first failure after the last success, if any.")
    previous_secret_until: datetime | None = Field(description="Until then the secret before this one signs too.")
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(WebhookOut):
    secret: str = Field(
        description="Verifies signatures (Standard Webhooks). Shown this once.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class AttemptOut(Output):
    attempted_at: datetime
    duration_ms: int
    status: int | None = Field(description="Of the answer; null where there was none.")
    excerpt: str | None = Field(description="The beginning of the answer.")
    error: str | None = Field(description="Why there was no answer.")


class DeliverySummary(Output):
    """A message for a webhook, and how far it has come."""

    id: UUID = Field(description="The `webhook-id` of each try.")
    webhook_id: UUID
    event_id: UUID | None = Field(description="The event in the audit log; null for a test.")
    subject_id: UUID = Field(description="What it is about. About one thing, messages are sent in order.")
    type: str = Field(examples=["post.published"])
    state: State
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveryOut(DeliverySummary):
    payload: dict[str, JsonValue] = Field(description="The body of each try.")
    tries: list[AttemptOut] = Field(description="The oldest first, also those before a redelivery.")


class WebhookQuery(PageQuery):
    sort: Literal["-created_at", "created_at"] = "-created_at"


class DeliveryQuery(PageQuery):
    state: State | None = None
    type: str | None = Field(None, max_length=100, examples=["post.published"])
    subject_id: UUID | None = None
    sort: Literal["-id", "id"] = Field("-id", description="Ids grow with time: `-id` has the newest first.")
