from typing import Any, Literal

from pydantic import Field

from byline.core.schemas import Input, Output, ShortText
from byline.posts.schemas import PostContent, PostUpdate, RevisionOut

MOST_REVISIONS = 2**31 - 1


class PostMerge(Input):
    base: int = Field(ge=1, le=MOST_REVISIONS, description="The version that the changes were made to.", examples=[3])
    changes: PostUpdate


class RevisionRestore(Input):
    message: ShortText | None = Field(
        None, description="A note on the new version. `Restored revision 3`, when absent."
    )


class RevisionUpdate(Input):
    name: ShortText | None = Field(
        description="A label; null takes it away. What has one is never thinned out.", examples=["before the lawyers"]
    )


class RevisionContent(RevisionOut):
    """One save, with all that it holds."""

    content: PostContent


class DiffQuery(Input):
    against: int | None = Field(
        None, ge=1, le=MOST_REVISIONS, description="The number of another revision. The one before, when absent."
    )


class FieldDiff(Output):
    before: Any
    after: Any


class DiffWords(Output):
    op: Literal["equal", "delete", "insert"]
    text: str


class DiffOp(Output):
    """Lines that are the same, or that went, came, or were replaced: whole ones, with their ends."""

    op: Literal["equal", "delete", "insert", "replace"]
    old: str
    new: str
    words: list[DiffWords] | None = Field(
        description="What of replaced lines stayed, went and came; null for other lines, and for very long texts."
    )


class DiffHunk(Output):
    """Changes that are near each other, with up to three lines around them. The first line is 1."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    ops: list[DiffOp]


class RevisionDiff(Output):
    """What a revision has otherwise than another."""

    number: int
    against: int | None = Field(description="Null where there is none before: then everything is new.")
    fields: dict[str, FieldDiff] = Field(
        description="Those that are not the same, but for `markdown`. Tags, authors and series by id."
    )
    markdown: list[DiffHunk]
    unified: str = Field(description="The same of the Markdown as unified text; empty where it did not change.")
