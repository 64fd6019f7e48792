from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WrapValidator

from byline.core.problems import Problem
from byline.core.schemas import Input, Output
from byline.posts.review_schemas import ChangesRequest, ReviewNote
from byline.posts.schemas import PostCreate, PostPublish, PostUpdate


class _OfOne(Input):
    id: UUID
    if_match: str | None = Field(
        None, max_length=1000, description="As the header: the ETag that you read.", examples=['"7"']
    )


class BatchCreate(Input):
    op: Literal["create"]
    body: PostCreate


class BatchUpdate(_OfOne):
    op: Literal["update"]
    body: PostUpdate


class BatchPublish(_OfOne):
    op: Literal["publish"]
    body: PostPublish = PostPublish()


class BatchUnpublish(_OfOne):
    op: Literal["unpublish"]


class BatchDelete(_OfOne):
    op: Literal["delete"]


class BatchSubmit(_OfOne):
    op: Literal["submit"]
    body: ReviewNote = ReviewNote()


class BatchApprove(_OfOne):
    op: Literal["approve"]
    body: ReviewNote = ReviewNote()


class BatchRequestChanges(_OfOne):
    op: Literal["request-changes"]
    body: ChangesRequest = ChangesRequest()


_BY_OP: dict[object, type[Input]] = {
    "create": BatchCreate,
    "update": BatchUpdate,
    "publish": BatchPublish,
    "unpublish": BatchUnpublish,
    "delete": BatchDelete,
    "submit": BatchSubmit,
    "approve": BatchApprove,
    "request-changes": BatchRequestChanges,
}


def _by_op(value: Any, validate: Callable[[Any], Any]) -> Any:
    """A union would put the name of its member into the pointers of what is wrong: the client has not written that."""
    op = value.get("op") if isinstance(value, dict) else None
    model = _BY_OP.get(op) if isinstance(op, str) else None
    return validate(value) if model is None else model.model_validate(value)


Operation = Annotated[
    BatchCreate
    | BatchUpdate
    | BatchPublish
    | BatchUnpublish
    | BatchDelete
    | BatchSubmit
    | BatchApprove
    | BatchRequestChanges,
    Field(discriminator="op"),
    WrapValidator(_by_op),
]


class PostBatch(Input):
    atomic: bool = Field(True, description="All or nothing.")
    operations: list[Operation] = Field(min_length=1, max_length=100)


class BatchResult(Output):
    """What became of one operation: the status that it would have been answered alone."""

    index: int = Field(description="Its place among the operations, from 0.")
    op: str = Field(examples=["update"])
    status: int = Field(description="424 where it was not done because another failed.", examples=[200])
    id: UUID | None
    version: int | None
    etag: str | None = Field(examples=['"8"'])
    problem: Problem | None


class BatchOut(Output):
    results: list[BatchResult] = Field(description="One for each operation, in order.")
