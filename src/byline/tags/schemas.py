from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import MISSING, Field

from byline.core.schemas import Input, LongText, Output, PageQuery, ShortText, SiteUrl, Slug


class TagCreate(Input):
    name: ShortText = Field(examples=["Measurement"])
    slug: Slug | None = Field(None, description="Made from the name when absent.")
    description: LongText | None = None
    aliases: list[ShortText] = Field([], max_length=50, description="Other names that mean this tag.")
    parent_id: UUID | None = Field(None, description="The tag it stands under.")


class TagUpdate(Input):
    """Fields left out stay as they are."""

    name: ShortText | MISSING = Field(MISSING, examples=["Measurement"])
    slug: Slug | MISSING = MISSING
    description: LongText | None | MISSING = MISSING
    aliases: list[ShortText] | MISSING = Field(MISSING, max_length=50)
    parent_id: UUID | None | MISSING = MISSING


class TagRef(Output):
    """A tag as articles show it."""

    id: UUID
    slug: str = Field(examples=["measurement"])
    name: str = Field(examples=["Measurement"])


class TagOut(TagRef):
    url: SiteUrl = Field(validation_alias="path")
    description: str | None
    aliases: list[str]
    parent_id: UUID | None


class ManagedTag(TagOut):
    version: int
    created_at: datetime
    updated_at: datetime


class TagQuery(PageQuery):
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"
