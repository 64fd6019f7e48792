"""What RFC 4287 asks for."""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree.ElementTree import Element, fromstring

import pytest

from byline.feeds import atom
from byline.feeds.schemas import Feed
from tests.feeds import samples

ATOM = "{http://www.w3.org/2005/Atom}"
XML = "{http://www.w3.org/XML/1998/namespace}"

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

FEEDS = pytest.mark.parametrize("feed", [samples.FULL, samples.EMPTY])


def parse(feed: Feed) -> Element:
    root = fromstring(atom.write(feed))
    assert root.tag == f"{ATOM}feed"
    return root


def entries(feed: Feed) -> list[Element]:
    return parse(feed).findall(f"{ATOM}entry")


def text(parent: Element, name: str) -> str:
    """Of the one child that has this name."""
    [child] = parent.findall(f"{ATOM}{name}")
    return child.text or ""


def date(parent: Element, name: str) -> datetime:
    written = text(parent, name)
    assert _RFC_3339.fullmatch(written)
    return datetime.fromisoformat(written)


def links(parent: Element) -> dict[str | None, tuple[str | None, str | None]]:
    found = parent.findall(f"{ATOM}link")
    by_relation = {link.get("rel"): (link.get("type"), link.get("href")) for link in found}
    assert len(by_relation) == len(found)  # §4.1.1: no two alternates of one type and language
    return by_relation


@FEEDS
def test_feed_has_exactly_what_it_must(feed: Feed) -> None:  # §4.1.1
    root = parse(feed)
    assert text(root, "title") == feed.title
    assert text(root, "id") == "https://blog.example/atom.xml"
    assert date(root, "updated") == (feed.changed_at or datetime(1970, 1, 1, tzinfo=UTC))
    assert links(root) == {
        "self": ("application/atom+xml", "https://blog.example/atom.xml"),
        "alternate": ("text/html", "https://blog.example/"),
    }
    assert [found.text for found in root.findall(f"{ATOM}subtitle")] == ([feed.description] if feed.description else [])
    assert root.get(f"{XML}lang") == "en"


@FEEDS
def test_everything_about_the_feed_comes_before_its_entries(feed: Feed) -> None:
    names = [child.tag for child in parse(feed)]
    first = names.index(f"{ATOM}entry") if feed.entries else len(names)
    assert set(names[first:]) <= {f"{ATOM}entry"}


@FEEDS
def test_site_is_the_author_of_what_names_nobody(feed: Feed) -> None:  # §4.2.1
    root = parse(feed)
    [author] = root.findall(f"{ATOM}author")
    assert text(author, "name") == "Byline"


def test_entries_have_exactly_what_they_must() -> None:  # §4.1.2
    for element, entry in zip(entries(samples.FULL), samples.FULL.entries, strict=True):
        assert text(element, "title") == entry.title
        assert date(element, "published") == entry.published_at
        assert date(element, "updated") == entry.changed_at
        enclosed = {} if entry.cover is None else {"enclosure": ("image/jpeg", "https://blog.example/media/scale.jpg")}
        assert links(element) == {"alternate": ("text/html", entry.url), **enclosed}
        assert entry.url.isascii()
        assert len(element.findall(f"{ATOM}content")) == 1
        assert len(element.findall(f"{ATOM}summary")) == (1 if entry.excerpt else 0)
        assert element.get(f"{XML}lang") == entry.language


def test_ids_are_uuids_and_unique() -> None:  # §4.2.6
    ids = [text(element, "id") for element in entries(samples.FULL)]
    assert [UUID(found.removeprefix("urn:uuid:")) for found in ids] == [entry.id for entry in samples.FULL.entries]
    assert all(found.startswith("urn:uuid:") for found in ids)


def test_nothing_changed_before_it_was_published() -> None:
    changed = [(date(element, "published"), date(element, "updated")) for element in entries(samples.FULL)]
    assert all(published <= updated for published, updated in changed)
    assert changed[3][0] == changed[3][1]


def test_authors_are_people_with_a_name_and_a_page() -> None:  # §3.2
    people = entries(samples.FULL)[0].findall(f"{ATOM}author")
    assert [text(person, "name") for person in people] == ["Ada Lovelace", "山田 太郎"]
    assert [text(person, "uri") for person in people] == ["https://blog.example/authors/ada"] * 2


def test_tags_are_categories() -> None:  # §4.2.2
    categories = entries(samples.FULL)[0].findall(f"{ATOM}category")
    assert [found.attrib for found in categories] == [
        {"term": "measurement", "scheme": "https://blog.example/tags", "label": "Measurement"},
        {"term": "measurement", "scheme": "https://blog.example/tags", "label": "测量"},
    ]


def test_content_is_escaped_html() -> None:  # §4.1.3.3
    for element, entry in zip(entries(samples.FULL), samples.FULL.entries, strict=True):
        [content] = element.findall(f"{ATOM}content")
        assert content.get("type") == "html"
        assert len(content) == 0
        assert (content.text or "") == entry.content
        assert content.get(f"{XML}base") == entry.url
        assert urlsplit(entry.url).netloc == "blog.example"
