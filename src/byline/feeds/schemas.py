"""What a feed says, in whichever format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from byline.authors.schemas import AuthorRef
from byline.core.schemas import Input, LanguageTag, Output, SiteUrl
from byline.core.uris import absolute, uri
from byline.feeds.addresses import feed_address, with_absolute_addresses
from byline.feeds.media import Enclosure, picture, played_in
from byline.posts.schemas import Cover
from byline.tags.schemas import TagRef

Uri = Annotated[SiteUrl, AfterValidator(uri)]


class FeedQuery(Input):
    """What every feed takes."""

    language: LanguageTag | None = Field(None, description="Only posts in this language.")
    cursor: str | None = Field(None, max_length=5000, description="From the link `next` of the page before.")


class SiteFeedQuery(FeedQuery):
    """What the feeds of the site take besides: all that is given has to apply."""

    tag: str | None = Field(None, max_length=200, description="The slug of a tag.")
    author: str | None = Field(None, max_length=200, description="The slug of an author.")
    series: str | None = Field(None, max_length=200, description="The slug of a series.")


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

    @property
    def played(self) -> list[Enclosure]:
        """The sound and films in the text."""
        return played_in(self.html, base=self.url)

    @property
    def enclosures(self) -> list[Enclosure]:
        """What is played, then the cover."""
        cover = None if self.cover is None else picture(self.cover.url, base=self.url)
        return [*self.played, *([cover] if cover else [])]


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One page of a feed. `home` is the page of the site that shows the same to people; `filters` what is asked for in
    the query besides; `site_title` the name of the publication; `is_full` whether readers get whole articles.
    """

    title: str
    description: str
    language: str
    home: str
    site_url: str
    site_title: str
    entries: Sequence[Entry]
    filters: Mapping[str, str | None] = field(default_factory=dict)
    cursor: str | None = None
    next_cursor: str | None = None
    hub: str | None = None
    is_full: bool = True

    @property
    def changed_at(self) -> datetime | None:
        """When the newest change came; None for a feed without entries."""
        return max((entry.changed_at for entry in self.entries), default=None)

    @property
    def taxonomy(self) -> str:
        """What says of tags whose they are."""
        return uri(f"{self.site_url}/tags")

    def address(self, name: str) -> str:
        """Of the document of this name that holds the feed, from its newest entry on."""
        return feed_address(self.home, name, **self.filters)

    def links(self, name: str) -> dict[str, str]:
        """By relation (RFC 5005 §3, WebSub §4). Only the first page is what hubs know, and are told of."""

        def page(cursor: str | None) -> str:
            return feed_address(self.home, name, **self.filters, cursor=cursor)

        links = {"self": page(self.cursor)}
        if self.cursor is not None or self.next_cursor is not None:
            links["first"] = self.address(name)
        if self.next_cursor is not None:
            links["next"] = page(self.next_cursor)
        if self.hub is not None and self.cursor is None:
            links["hub"] = self.hub
        return links
