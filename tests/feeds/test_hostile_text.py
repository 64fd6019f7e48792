"""Words that break feeds: in each format they have to arrive as they were written."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from xml.etree.ElementTree import Element, fromstring

import feedparser
import pytest

from byline.core.ids import uuid7
from byline.core.markdown import render
from byline.core.text import printable
from byline.feeds import atom, json_feed, rss
from byline.feeds.schemas import Feed
from tests.corpora import corpus
from tests.feeds import samples

ATOM = "{http://www.w3.org/2005/Atom}"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
AWKWARD = [
    "]]>",
    "<![CDATA[ x ]]>",
    "&amp; &lt; &#0; &bogus;",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y 'z'>]>&y;",
    "\x01\x08\x0b\x1b[31m\x1f\x7f\x85\ufdd0\ufffe\uffff",
    "one\ttwo\nthree",
    "שלום עולם \u202eabc\u202c",
    "مرحبا بالعالم",
    "日本語のタイトル",
    "👩‍👩‍👧‍👦🏳️‍🌈🇺🇳",
    "e\u0301 Å \U0010ffff",
]


def feed_of(strings: list[str]) -> Feed:
    entries = []
    for string in strings:
        rendered = render(string)
        tag = SimpleNamespace(id=uuid7(), slug="tag", name=string)
        fields = {"title": string, "tags": [tag], "authors": [samples.author(string)]}
        entries.append(samples.entry(**fields, html=rendered.html, excerpt=rendered.excerpt))
    return samples.feed(*entries, title=" ".join(strings[:20]), description=" ".join(strings[-20:]))


@pytest.fixture(scope="module", params=["awkward", "naughty"])
def feed(request: pytest.FixtureRequest) -> Feed:
    if request.param == "awkward":
        return feed_of(AWKWARD)
    return feed_of([text for text in json.loads((corpus("hostile-blns") / "blns.json").read_text()) if text])


def texts(parents: list[Element], name: str) -> list[str]:
    return [parent.findtext(name) or "" for parent in parents]


def test_rss_holds_them(feed: Feed) -> None:
    channel = fromstring(rss.write(feed))[0]
    items = channel.findall("item")
    assert channel.findtext("title") == printable(feed.title)
    assert channel.findtext("description") == printable(feed.description)
    written = [printable(entry.title) for entry in feed.entries]
    assert texts(items, "title") == texts(items, "category") == texts(items, f"{DUBLIN_CORE}creator") == written
    encoded = texts(items, "{http://purl.org/rss/1.0/modules/content/}encoded")
    assert encoded == [entry.content for entry in feed.entries]


def test_atom_holds_them(feed: Feed) -> None:
    root = fromstring(atom.write(feed))
    entries = root.findall(f"{ATOM}entry")
    written = [printable(entry.title) for entry in feed.entries]
    assert texts(entries, f"{ATOM}title") == texts(entries, f"{ATOM}author/{ATOM}name") == written
    assert [entry.find(f"{ATOM}category").get("label") for entry in entries] == written  # type: ignore[union-attr]
    assert texts(entries, f"{ATOM}summary") == [printable(entry.excerpt) for entry in feed.entries]
    assert texts(entries, f"{ATOM}content") == [entry.content for entry in feed.entries]


def test_json_feed_holds_them(feed: Feed) -> None:
    document = json.loads(json_feed.write(feed))
    assert [item["title"] for item in document["items"]] == [entry.title for entry in feed.entries]
    assert [item["content_html"] for item in document["items"]] == [entry.content for entry in feed.entries]


@pytest.mark.parametrize("write", [rss.write, atom.write])
def test_feed_reader_takes_no_offence(feed: Feed, write: Callable[[Feed], bytes]) -> None:
    parsed = feedparser.parse(write(feed))
    assert not parsed.bozo
    assert [entry.id for entry in parsed.entries] == [entry.id.urn for entry in feed.entries]
