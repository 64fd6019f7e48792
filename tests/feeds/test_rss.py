"""What https://www.rssboard.org/rss-specification and its best practices ask for."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from html import unescape
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, fromstring

import pytest

from byline.feeds import rss
from byline.feeds.schemas import Feed
from tests.feeds import samples

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"

_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)


def parse(feed: Feed) -> Element:
    root = fromstring(rss.write(feed))
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    [channel] = root
    assert channel.tag == "channel"
    return channel


def text(parent: Element, name: str) -> str:
    """Of the one child that has this name."""
    [child] = parent.findall(name)
    return child.text or ""


def date(parent: Element, name: str) -> datetime:
    written = text(parent, name)
    assert _DATE.fullmatch(written)
    moment = parsedate_to_datetime(written)
    assert f"{moment:%a}" == written[:3]
    return moment


@pytest.mark.parametrize("feed", [samples.FULL, samples.EMPTY])
def test_channel_has_what_it_must(feed: Feed) -> None:
    channel = parse(feed)
    assert text(channel, "title") == feed.title
    assert text(channel, "link") == "https://blog.example/"
    assert text(channel, "description") == (feed.description or feed.title)
    assert text(channel, "language") == "en"
    [own] = channel.findall(f"{ATOM}link")
    assert own.attrib == {"rel": "self", "type": "application/rss+xml", "href": "https://blog.example/feed.xml"}
    assert len(channel.findall("item")) == len(feed.entries)


def test_channel_says_when_it_changed_last_if_it_ever_did() -> None:
    assert date(parse(samples.FULL), "lastBuildDate") == samples.FULL.changed_at
    assert parse(samples.EMPTY).find("lastBuildDate") is None


def test_items_have_what_they_must() -> None:
    items = parse(samples.FULL).findall("item")
    for item, entry in zip(items, samples.FULL.entries, strict=True):
        assert text(item, "title") == entry.title
        link = text(item, "link")
        assert link.isascii()
        assert urlsplit(link).scheme == "https"
        assert date(item, "pubDate") == entry.published_at.replace(microsecond=0)
        assert [found.text for found in item.findall("category")] == [tag.name for tag in entry.tags]
        assert [found.text for found in item.findall(f"{DUBLIN_CORE}creator")] == [
            author.name for author in entry.authors
        ]
        assert text(item, f"{CONTENT}encoded") == entry.content


def test_guid_is_unique_and_no_address() -> None:
    guids = [item.find("guid") for item in parse(samples.FULL).findall("item")]
    assert [guid is not None and guid.get("isPermaLink") for guid in guids] == ["false"] * 4
    assert [guid is not None and guid.text for guid in guids] == [entry.id.urn for entry in samples.FULL.entries]


def test_nobody_is_named_where_the_specification_wants_an_email_address() -> None:
    assert parse(samples.FULL).findall(".//author") == []


def test_description_is_text_that_reads_as_html() -> None:
    excerpt = "Write <b> & not </b>, if 1 < 2"
    [item] = parse(samples.feed(samples.entry(excerpt=excerpt))).findall("item")
    description = text(item, "description")
    assert "<" not in description
    assert unescape(description) == excerpt


def test_description_is_left_out_rather_than_blank() -> None:
    [item] = parse(samples.feed(samples.entry(excerpt=""))).findall("item")
    assert item.find("description") is None


def test_prefixes_are_the_usual_ones() -> None:
    written = rss.write(samples.FULL)
    for name in (b"<atom:link ", b"<content:encoded>", b"<dc:creator>"):
        assert name in written
