"""What is special about tags; the rest is in `tests/test_managed_rooms.py`."""

from typing import Any

import httpx
import pytest

from byline.core.errors import Invalid
from byline.tags.service import UnfitParent
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

TAGS = "/v1/manage/tags"
ANY = {"If-Match": "*"}


async def test_tags_stand_under_tags(desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        top = await make.tag(session, "Top")
        middle = await make.tag(session, "Middle", parent_id=top.id)
    made = await desk.post(TAGS, json={"name": "Bottom", "parent_id": str(middle.id)})
    assert (made.status_code, made.json()["parent_id"]) == (201, str(middle.id))
    for tag, under in ((top, top.id), (top, middle.id), (top, made.json()["id"]), (middle, made.json()["id"])):
        refused = await desk.patch(f"{TAGS}/{tag.id}", json={"parent_id": str(under)}, headers=ANY)
        assert_problem(refused, UnfitParent, "/parent_id")
    moved = await desk.patch(made.headers["location"], json={"parent_id": str(top.id)}, headers=ANY)
    assert moved.json()["parent_id"] == str(top.id)
    freed = await desk.patch(f"{TAGS}/{middle.id}", json={"parent_id": None}, headers=ANY)
    assert freed.json()["parent_id"] is None

    await desk.delete(f"{TAGS}/{top.id}", headers=ANY)
    assert (await client.get("/v1/tags/bottom")).json()["parent_id"] is None


async def test_a_parent_is_there(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    parent_id = "01890a5d-ac96-774b-bcce-b302099a8057"
    async with sessions.begin() as session:
        tag = await make.tag(session)
    assert_problem(await desk.post(TAGS, json={"name": "x", "parent_id": parent_id}), UnfitParent, "/parent_id")
    refused = await desk.patch(f"{TAGS}/{tag.id}", json={"parent_id": parent_id}, headers=ANY)
    assert_problem(refused, UnfitParent, "/parent_id")


async def test_articles_lose_a_tag_that_is_deleted(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        tag = await make.tag(session)
        await make.tag(session, "Other")
        await make.post(session, tags=["measurement", "other"])
    await desk.delete(f"{TAGS}/{tag.id}", headers=ANY)
    assert [tag["slug"] for tag in (await client.get("/v1/posts/how-to-measure")).json()["tags"]] == ["other"]
    assert len((await client.get("/v1/posts")).json()["data"]) == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"aliases": "x"}, "/aliases"),
        ({"aliases": None}, "/aliases"),
        ({"aliases": ["x"] * 51}, "/aliases"),
        ({"aliases": ["x", " "]}, "/aliases/1"),
        ({"aliases": ["a\x00"]}, "/aliases/0"),
        ({"parent_id": "top"}, "/parent_id"),
        ({"description": "x" * 10_001}, "/description"),
    ],
)
async def test_fields_are_checked(
    desk: httpx.AsyncClient, sessions: Sessions, fields: dict[str, Any], pointer: str
) -> None:
    async with sessions.begin() as session:
        tag = await make.tag(session)
    assert_problem(await desk.post(TAGS, json={"name": "x", **fields}), Invalid, pointer)
    assert_problem(await desk.patch(f"{TAGS}/{tag.id}", json=fields, headers=ANY), Invalid, pointer)
