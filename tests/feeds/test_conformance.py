"""The rules of `conformance.py` are right, and our feeds keep them: whatever is in them, in each form."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import feedparser
import pytest

from byline.core.markdown import render
from byline.feeds import atom, json_feed, rss
from byline.feeds.schemas import Feed
from tests.corpora import corpus
from tests.feeds import conformance, samples
from tests.feeds.test_hostile_text import AWKWARD, feed_of

WRITERS: dict[str, Callable[[Feed], bytes]] = {writer.NAME: writer.write for writer in (rss, atom, json_feed)}
RULES = {"atom-4.1.1": conformance.atom, "rss20-dates": conformance.rss, "rss20-item-guid": conformance.rss}
_EXPECTED = re.compile(r"Expect:\s+(!?)(\w+)(?:\{(.*?)\})?")
_OPPOSITE = {
    "ValidRFC2822Date": {"InvalidRFC2822Date", "ProblematicalRFC822Date"},
    "ValidHttpGUID": {"InvalidHttpGUID", "InvalidPermalink", "NotSufficientlyUnique"},
    "ValidBooleanAttribute": {"InvalidBooleanAttribute"},
}


def names(breaches: list[str]) -> set[str]:
    return {breach.partition("{")[0] for breach in breaches}


def agrees(case: Path, breaches: list[str]) -> bool:
    found = _EXPECTED.search(case.read_text())
    assert found is not None, case
    denied, event, about = found.groups()
    if event == "Error":
        return not conformance.errors(breaches)
    if event in _OPPOSITE:
        return not names(breaches) & _OPPOSITE[event]
    fits = [
        breach
        for breach in breaches
        if breach.startswith(event) and all(part in breach for part in (about or "").split(",") if part)
    ]
    return (not fits) if denied else bool(fits)


@pytest.mark.parametrize("folder", RULES)
def test_the_rules_judge_as_the_w3c_does(folder: str) -> None:
    """Its cases, those that are right and those that are wrong."""
    cases = sorted((corpus("feeds-validator-cases") / folder).glob("*.xml"))
    assert len(cases) > 20
    judged = {case.name: RULES[folder](case.read_bytes()) for case in cases}
    assert {case.name: judged[case.name] for case in cases if not agrees(case, judged[case.name])} == {}


BROKEN_JSON: dict[str, dict[str, Any]] = {
    "InvalidVersion": {"version": "https://jsonfeed.org/version/2"},
    "MissingMember": {"items": {}},
    "InvalidNextUrl": {"feed_url": "https://a.example/feed.json", "next_url": "https://a.example/feed.json"},
    "InvalidHub": {"hubs": [{"url": "https://hub.example/"}]},
    "DuplicateIds": {"items": [{"id": "1", "content_text": ""}, {"id": "1", "content_text": ""}]},
    "MissingId": {"items": [{"id": 1, "content_text": ""}]},
    "MissingContent": {"items": [{"id": "1"}]},
    "InvalidRFC3339Date": {"items": [{"id": "1", "content_text": "", "date_published": "2026-02-30T00:00:00Z"}]},
    "InvalidAttachment": {"items": [{"id": "1", "content_text": "", "attachments": [{"url": "https://a.example/"}]}]},
    "InvalidAuthor": {"authors": [{}]},
    "InvalidLink": {"home_page_url": "/"},
    "InvalidLanguage": {"language": "english language"},
}


@pytest.mark.parametrize("breach", BROKEN_JSON)
def test_the_rules_of_json_feed_see_what_is_wrong(breach: str) -> None:
    right = {"version": "https://jsonfeed.org/version/1.1", "title": "A", "items": []}
    assert conformance.json_feed(json.dumps(right).encode()) == []
    assert names(conformance.json_feed(json.dumps({**right, **BROKEN_JSON[breach]}).encode())) == {breach}


def check(feed: Feed) -> None:
    for name, write in WRITERS.items():
        written = write(feed)
        assert conformance.FORMATS[name](written) == [], name
        if name != "feed.json":
            parsed = feedparser.parse(written)
            assert not parsed.bozo
            assert [entry.id for entry in parsed.entries] == [entry.id.urn for entry in feed.entries]


RICH = samples.feed(
    samples.entry(
        html='<p><audio controls="" src="/a&amp;b.mp3"></audio><video><source src="https://cdn.example/ü.webm"></video>'
        '<audio src="/stream" type="audio/ogg; codecs=opus"></audio><audio src="/what"></audio></p>',
        cover=SimpleNamespace(url="/media/scale.jpg", alt=None, caption=None),
        tags=[samples.tag()],
    ),
    samples.entry(cover=SimpleNamespace(url="/media/no-ending", alt=None, caption=None)),
    cursor="abc",
    next_cursor="def",
    filters={"language": "en", "tag": None},
)


@pytest.mark.parametrize("is_full", [True, False])
@pytest.mark.parametrize(
    "feed", [samples.FULL, samples.EMPTY, RICH, replace(RICH, cursor=None, hub="https://h.example/")]
)
def test_our_feeds_keep_the_rules(feed: Feed, is_full: bool) -> None:
    check(replace(feed, is_full=is_full))


@pytest.mark.parametrize("is_full", [True, False])
def test_hostile_words_break_no_rule(is_full: bool) -> None:
    check(replace(feed_of(AWKWARD), is_full=is_full))


def test_naughty_strings_break_no_rule() -> None:
    strings = json.loads((corpus("hostile-blns") / "blns.json").read_text())
    check(feed_of([text for text in strings if text.strip()]))


def test_what_is_played_and_the_cover_are_enclosed() -> None:
    played = [
        ("https://blog.example/a&b.mp3", "audio/mpeg"),
        ("https://cdn.example/%C3%BC.webm", "video/webm"),
        ("https://blog.example/stream", "audio/ogg"),
    ]
    cover = ("https://blog.example/media/scale.jpg", "image/jpeg")
    in_rss, in_atom = (feedparser.parse(write(RICH)).entries for write in (rss.write, atom.write))
    assert [[(one.href, one.type) for one in entry.enclosures] for entry in in_rss] == [played[:1], []]
    assert [[(one.href, one.type) for one in entry.enclosures] for entry in in_atom] == [[*played, cover], []]
    assert in_rss[0].enclosures[0].length == "0"
    first, second = json.loads(json_feed.write(RICH))["items"]
    assert [(one["url"], one["mime_type"]) for one in first["attachments"]] == played
    assert first["image"] == cover[0]
    assert "attachments" not in second


def test_a_summary_is_an_excerpt_without_the_text() -> None:
    text = render("A *first* sentence.\n\nNever told.")
    entries = [samples.entry(html=text.html, excerpt="A first sentence."), samples.entry(html=text.html, excerpt="")]
    feed = samples.feed(*entries, is_full=False)
    for write in WRITERS.values():
        assert b"Never told" not in write(feed)
        assert b"Never told" in write(replace(feed, is_full=True))
    for write in (rss.write, atom.write):
        assert [entry.get("summary", "") for entry in feedparser.parse(write(feed)).entries] == [
            "A first sentence.",
            "",
        ]
    told = [item["content_text"] for item in json.loads(json_feed.write(feed))["items"]]
    assert told == ["A first sentence.", "How to measure"]
