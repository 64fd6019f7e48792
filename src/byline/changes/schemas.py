from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from byline.audit.schemas import AuditEntry
from byline.core.schemas import Input, Output, PageQuery

CURSOR_MAX_LENGTH = 500


class Kind(StrEnum):
    """In the order in which a first reading tells what is there: what posts refer to comes before them."""

    AUTHOR = "author"
    TAG = "tag"
    SERIES = "series"
    PAGE = "page"
    POST = "post"


class ChangeType(StrEnum):
    UPSERT = "upsert"
    DELETE = "delete"


class Change(Output):
    """Something that readers see from now on, see otherwise, or do not see any more."""

    cursor: str = Field(description="Of this change: `since` for what comes after it. It is another for each.")
    type: ChangeType
    kind: Kind
    id: UUID
    slug: str | None = Field(
        description="Null where it was the name of somebody who was erased: go by the id.", examples=["how-to-measure"]
    )
    path: str | None = Field(description="Its place on the site.", examples=["/posts/how-to-measure"])
    changed_at: datetime


class ChangePage(Output):
    """Apply `data` in order, then ask again with `since=next`: at once if `has_more`, else whenever you like."""

    data: list[Change]
    next: str
    has_more: bool


class ChangesQuery(Input):
    since: str | None = Field(
        None, max_length=CURSOR_MAX_LENGTH, description="`next` of the answer before. Without it, all that is there."
    )
    limit: int = Field(100, ge=1, le=1000, description="How many, at most.")


class StreamQuery(Input):
    since: str | None = Field(
        None,
        max_length=CURSOR_MAX_LENGTH,
        description="A cursor from `/v1/changes` or of an event: what came after it is sent first. `Last-Event-ID` "
        "counts before it. Without both, what happens from now on.",
    )


class EventOut(AuditEntry):
    """What happened, as the audit log has it, and its place among all events."""

    sequence: int = Field(description="1 and up, without gaps: no event ever comes in below one that you have seen.")


class EventQuery(PageQuery):
    type: str | None = Field(None, max_length=100, description="This type alone.", examples=["post.published"])
    subject_type: str | None = Field(
        None, max_length=100, description="What happened to things of this type.", examples=["post"]
    )
    subject: UUID | None = Field(None, description="What happened to this one thing.")
    after: int | None = Field(
        None, ge=0, le=2**63 - 1, description="What came after the event with this `sequence`: the last that you have."
    )
    sort: Literal["sequence", "-sequence"] = "sequence"
