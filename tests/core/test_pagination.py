"""Pages of any rows; the lists of the API are walked where they are."""

import base64
import json

import pytest

from byline.core.pagination import InvalidCursor, Sorts, paginate
from byline.core.schemas import PageQuery
from byline.tags import queries
from byline.tags.models import Tag
from tests import make
from tests.conftest import Sessions

SORTS: Sorts = {**queries.SORTS, "version": Tag.version, "id": Tag.id}


async def page(
    sessions: Sessions, sort: str, cursor: str | None = None, *, limit: int = 2, secret: str = "secret"
) -> tuple[list[str], str | None]:
    async with sessions.begin() as session:
        query = PageQuery(limit=limit, cursor=cursor)
        rows = await paginate(session, queries.tags(), query, sort=sort, sorts=SORTS, secret=secret)
        return [row.slug for row in rows.data], rows.next_cursor


@pytest.mark.parametrize("sort", ["name", "-name", "created_at", "-created_at", "version", "-version", "id", "-id"])
async def test_every_row_comes_once_and_in_order(sessions: Sessions, sort: str) -> None:
    async with sessions.begin() as session:
        for number, name in enumerate(["b", "a", "b", "c", "b", "a"]):
            tag = await make.tag(session, name)
            tag.version = number // 2 + 1
    everything, end = await page(sessions, sort, limit=100)
    assert (len(set(everything)), end) == (6, None)
    for limit in range(1, 8):
        walked, cursor = await page(sessions, sort, limit=limit)
        while cursor is not None:
            rows, cursor = await page(sessions, sort, cursor, limit=limit)
            assert 0 < len(rows) <= limit
            walked += rows
        assert walked == everything
    backwards, _ = await page(sessions, sort[1:] if sort[0] == "-" else f"-{sort}", limit=100)
    assert backwards == everything[::-1]


async def test_rows_that_go_meanwhile_shift_nothing(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        tags = [await make.tag(session, name) for name in "abcd"]
    _, cursor = await page(sessions, "name")
    async with sessions.begin() as session:
        for tag in tags[:2]:  # the cursor's own row too
            await session.delete(await session.get_one(Tag, tag.id))
    assert await page(sessions, "name", cursor) == (["c", "d"], None)


async def test_a_cursor_is_good_for_its_sort_and_its_secret_alone(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        for name in "abc":
            await make.tag(session, name)
    _, cursor = await page(sessions, "name")
    assert await page(sessions, "name", cursor) == (["c"], None)
    with pytest.raises(InvalidCursor, match="another sort"):
        await page(sessions, "-name", cursor)
    with pytest.raises(InvalidCursor):
        await page(sessions, "name", cursor, secret="another secret")


async def test_a_cursor_that_was_made_up_is_refused(sessions: Sessions) -> None:
    payload = json.dumps(["name", "a", "01890a5d-ac96-774b-bcce-b302099a8057"]).encode()
    for signature in (b"", b"\0" * 12, b"x" * 11):
        with pytest.raises(InvalidCursor):
            await page(sessions, "name", base64.urlsafe_b64encode(signature + payload).rstrip(b"=").decode())


@pytest.mark.parametrize(
    "cursor", ["", "=", "====", "A", "AAAA", "A" * 5000, "é", "😀", "a b", "%00", "../..", "-_-_-_-_"]
)
async def test_no_text_is_a_cursor_by_chance(sessions: Sessions, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await page(sessions, "name", cursor)
