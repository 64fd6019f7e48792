"""What https://www.jsonfeed.org/version/1.1/ asks for."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from byline.feeds import json_feed
from byline.feeds.schemas import Feed
from tests.feeds import samples


def parse(feed: Feed) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json_feed.write(feed))
    return document


def values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from values(item)
    else:
        yield value


def test_feed_has_what_it_must() -> None:
    document = parse(samples.FULL)
    items = document.pop("items")
    assert len(items) == 4
    assert document == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Byline",
        "home_page_url": "https://blog.example/",
        "feed_url": "https://blog.example/feed.json",
        "description": "On measuring",
        "language": "en",
    }


def test_first_item() -> None:
    assert parse(samples.FULL)["items"][0] == {
        "id": samples.FULL.entries[0].id.urn,
        "url": "https://blog.example/posts/how-to-measure",
        "title": "كيف تقيس",
        "content_html": '<p dir="rtl">قِس <a href="https://blog.example/posts/how-to-measure#fn:1">أولاً</a></p>',
        "summary": "Measure first.",
        "image": "https://blog.example/media/scale.jpg",
        "date_published": "2026-03-01T09:00:00Z",
        "date_modified": "2026-03-02T09:00:00Z",
        "authors": [
            {
                "name": "Ada Lovelace",
                "url": "https://blog.example/authors/ada",
                "avatar": "https://blog.example/media/ada.jpg",
            },
            {"name": "山田 太郎", "url": "https://blog.example/authors/ada"},
        ],
        "tags": ["Measurement", "测量"],
        "language": "ar",
    }


def test_items_have_what_they_must() -> None:
    items = parse(samples.FULL)["items"]
    assert len({item["id"] for item in items}) == 4
    for item in items:
        assert isinstance(item["id"], str)
        assert isinstance(item["content_html"], str)
        assert item["url"].isascii()
        published, modified = (datetime.fromisoformat(item[name]) for name in ("date_published", "date_modified"))
        assert published.tzinfo is not None
        assert published <= modified


@pytest.mark.parametrize("feed", [samples.FULL, samples.EMPTY])
def test_what_there_is_nothing_to_say_on_is_left_out(feed: Feed) -> None:
    document = parse(feed)
    assert None not in values(document)
    assert "" not in values({**document, "items": [{**item, "content_html": "-"} for item in document["items"]]})


def test_feed_without_posts() -> None:
    document = parse(samples.EMPTY)
    assert document["items"] == []
    assert "description" not in document
