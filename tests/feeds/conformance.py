"""The rules of RFC 4287, RFC 5005, RSS 2.0 and JSON Feed 1.1, as functions that say what a document breaks.

They know nothing of Byline: they are written from the texts, and `test_conformance.py` proves them on feeds that are
known to be right or wrong. Where W3C's feed validator has a name for a breach, that is its name here. The RSS text is
https://www.rssboard.org/rss-specification, with the board's best practices (https://www.rssboard.org/rss-profile).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, fromstring

ATOM = "{http://www.w3.org/2005/Atom}"
XML = "{http://www.w3.org/XML/1998/namespace}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"

ADVICE = {"MissingSelf", "DuplicateEntries", "MisplacedMetadata", "MissingGuid", "NotSufficientlyUnique"} | {
    "ProblematicalRFC822Date",
    "UnexpectedAttribute",
}
"""What is allowed, and wise to leave: SHOULD, or what known readers stumble over."""

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w.+!#$&^-]*/[A-Za-z0-9][\w.+!#$&^-]*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")  # RFC 3066, and BCP 47 after it
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def errors(found: Iterable[str]) -> list[str]:
    return [breach for breach in found if breach.split("{")[0] not in ADVICE]


# ── Atom ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_ONCE = ("generator", "icon", "id", "logo", "rights", "subtitle", "title", "updated")  # §4.1.1
_ONCE_IN_ENTRY = ("content", "id", "published", "rights", "source", "summary", "title", "updated")  # §4.1.2
_SEVERAL_IDS = 3  # entries of one id are different times of one thing (§4.1.1); a feed full of them is a mistake


def atom(document: bytes) -> list[str]:
    try:
        root = fromstring(document)
    except ParseError as error:
        return [f"SAXError{{{error}}}"]
    if root.tag != f"{ATOM}feed":
        return ["UndefinedRoot"]
    return [*_atom_feed(root), *chain.from_iterable(_atom_entry(root, entry) for entry in root.findall(f"{ATOM}entry"))]


def _atom_feed(root: Element) -> Iterator[str]:
    yield from _counted(root, "feed", _ONCE, ("id", "title", "updated"))
    yield from _atom_common(root, "feed")
    if _link(root, "self") is None:
        yield "MissingSelf{element:feed}"
    entries = root.findall(f"{ATOM}entry")
    times = Counter(entry.findtext(f"{ATOM}id") for entry in entries)
    if len(entries) >= _SEVERAL_IDS and len(times) == 1:
        yield "DuplicateIds"
    elif max(times.values(), default=0) > 1:
        yield "DuplicateEntries"
    seen = False
    for child in root:
        seen = seen or child.tag == f"{ATOM}entry"
        if seen and child.tag != f"{ATOM}entry":
            yield f"MisplacedMetadata{{element:{_local(child)}}}"


def _atom_entry(root: Element, entry: Element) -> Iterator[str]:
    yield from _counted(entry, "entry", _ONCE_IN_ENTRY, ("id", "title", "updated"))
    yield from _atom_common(entry, "entry")
    if not any(parent.findall(f"{ATOM}author") for parent in (entry, root)):
        yield "MissingElement{element:author,parent:entry}"
    content = entry.find(f"{ATOM}content")
    if content is None and _link(entry, "alternate") is None:
        yield "MissingAlternateLink"
    elif content is not None and content.get("src") is not None and entry.find(f"{ATOM}summary") is None:
        yield "MissingSummary"


def _atom_common(parent: Element, name: str) -> Iterator[str]:
    """What holds of feeds and entries alike."""
    for person in (*parent.findall(f"{ATOM}author"), *parent.findall(f"{ATOM}contributor")):  # §3.2
        yield from _counted(person, _local(person), ("name", "uri", "email"), ("name",))
    for dated in (*parent.findall(f"{ATOM}updated"), *parent.findall(f"{ATOM}published")):  # §3.3
        if not _is_rfc3339(dated.text or ""):
            yield f"InvalidRFC3339Date{{element:{_local(dated)}}}"
    for found in parent.findall(f"{ATOM}id"):  # §4.2.6
        if not _SCHEME.fullmatch(found.text or ""):
            yield f"InvalidFullLink{{element:id,parent:{name}}}"
    for category in parent.findall(f"{ATOM}category"):  # §4.2.2
        if category.get("term") is None:
            yield f"MissingAttribute{{attr:term,parent:{name}}}"
        if not _SCHEME.fullmatch(category.get("scheme", "urn:none")):
            yield f"InvalidFullLink{{attr:scheme,parent:{name}}}"
    for text in ("title", "subtitle", "summary", "rights", "content"):  # §3.1.1, §4.1.3
        for construct in parent.findall(f"{ATOM}{text}"):
            if construct.get("type", "text") in {"text", "html"} and len(construct):
                yield f"UndefinedElement{{parent:{text}}}"
    if not _LANGUAGE.fullmatch(parent.get(f"{XML}lang", "en")):  # §2
        yield f"InvalidLanguage{{element:{name}}}"
    yield from _atom_links(parent, name)


def _atom_links(parent: Element, name: str) -> Iterator[str]:
    links = parent.findall(f"{ATOM}link")
    for link in links:  # §4.2.7
        if not link.get("href"):
            yield f"MissingAttribute{{attr:href,parent:{name}}}"
        if not _MEDIA_TYPE.fullmatch(link.get("type", "text/html")):
            yield f"InvalidMIMEType{{parent:{name}}}"
    alternates = [link for link in links if link.get("rel", "alternate") == "alternate"]
    kinds = Counter((link.get("type"), link.get("hreflang")) for link in alternates)
    if max(kinds.values(), default=0) > 1:  # §4.1.1, §4.1.2
        yield f"DuplicateAtomLink{{parent:{name}}}"


def _counted(parent: Element, name: str, once: Sequence[str], required: Sequence[str]) -> Iterator[str]:
    for element in once:
        found = len(parent.findall(f"{ATOM}{element}"))
        if found > 1:
            yield f"DuplicateElement{{element:{element},parent:{name}}}"
        if not found and element in required:
            yield f"MissingElement{{element:{element},parent:{name}}}"


def _link(parent: Element, relation: str) -> str | None:
    found = (link for link in parent.findall(f"{ATOM}link") if link.get("rel", "alternate") == relation)
    return next((link.get("href") for link in found), None)


def _is_rfc3339(text: str) -> bool:
    if not _RFC_3339.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


# ── RSS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_CHANNEL_ONCE = (
    *("title", "link", "description", "language", "copyright", "managingEditor", "webMaster", "pubDate"),
    *("lastBuildDate", "generator", "docs", "ttl", "image"),
)
_ITEM_ONCE = ("author", "comments", "description", "enclosure", "guid", "link", "pubDate", "source", "title")


def rss(document: bytes) -> list[str]:
    try:
        root = fromstring(document)
    except ParseError as error:
        return [f"SAXError{{{error}}}"]
    channels = root.findall("channel")
    if root.tag != "rss" or root.get("version") != "2.0" or len(channels) != 1:
        return ["UndefinedRoot"]
    return [*_channel(channels[0]), *chain.from_iterable(map(_item, channels[0].findall("item")))]


def _channel(channel: Element) -> Iterator[str]:
    for required in ("title", "link", "description"):
        if not (channel.findtext(required) or "").strip():
            yield f"MissingElement{{element:{required},parent:channel}}"
    yield from _repeated(channel, _CHANNEL_ONCE)
    yield from _dates(channel, "channel", ("pubDate", "lastBuildDate"))
    if not _is_web(channel.findtext("link") or ""):
        yield "InvalidLink{parent:channel}"
    if not _LANGUAGE.fullmatch(channel.findtext("language") or "en"):
        yield "InvalidLanguage{parent:channel}"
    guids = Counter(guid.text for guid in channel.findall("item/guid") if guid.text)
    if max(guids.values(), default=0) > 1:
        yield "DuplicateValue{element:guid}"


def _item(item: Element) -> Iterator[str]:
    if not any((item.findtext(name) or "").strip() for name in ("title", "description")):
        yield "ItemMustContainTitleOrDescription"
    yield from _repeated(item, (*_ITEM_ONCE, CONTENT))
    yield from _dates(item, "item", ("pubDate",))
    if not _is_web(item.findtext("link") or "http://none.example"):
        yield "InvalidLink{parent:item}"
    author = item.findtext("author")
    if author is not None and "@" not in author:
        yield "InvalidContact{element:author}"
    for category in item.findall("category"):
        if category.get("domain") == "":
            yield "InvalidAttribute{attr:domain}"
    for found in item.findall("enclosure"):
        yield from _enclosure(found)
    guid = item.find("guid")
    if guid is None:
        yield "MissingGuid"
    else:
        yield from _guid(guid)


def _enclosure(element: Element) -> Iterator[str]:
    for name in ("url", "length", "type"):
        if element.get(name) is None:
            yield f"MissingAttribute{{attr:{name},element:enclosure}}"
    if not _is_web(element.get("url", "")):
        yield "InvalidLink{element:enclosure}"
    if not element.get("length", "").isdecimal():
        yield "InvalidIntegerAttribute{attr:length}"
    if not _MEDIA_TYPE.fullmatch(element.get("type", "")):
        yield "InvalidMIMEAttribute{attr:type}"


def _guid(guid: Element) -> Iterator[str]:
    text = (guid.text or "").strip()
    for attribute in guid.attrib.keys() - {"isPermaLink"}:
        yield f"UnexpectedAttribute{{element:guid,attr:{attribute}}}"
    is_permanent = guid.get("isPermaLink", "true")
    if is_permanent not in {"true", "false"}:
        yield "InvalidBooleanAttribute{element:guid,attr:isPermaLink}"
    elif is_permanent == "true" and not _is_web(text):
        yield "InvalidPermalink" if _SCHEME.fullmatch(text) else "InvalidHttpGUID{parent:item,element:guid}"
    elif is_permanent == "false" and text.isdecimal() and len(text) < 8:
        yield "NotSufficientlyUnique{element:guid}"


def _repeated(parent: Element, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if len(parent.findall(name)) > 1:
            yield f"DuplicateElement{{element:{name},parent:{_local(parent)}}}"


def _is_web(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and address.isascii() and " " not in address


# ── dates of RFC 822 §5, as RFC 2822 §3.3 and §4.3 have them since ───────────────────────────────────────────────────

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    rf"(?:(?P<name>{'|'.join(_DAYS)})\s*,\s*)?(?P<day>\d\d?)\s+(?P<month>{'|'.join(_MONTHS)})\s+(?P<year>\d\d|\d{{4}})"
    r"\s+(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
    r"\s*(?P<zone>[+-]\d{4}|ut|gmt|z|[ecmp][sd]t|[a-ik-y])",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")


def _dates(parent: Element, name: str, elements: Sequence[str]) -> Iterator[str]:
    for element in elements:
        for found in parent.findall(element):
            breach = date(found.text or "")
            if breach is not None:
                yield f"{breach}{{parent:{name},element:{element}}}"


def date(text: str) -> str | None:
    """What is wrong with it: Problematical is what the grammar allows and programs misread."""
    plain = text
    while _COMMENT.search(plain):  # they nest
        plain = _COMMENT.sub(" ", plain)
    found = _DATE.fullmatch(plain.strip())
    if found is None:
        return "InvalidRFC2822Date"
    year = int(found["year"])
    if len(found["year"]) == 2:  # RFC 2822 §4.3
        year += 2000 if year < 50 else 1900
    try:
        month = _MONTHS.index(found["month"].lower()) + 1
        day = datetime(year, month, int(found["day"]), int(found["hour"]), int(found["minute"]))
    except ValueError:
        return "InvalidRFC2822Date"
    if found["name"] and _DAYS[day.weekday()] != found["name"].lower():
        return "InvalidRFC2822Date"
    zone = found["zone"].lower()
    is_odd = (len(zone) == 1 and zone != "z") or (zone[0] in "+-" and zone[3:] not in {"00", "30", "45"})
    if plain != text or len(found["year"]) == 2 or is_odd or (found["name"] and ", " not in text):
        return "ProblematicalRFC822Date"
    return None


# ── JSON Feed ────────────────────────────────────────────────────────────────────────────────────────────────────────

_FEED_TEXTS = ("title", "description", "user_comment", "language")
_FEED_ADDRESSES = ("home_page_url", "feed_url", "next_url", "icon", "favicon")
_ITEM_TEXTS = ("title", "content_html", "content_text", "summary", "language")
_ITEM_ADDRESSES = ("url", "external_url", "image", "banner_image")


def json_feed(document: bytes) -> list[str]:
    try:
        feed = json.loads(document)
    except ValueError:
        return ["NotJson"]
    return list(_json_feed(feed))


def _json_feed(feed: dict[str, Any]) -> Iterator[str]:
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield "InvalidVersion"
    if not isinstance(feed.get("title"), str) or not isinstance(feed.get("items"), list):
        yield "MissingMember"
        return
    yield from _json_members(feed, "feed", _FEED_TEXTS, _FEED_ADDRESSES)
    if "next_url" in feed and feed["next_url"] == feed.get("feed_url"):
        yield "InvalidNextUrl"  # "must not be the same as feed_url … to avoid infinite loops"
    for hub in feed.get("hubs", []):
        if not isinstance(hub.get("type"), str) or not _is_web(hub.get("url", "")):
            yield "InvalidHub"
    ids = Counter(item.get("id") for item in feed["items"])
    if max(ids.values(), default=0) > 1:
        yield "DuplicateIds"
    for item in feed["items"]:
        yield from _json_item(item)


def _json_item(item: dict[str, Any]) -> Iterator[str]:
    if not isinstance(item.get("id"), str) or not item["id"]:
        yield "MissingId"
    if not {"content_html", "content_text"} & item.keys():
        yield "MissingContent"
    yield from _json_members(item, "item", _ITEM_TEXTS, _ITEM_ADDRESSES)
    for name in ("date_published", "date_modified"):
        if name in item and not _is_rfc3339(item[name]):
            yield f"InvalidRFC3339Date{{{name}}}"
    if not all(isinstance(tag, str) for tag in item.get("tags", [])):
        yield "InvalidTags"
    for attachment in item.get("attachments", []):
        if not _is_web(attachment.get("url", "")) or not _MEDIA_TYPE.fullmatch(attachment.get("mime_type", "")):
            yield "InvalidAttachment"


def _json_members(of: dict[str, Any], name: str, texts: Sequence[str], addresses: Sequence[str]) -> Iterator[str]:
    for member in (*texts, *addresses):
        if member in of and not isinstance(of[member], str):
            yield f"InvalidMember{{{member},parent:{name}}}"
        elif member in of and member in addresses and not _is_web(of[member]):
            yield f"InvalidLink{{{member},parent:{name}}}"
    if not _LANGUAGE.fullmatch(of.get("language", "en")):
        yield f"InvalidLanguage{{parent:{name}}}"
    for author in of.get("authors", []):
        if not {"name", "url", "avatar"} & author.keys():
            yield f"InvalidAuthor{{parent:{name}}}"  # "at least one"
        if not all(_is_web(author[member]) for member in ("url", "avatar") if member in author):
            yield f"InvalidLink{{authors,parent:{name}}}"


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def links(document: bytes) -> dict[str, str]:
    """The relations of a feed document, of whichever XML format, to their addresses (RFC 5005 uses Atom's `link`)."""
    root = fromstring(document)
    parent = root if root.tag == f"{ATOM}feed" else root[0]
    return {link.get("rel", "alternate"): link.get("href", "") for link in parent.findall(f"{ATOM}link")}


def pages(documents: Sequence[bytes]) -> list[str]:
    """Of RFC 5005 §3: those that `next` led to one after the other, the first first."""
    breaches: list[str] = []
    for place, document in enumerate(documents):
        found = links(document)
        following = links(documents[place + 1])["self"] if place + 1 < len(documents) else None
        if found.get("next") != following:
            breaches.append(f"NextLeadsElsewhere{{page:{place}}}")
        if len(documents) > 1 and found.get("first") != links(documents[0])["self"]:
            breaches.append(f"FirstLeadsElsewhere{{page:{place}}}")
    if len({links(document)["self"] for document in documents}) < len(documents):
        breaches.append("SameSelf")
    return breaches


FORMATS = {"feed.xml": rss, "atom.xml": atom, "feed.json": json_feed}
"""The rules of each document, by its name."""
