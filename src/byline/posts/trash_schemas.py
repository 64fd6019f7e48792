from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from byline.core.schemas import Output, PageQuery
from byline.posts.models import Kind, Status
from byline.posts.schemas import PostDraft


class TrashedPost(Output):
    """An article in the trash."""

    id: UUID
    kind: Kind
    slug: str
    title: str
    status: Status = Field(description="Where it stood. Restored, it is never live.")
    language: str
    version: int = Field(description="The ETag.")
    published_at: datetime | None
    created_at: datetime
    trashed_at: datetime = Field(validation_alias="deleted_at")
    purge_at: datetime | None = Field(None, description="When it is deleted for good; null for never.")


class TrashQuery(PageQuery):
    kind: Kind | None = None
    sort: Literal["-trashed_at", "trashed_at", "title", "-title"] = "-trashed_at"


class PostRestored(PostDraft):
    """An article that is back at the desk."""

    former_slug: str | None = Field(description="The slug that it had, where another article has taken that meanwhile.")
