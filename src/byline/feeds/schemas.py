"""What a feed says, in whichever format."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from byline.authors.schemas import AuthorRef
from byline.core.schemas import Output, SiteUrl
from byline.core.uris import absolute, uri
from byline.feeds.addresses import with_absolute_addresses
from byline.posts.schemas import Cover
from byline.tags.schemas import TagRef

Uri = Annotated[SiteUrl, AfterValidator(uri)]


class EntryAuthor(AuthorRef):
    url: Uri = Field(validation_alias="path")


class Entry(Output):
    """A post in a feed. Its identity is `id.urn`, the same in each format: an address may change, the id never does."""

    id: UUID
    url: Uri = Field(validation_alias="path")
    title: str
    excerpt: str
    html: str
    language: str
    tags: list[TagRef]
    authors: list[EntryAuthor]
    cover: Cover | None
    published_at: datetime
    updated_at: datetime

    @property
    def changed_at(self) -> datetime:
        """When it became what readers see: what was written ahead changed last when it appeared."""
        return max(self.published_at, self.updated_at)

    @property
    def content(self) -> str:
        """The HTML, with no address that holds on the page only."""
        return with_absolute_addresses(self.html, base=self.url)

    @property
    def image(self) -> str | None:
        return None if self.cover is None else uri(absolute(self.cover.url, base=self.url))


@dataclass(frozen=True, kw_only=True)
class Feed:
    """`home` is the page that shows the same to people; `site_title` the name of the publication."""

    title: str
    description: str
    language: str
    home: str
    site_title: str
    entries: Sequence[Entry]

    @property
    def changed_at(self) -> datetime | None:
        """When the newest change came; None for a feed without entries."""
        return max((entry.changed_at for entry in self.entries), default=None)

    def address(self, name: str) -> str:
        """Of the document of this name that holds the feed."""
        return f"{self.home.rstrip('/')}/{name}"
