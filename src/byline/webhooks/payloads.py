"""What webhooks are told: each class is a type of message, and its docstring is the documentation of it.

Only what readers can see is told, as they see it.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from byline.authors.schemas import AuthorOut
from byline.core.schemas import Output, SiteUrl
from byline.posts.models import Kind
from byline.posts.schemas import PostOut
from byline.series.schemas import SeriesOut
from byline.tags.schemas import TagOut


class Gone(Output):
    """What it was, and where: null where that was the name of somebody who was erased."""

    id: UUID
    slug: str | None = Field(examples=["how-to-measure"])
    url: SiteUrl | None = Field(validation_alias="path")


class GonePost(Gone):
    kind: Kind


class WebhookRef(Output):
    id: UUID


class Message(Output):
    type: str
    timestamp: datetime = Field(description="When it happened.")


class PostPublished(Message):
    """A post or a page that readers did not see is there for them: published, or its scheduled time has come."""

    type: Literal["post.published"]
    data: PostOut


class PostUpdated(Message):
    """What readers see of a post or a page is another version now. Drafts that are saved meanwhile tell nothing."""

    type: Literal["post.updated"]
    data: PostOut


class PostUnpublished(Message):
    """A post or a page is no longer there for readers: unpublished, or its time is over. `data` says where it was."""

    type: Literal["post.unpublished"]
    data: GonePost


class PostTrashed(Message):
    """A post or a page that readers saw was moved to the trash. `data` says where it was."""

    type: Literal["post.trashed"]
    data: GonePost


class AuthorCreated(Message):
    """There is a new author."""

    type: Literal["author.created"]
    data: AuthorOut


class AuthorUpdated(Message):
    """An author has changed, and with them how each of their articles names them."""

    type: Literal["author.updated"]
    data: AuthorOut


class AuthorDeleted(Message):
    """An author is gone."""

    type: Literal["author.deleted"]
    data: Gone


class TagCreated(Message):
    """There is a new tag."""

    type: Literal["tag.created"]
    data: TagOut


class TagUpdated(Message):
    """A tag has changed, and with it how each article that has it names it."""

    type: Literal["tag.updated"]
    data: TagOut


class TagDeleted(Message):
    """A tag is gone, from articles too."""

    type: Literal["tag.deleted"]
    data: Gone


class SeriesCreated(Message):
    """There is a new series."""

    type: Literal["series.created"]
    data: SeriesOut


class SeriesUpdated(Message):
    """A series has changed, and with it how each article of it names it."""

    type: Literal["series.updated"]
    data: SeriesOut


class SeriesDeleted(Message):
    """A series is gone; its articles stay."""

    type: Literal["series.deleted"]
    data: Gone


class WebhookTest(Message):
    """Sent by `POST /v1/manage/webhooks/{webhook_id}/test`, once, whatever the webhook is told else."""

    type: Literal["webhook.test"]
    data: WebhookRef


TEST = "webhook.test"

MESSAGES: dict[str, type[Message]] = {
    "post.published": PostPublished,
    "post.updated": PostUpdated,
    "post.unpublished": PostUnpublished,
    "post.trashed": PostTrashed,
    "author.created": AuthorCreated,
    "author.updated": AuthorUpdated,
    "author.deleted": AuthorDeleted,
    "tag.created": TagCreated,
    "tag.updated": TagUpdated,
    "tag.deleted": TagDeleted,
    "series.created": SeriesCreated,
    "series.updated": SeriesUpdated,
    "series.deleted": SeriesDeleted,
    TEST: WebhookTest,
}

PATTERNS = (
    "*",
    *dict.fromkeys(f"{type.partition('.')[0]}.*" for type in MESSAGES if type != TEST),
    *(type for type in MESSAGES if type != TEST),
)
"""What a webhook may ask for: everything, everything about posts, …, or types one by one."""


def wants(patterns: list[str], type: str) -> bool:
    return not {"*", f"{type.partition('.')[0]}.*", type}.isdisjoint(patterns)
