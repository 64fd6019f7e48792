from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from byline.accounts.schemas import ApiKeyOut, SessionOut, UserOut
from byline.audit.schemas import AuditEntry
from byline.authors.schemas import ManagedAuthor
from byline.core.schemas import Input, Output
from byline.passkeys.schemas import PasskeyOut
from byline.posts.models import Kind, Status
from byline.posts.preview_schemas import PreviewLinkOut
from byline.webhooks.schemas import WebhookOut


class Byline(StrEnum):
    KEEP = "keep"
    ERASE = "erase"


class ErasureQuery(Input):
    byline: Byline = Field(
        Byline.KEEP,
        description="Whether the name stays over their articles, or these are by a former author from now on.",
    )


class PersonalIdentity(Output):
    issuer: str
    subject: str = Field(description="By which the provider knows them.")
    email: str | None
    created_at: datetime
    last_used_at: datetime


class PersonalTicket(Output):
    """What a link in a mail, or a sign-in that has begun, waits for."""

    purpose: str
    email: str | None = Field(description="Whom it was sent to, where that is not the user's own address.")
    created_at: datetime
    expires_at: datetime


class PersonalPost(Output):
    id: UUID
    kind: Kind
    slug: str
    title: str
    status: Status = Field(validation_alias="current_status")
    created_at: datetime
    updated_at: datetime = Field(validation_alias="edited_at")
    published_at: datetime | None
    deleted_at: datetime | None


class PersonalRevision(Output):
    post_id: UUID
    number: int
    message: str | None
    status: Status
    created_at: datetime


class PersonalComment(Output):
    post_id: UUID
    revision: int
    quote: str | None
    text: str
    created_at: datetime


class PersonalData(Output):
    """All that is kept of a user, but for what only proves who they are: passwords, keys and secrets."""

    exported_at: datetime
    user: UserOut
    byline: ManagedAuthor | None
    sessions: list[SessionOut]
    api_keys: list[ApiKeyOut]
    passkeys: list[PasskeyOut]
    identities: list[PersonalIdentity]
    tickets: list[PersonalTicket]
    posts: list[PersonalPost] = Field(description="Which they began, or stand over.")
    revisions: list[PersonalRevision] = Field(description="Which they saved.")
    preview_links: list[PreviewLinkOut] = Field(description="Which they made.")
    review_comments: list[PersonalComment] = Field(description="Which they wrote.")
    webhooks: list[WebhookOut] = Field(description="Which they made.")
    audit_log: list[AuditEntry] = Field(description="By or about them; the addresses are theirs alone.")
