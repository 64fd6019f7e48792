from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue

from byline.core.events import Event
from byline.core.schemas import Moment, Output, PageQuery


class AuditActor(Output):
    id: UUID
    name: str | None = Field(description="Their name as it is now; null once they were erased.", examples=["Ada"])


class AuditSubject(Output):
    type: str = Field(examples=["post"])
    id: UUID | None = Field(description="It may be gone since.")


class AuditChange(Output):
    before: JsonValue
    after: JsonValue


class AuditEntry(Output):
    id: UUID
    type: str = Field(description="The type of the subject, and what happened to it.", examples=["post.published"])
    occurred_at: datetime
    actor: AuditActor | None = Field(description="Null: Byline itself, as in an import, or somebody not signed in.")
    session_id: UUID | None
    api_key_id: UUID | None = Field(description="The key by which the actor called, if it was one.")
    address: str | None
    request_id: str | None
    subject: AuditSubject
    changes: dict[str, AuditChange] = Field(
        description="Each field that changed. Secrets are `[redacted]`, what was known of somebody erased is "
        "`[erased]`; of long texts this says which revision holds them.",
        examples=[{"title": {"before": "How to measure", "after": "How to measure well"}}],
    )

    @classmethod
    def of_event(cls, event: Event, names: Mapping[UUID, str]) -> Self:
        """`names` has the users that there still are."""
        actor_id = event.actor_id
        return cls(
            id=event.id,
            type=event.type,
            occurred_at=event.occurred_at,
            actor=AuditActor(id=actor_id, name=names.get(actor_id)) if actor_id is not None else None,
            session_id=event.session_id,
            api_key_id=event.api_key_id,
            address=event.address,
            request_id=event.request_id,
            subject=AuditSubject(type=event.subject_type, id=event.subject_id),
            changes={name: AuditChange(**change) for name, change in event.changes.items()},
        )


class AuditQuery(PageQuery):
    actor: UUID | None = Field(None, description="What this user did.")
    api_key: UUID | None = Field(None, description="What was done by this API key.")
    type: str | None = Field(None, max_length=100, description="This type alone.", examples=["post.published"])
    subject_type: str | None = Field(
        None, max_length=100, description="What happened to things of this type.", examples=["post"]
    )
    subject: UUID | None = Field(None, description="What happened to this one thing.")
    request_id: str | None = Field(None, max_length=128, description="What was done by one request: `X-Request-ID`.")
    after: Moment | None = None
    before: Moment | None = None
    sort: Literal["-occurred_at", "occurred_at"] = "-occurred_at"
