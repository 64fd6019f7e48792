"""Many articles at once, as a service that has been running for years has them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from byline.core.ids import uuid7
from byline.core.markdown import RENDERER_VERSION
from byline.posts.models import Post
from tests.conftest import Sessions

YEAR = datetime(2020, 1, 1, tzinfo=UTC)


def article(slug: str, title: str, text: str, language: str = "en", **fields: Any) -> dict[str, Any]:
    return {
        **{
            "id": uuid7(),
            "kind": "post",
            "status": "published",
            "slug": slug,
            "title": title,
            "excerpt": "",
            "text": text,
        },
        **{"markdown": text, "html": "", "toc": [], "word_count": 0, "reading_minutes": 0, "language": language},
        **{"renderer_version": RENDERER_VERSION, "visibility": "public", "featured": False, "custom": {}, "version": 1},
        **{"published_at": YEAR, "edited_at": YEAR, "live_version": 1, **fields},
    }


async def store(sessions: Sessions, articles: Iterable[dict[str, Any]]) -> None:
    async with sessions.begin() as session:
        await session.execute(insert(Post), list(articles))
