"""Feeds without a database."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from byline.core.ids import uuid7
from byline.feeds.schemas import Entry, Feed

SITE_URL = "https://blog.example"


def author(name: str = "Ada Lovelace", *, avatar_url: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(id=uuid7(), slug="ada", path="/authors/ada", name=name, avatar_url=avatar_url)


def tag(name: str = "Measurement") -> SimpleNamespace:
    return SimpleNamespace(id=uuid7(), slug="measurement", name=name)


def entry(**fields: Any) -> Entry:
    row = {
        "id": uuid7(),
        "path": "/posts/how-to-measure",
        "title": "How to measure",
        "excerpt": "Measure first.",
        "html": "<p>Measure <em>first</em>.</p>\n",
        "language": "en",
        "tags": [],
        "authors": [],
        "cover": None,
        "published_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
        "updated_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
        **fields,
    }
    return Entry.of(SimpleNamespace(**row), site_url=SITE_URL)


def feed(*entries: Entry, **fields: Any) -> Feed:
    fields = {
        "title": "Byline",
        "description": "On measuring",
        "language": "en",
        "home": f"{SITE_URL}/",
        "site_url": SITE_URL,
        "site_title": "Byline",
        **fields,
    }
    return Feed(entries=entries, **fields)


FULL = feed(
    entry(
        title="كيف تقيس",
        language="ar",
        html='<p dir="rtl">قِس <a href="#fn:1">أولاً</a></p>',
        tags=[tag(), tag("测量")],
        authors=[author(avatar_url="/media/ada.jpg"), author("山田 太郎")],
        cover=SimpleNamespace(url="/media/scale.jpg", alt=None, caption=None),
    ),
    entry(title="测量的方法", language="zh-Hans", path="/posts/测量的方法", authors=[author()]),
    entry(title="👩‍🔬 & <b>bold</b> ]]> “quotes”", excerpt="", html=""),
    entry(
        published_at=datetime(2019, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        updated_at=datetime(2019, 1, 1, tzinfo=UTC),
    ),
)
"""What a format has to bear: several scripts, all and nothing, written before it was published."""

EMPTY = feed(description="")
