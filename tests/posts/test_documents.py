"""What PostgreSQL writes is what Pydantic would."""

from datetime import UTC, datetime
from unicodedata import category
from urllib.parse import quote

import httpx
import pytest
from pydantic import TypeAdapter
from sqlalchemy import literal, select

from byline.core.rendering import page_of
from byline.posts.documents import escaped
from byline.posts.schemas import PostOut, PostSummary
from tests import make
from tests.conftest import Sessions

MOMENTS = (
    datetime(2026, 3, 1, 9, tzinfo=UTC),
    datetime(2026, 3, 1, 9, 0, 0, 120, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
)


async def test_all_that_a_slug_may_have_is_escaped_as_python_does_it(sessions: Sessions) -> None:
    letters = [
        chr(code) for code in (*range(0x20, 0x3100), *range(0x1F100, 0x20100)) if category(chr(code))[0] in "LMN"
    ]
    paths = [f"/posts/{''.join(letters[start : start + 50])}-_~." for start in range(0, len(letters), 50)]
    async with sessions.begin() as session:
        for path in ("/posts/plain-1.0_~", "/\u0301a", "/ä b%c'd\"\\", *paths):
            assert await session.scalar(select(escaped(literal(path)))) == quote(path)


async def test_members_stand_in_the_order_of_the_schema_and_times_as_elsewhere(
    client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        for number, moment in enumerate(MOMENTS):
            await make.post(session, f"Post {number}", moment)
    for post in (await client.get("/v1/posts")).json()["data"]:
        assert list(post) == list(PostSummary.model_fields)
    for number, moment in enumerate(MOMENTS):
        post = (await client.get(f"/v1/posts/post-{number}")).json()
        assert list(post) == list(PostOut.model_fields)
        assert post["published_at"] == TypeAdapter(datetime).dump_python(moment, mode="json")


@pytest.mark.parametrize(
    ("documents", "cursor", "total", "page"),
    [
        ([], None, None, '{"data":[],"next_cursor":null}'),
        (['{"a":1}', '{"a":2}'], "x", 7, '{"data":[{"a":1},{"a":2}],"next_cursor":"x","total":7}'),
    ],
)
def test_a_page_is_what_its_documents_are(
    documents: list[str], cursor: str | None, total: int | None, page: str
) -> None:
    assert page_of(documents, cursor, total) == page
