from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import MISSING, Field

from byline.core.schemas import Input, LongText, Output, PageQuery, ShortText, SiteUrl, Slug


class SeriesCreate(Input):
    title: ShortText = Field(examples=["Measuring well"])
    slug: Slug | None = Field(None, description="Made from the title when absent.")
    description: LongText | None = None


class SeriesUpdate(Input):
    """Fields left out stay as they are."""

    title: ShortText | MISSING = Field(MISSING, examples=["Measuring well"])
    slug: Slug | MISSING = MISSING
    description: LongText | None | MISSING = MISSING


class SeriesOut(Output):
    id: UUID
    slug: str = Field(examples=["measuring-well"])
    title: str = Field(examples=["Measuring well"])
    url: SiteUrl = Field(validation_alias="path")
    description: str | None


class ManagedSeries(SeriesOut):
    version: int
    created_at: datetime
    updated_at: datetime


class SeriesQuery(PageQuery):
    sort: Literal["title", "-title", "created_at", "-created_at"] = "title"
