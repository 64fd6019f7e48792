"""Atom (RFC 4287)."""

from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from byline.feeds.elements import add, document
from byline.feeds.schemas import Entry, Feed

NAME = "atom.xml"
MEDIA_TYPE = "application/atom+xml"

_NAMESPACE = "http://www.w3.org/2005/Atom"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # a feed has to say when it changed, even if nothing was ever in it


def write(feed: Feed) -> bytes:
    root = Element("feed", {"xmlns": _NAMESPACE, "xml:lang": feed.language})
    add(root, "title", feed.title)
    if feed.description:
        add(root, "subtitle", feed.description)
    add(root, "id", feed.address(NAME))  # of all pages: they are one feed (RFC 5005 §2)
    for relation, address in feed.links(NAME).items():
        add(root, "link", rel=relation, **({} if relation == "hub" else {"type": MEDIA_TYPE}), href=address)
    add(root, "link", rel="alternate", type="text/html", href=feed.home)
    add(root, "updated", (feed.changed_at or _NEVER).isoformat())
    add(add(root, "author"), "name", feed.site_title)  # of the entries that name nobody (§4.2.1)
    for entry in feed.entries:
        _add_entry(root, entry, feed)
    return document(root)


def _add_entry(root: Element, entry: Entry, feed: Feed) -> None:
    element = add(root, "entry", **{"xml:lang": entry.language})
    add(element, "title", entry.title)
    add(element, "id", entry.id.urn)
    add(element, "link", rel="alternate", type="text/html", href=entry.url)
    add(element, "published", entry.published_at.isoformat())
    add(element, "updated", entry.changed_at.isoformat())
    for author in entry.authors:
        person = add(element, "author")
        add(person, "name", author.name)
        add(person, "uri", author.url)
    for tag in entry.tags:
        add(element, "category", term=tag.slug, scheme=feed.taxonomy, label=tag.name)
    for enclosure in entry.enclosures:
        add(element, "link", rel="enclosure", type=enclosure.type, href=enclosure.url)
    if entry.excerpt:
        add(element, "summary", entry.excerpt)
    if feed.is_full:
        add(element, "content", entry.content, type="html", **{"xml:base": entry.url})
