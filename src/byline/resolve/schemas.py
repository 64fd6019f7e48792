from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from byline.core.schemas import Input, Output
from byline.redirects.paths import MAX_LENGTH


class Found(Output):
    """Something that readers see at this path."""

    type: Literal["post", "page", "tag", "author", "series"]
    id: UUID
    slug: str = Field(examples=["how-to-measure"])
    url: str = Field(json_schema_extra={"format": "uri"}, examples=["https://example.com/posts/how-to-measure"])
    updated_at: datetime


class Moved(Output):
    """Nothing is at this path, but it leads on."""

    type: Literal["redirect"] = "redirect"
    status: Literal[301, 302, 307, 308] = Field(description="To be answered to the reader, with this `Location`.")
    location: str = Field(json_schema_extra={"format": "uri"}, examples=["https://example.com/posts/how-to-measure"])


class ResolveQuery(Input):
    path: str = Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="A path of the site as the reader asked for it. Its query is looked at by redirects alone.",
        examples=["/posts/how-to-measure"],
    )
