from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import MISSING, BaseModel, ConfigDict, Field

from byline.core.schemas import Input, LongText, Output, PageQuery, ShortText, SiteUrl, Slug, WebAddress


class Link(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    label: ShortText = Field(examples=["Mastodon"])
    url: WebAddress


class AuthorCreate(Input):
    name: ShortText = Field(examples=["Ada Lovelace"])
    slug: Slug | None = Field(None, description="Made from the name when absent.")
    headline: ShortText | None = Field(None, description="One line: who this is.", examples=["Measures things"])
    bio: LongText | None = None
    avatar_url: WebAddress | None = None
    links: list[Link] = Field([], max_length=20)


class AuthorUpdate(Input):
    """Fields left out stay as they are."""

    name: ShortText | MISSING = Field(MISSING, examples=["Ada Lovelace"])
    slug: Slug | MISSING = MISSING
    headline: ShortText | None | MISSING = MISSING
    bio: LongText | None | MISSING = MISSING
    avatar_url: WebAddress | None | MISSING = MISSING
    links: list[Link] | MISSING = Field(MISSING, max_length=20)


class AuthorRef(Output):
    """An author as articles show them."""

    id: UUID
    slug: str = Field(examples=["ada-lovelace"])
    name: str = Field(examples=["Ada Lovelace"])
    avatar_url: str | None


class AuthorOut(AuthorRef):
    url: SiteUrl = Field(validation_alias="path")
    headline: str | None
    bio: str | None
    links: list[Link]


class ManagedAuthor(AuthorOut):
    user_id: UUID | None = Field(description="The user who signs in as this author, if any.")
    version: int
    created_at: datetime
    updated_at: datetime


class AuthorQuery(PageQuery):
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"
