from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from byline.core.schemas import Input, Output, PageQuery
from byline.posts.schemas import RevisionAuthor

ReviewMessage = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), Field(examples=["Ready, I think."])
]
CommentText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000),
    Field(examples=["Which instrument was that?"]),
]


class ReviewNote(Input):
    message: ReviewMessage | None = Field(None, description="What to say with it; the revision has it.")


class ReviewCommentCreate(Input):
    heading: str | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="The `id` of a heading, as `toc` has it. Null: of the whole article.",
        json_schema_extra={"examples": [None]},
    )
    quote: str | None = Field(
        None,
        min_length=1,
        max_length=5000,
        description="Words as readers see them, under that heading or anywhere; spaces and line breaks are all the "
        "same. Without a heading, also words of the title, the subtitle or the excerpt.",
        json_schema_extra={"examples": [None]},
    )
    text: CommentText


class NewReviewComment(ReviewCommentCreate):
    revision: int | None = Field(None, ge=1, le=2**31 - 1, description="The one it is about: the newest, when absent.")


class ReviewCommentUpdate(Input):
    resolved: bool = Field(examples=[True])


class ChangesRequest(ReviewNote):
    comments: list[ReviewCommentCreate] = Field([], max_length=100)


class ReviewCommentOut(Output):
    """What somebody says of a revision, and whether that is settled."""

    id: UUID
    revision: int
    heading: str | None
    quote: str | None
    text: str
    still_stands: bool = Field(description="Whether the newest revision has that heading, and that quote under it.")
    author: RevisionAuthor | None = Field(description="Null for deleted users.")
    created_at: datetime
    resolved_at: datetime | None
    resolver: RevisionAuthor | None


class ReviewCommentQuery(PageQuery):
    revision: int | None = Field(None, ge=1, le=2**31 - 1, description="Of this revision alone.")
    resolved: bool | None = None
