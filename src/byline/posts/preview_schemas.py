from datetime import datetime
from uuid import UUID

from pydantic import Field

from byline.core.schemas import Input, Moment, Output, PageQuery, SiteUrl
from byline.posts.models import Status, Visibility
from byline.posts.schemas import PostOut, RevisionAuthor, SeriesPlace


class PreviewLinkCreate(Input):
    revision: int | None = Field(
        None, ge=1, le=2**63 - 1, description="Null: whichever is the newest when it is opened."
    )
    expires_at: Moment | None = Field(
        None,
        description="In a week, when absent; within 90 days.",
        json_schema_extra={"examples": [None]},
    )


class PreviewLinkOut(Output):
    """A link that shows a revision to whoever has it. Its address was told once, when it was made."""

    id: UUID
    revision: int | None = Field(description="Null: whichever is the newest when it is opened.")
    expires_at: datetime
    revoked_at: datetime | None
    opened_count: int
    last_opened_at: datetime | None
    created_at: datetime
    creator: RevisionAuthor | None = Field(description="The user who made it; null for deleted users.")


class NewPreviewLink(PreviewLinkOut):
    token: str = Field(description="For `GET /v1/previews/{token}`. It is shown this once.")
    url: str = Field(
        description="A plain page of it, for anybody with a browser. It is shown this once.",
        json_schema_extra={"format": "uri"},
    )


class PreviewQuery(PageQuery):
    pass


class PreviewOut(PostOut):
    """An article as its readers would get it, if this revision were published."""

    url: SiteUrl
    series: SeriesPlace | None
    published_at: datetime | None  # type: ignore[assignment]
    visibility: Visibility
    status: Status = Field(description="Where the article stands.")
    revision: int = Field(description="The revision that is shown.")
    is_newest: bool = Field(description="Whether it is the newest one.")
    expires_at: datetime = Field(description="When this link runs out.")
