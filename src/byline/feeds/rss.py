"""RSS 2.0 (https://www.rssboard.org/rss-specification) with the modules that every reader knows: Content, Dublin Core
and Atom's `link`. The words are escaped rather than CDATA, which could not hold `]]>`.
"""

from email.utils import format_datetime
from html import escape
from xml.etree.ElementTree import Element

from byline.feeds.elements import add, document
from byline.feeds.schemas import Entry, Feed

NAME = "feed.xml"
MEDIA_TYPE = "application/rss+xml"

_NAMESPACES = {
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
}


def write(feed: Feed) -> bytes:
    root = Element("rss", {"version": "2.0", **_NAMESPACES})
    channel = add(root, "channel")
    add(channel, "title", feed.title)
    add(channel, "link", feed.home)
    add(channel, "description", feed.description or feed.title)  # required, and not to be blank
    add(channel, "language", feed.language)
    if feed.changed_at is not None:
        add(channel, "lastBuildDate", format_datetime(feed.changed_at, usegmt=True))
    for relation, address in feed.links(NAME).items():
        add(channel, "atom:link", rel=relation, **({} if relation == "hub" else {"type": MEDIA_TYPE}), href=address)
    for entry in feed.entries:
        _add_item(channel, entry, feed)
    return document(root)


def _add_item(channel: Element, entry: Entry, feed: Feed) -> None:
    item = add(channel, "item")
    add(item, "title", entry.title)
    add(item, "link", entry.url)
    add(item, "guid", entry.id.urn, isPermaLink="false")
    for author in entry.authors:
        add(item, "dc:creator", author.name)  # RSS's own `author` is an email address
    for tag in entry.tags:
        add(item, "category", tag.name, domain=feed.taxonomy)
    add(item, "pubDate", format_datetime(entry.published_at, usegmt=True))
    add(item, "atom:updated", entry.changed_at.isoformat())  # for which RSS has no element of its own
    for enclosure in entry.enclosures[:1]:  # of more than one, some readers take the first and others the last
        # A length is required: "When an enclosure's size cannot be determined, a publisher should use a length of 0."
        add(item, "enclosure", url=enclosure.url, length="0", type=enclosure.type)
    if entry.excerpt:
        add(item, "description", escape(entry.excerpt, quote=False))  # readers take it for HTML, as the RSS text says
    if feed.is_full:
        add(item, "content:encoded", entry.content)
