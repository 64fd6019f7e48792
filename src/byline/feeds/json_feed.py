"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/). What there is nothing to say on is left out."""

from datetime import datetime
from typing import Literal

from pydantic import MISSING, BaseModel

from byline.core.uris import absolute
from byline.feeds.schemas import Entry, EntryAuthor, Feed

NAME = "feed.json"
MEDIA_TYPE = "application/feed+json"


class JsonFeedAuthor(BaseModel):
    name: str
    url: str
    avatar: str | MISSING = MISSING


class JsonFeedAttachment(BaseModel):
    url: str
    mime_type: str


class JsonFeedHub(BaseModel):
    type: str
    url: str


class JsonFeedItem(BaseModel):
    id: str
    url: str
    title: str
    content_html: str | MISSING = MISSING
    content_text: str | MISSING = MISSING
    summary: str | MISSING = MISSING
    image: str | MISSING = MISSING
    date_published: datetime
    date_modified: datetime
    authors: list[JsonFeedAuthor]
    tags: list[str]
    language: str
    attachments: list[JsonFeedAttachment] | MISSING = MISSING


class JsonFeed(BaseModel):
    """A JSON Feed, as https://www.jsonfeed.org/version/1.1/ describes it."""

    version: Literal["https://jsonfeed.org/version/1.1"]
    title: str
    home_page_url: str
    feed_url: str
    next_url: str | MISSING = MISSING
    description: str | MISSING = MISSING
    language: str
    hubs: list[JsonFeedHub] | MISSING = MISSING
    items: list[JsonFeedItem]


def write(feed: Feed) -> bytes:
    links = feed.links(NAME)
    document = JsonFeed(
        version="https://jsonfeed.org/version/1.1",
        title=feed.title,
        home_page_url=feed.home,
        feed_url=feed.address(NAME),
        next_url=links.get("next", MISSING),
        description=feed.description or MISSING,
        language=feed.language,
        hubs=[JsonFeedHub(type="WebSub", url=links["hub"])] if "hub" in links else MISSING,
        items=[_item(entry, feed) for entry in feed.entries],
    )
    return document.model_dump_json().encode()


def _item(entry: Entry, feed: Feed) -> JsonFeedItem:
    attachments = [JsonFeedAttachment(url=played.url, mime_type=played.type) for played in entry.played]
    return JsonFeedItem(
        id=entry.id.urn,
        url=entry.url,
        title=entry.title,
        content_html=entry.content if feed.is_full else MISSING,
        # One of both is required; where there is nothing to excerpt, the title is all there is to say.
        content_text=MISSING if feed.is_full else entry.excerpt or entry.title,
        summary=entry.excerpt or MISSING,
        image=entry.image or MISSING,
        date_published=entry.published_at,
        date_modified=entry.changed_at,
        authors=[_author(author) for author in entry.authors],
        tags=[tag.name for tag in entry.tags],
        language=entry.language,
        attachments=attachments or MISSING,
    )


def _author(author: EntryAuthor) -> JsonFeedAuthor:
    avatar = absolute(author.avatar_url, base=author.url) if author.avatar_url else MISSING
    return JsonFeedAuthor(name=author.name, url=author.url, avatar=avatar)
