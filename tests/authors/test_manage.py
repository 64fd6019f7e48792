"""What is special about authors; the rest is in `tests/test_managed_rooms.py`."""

from typing import Any

import httpx
import pytest

from byline.authors.service import AuthorHasPosts, AuthorNotFound
from byline.core.errors import Invalid
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

ANY = {"If-Match": "*"}


async def test_an_author_with_posts_stays(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        author = await make.author(session)
        post = await make.draft(session, authors=["ada-lovelace"])
    url = f"/v1/manage/authors/{author.id}"
    assert_problem(await desk.delete(url, headers=ANY), AuthorHasPosts)
    assert (await client.get("/v1/authors/ada-lovelace")).status_code == 200
    await desk.patch(f"/v1/manage/posts/{post.id}", json={"authors": []}, headers=ANY)
    assert (await desk.delete(url, headers=ANY)).status_code == 204
    assert_problem(await client.get("/v1/authors/ada-lovelace"), AuthorNotFound)


async def test_what_is_in_the_trash_keeps_no_author(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        author = await make.author(session)
        post = await make.post(session, authors=["ada-lovelace"])
    await desk.delete(f"/v1/manage/posts/{post.id}", headers=ANY)
    assert (await desk.delete(f"/v1/manage/authors/{author.id}", headers=ANY)).status_code == 204


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"avatar_url": "javascript:alert(1)"}, "/avatar_url"),
        ({"avatar_url": "data:image/png;base64,x"}, "/avatar_url"),
        ({"avatar_url": "/a b"}, "/avatar_url"),
        ({"avatar_url": "https:\\\\example.com"}, "/avatar_url"),
        ({"avatar_url": "java\nscript:alert(1)"}, "/avatar_url"),
        ({"links": [{"label": "x", "url": "/"}, {"label": "x", "url": "javascript:x"}]}, "/links/1/url"),
        ({"links": [{"label": "x"}]}, "/links/0/url"),
        ({"links": [{"label": "", "url": "/"}]}, "/links/0/label"),
        ({"links": [{"label": "x", "url": "/", "rel": "me"}]}, "/links/0/rel"),
        ({"links": [{"label": "x", "url": "/"}] * 21}, "/links"),
        ({"links": None}, "/links"),
        ({"bio": "x" * 10_001}, "/bio"),
        ({"user_id": "01890a5d-ac96-774b-bcce-b302099a8057"}, "/user_id"),
    ],
)
async def test_fields_are_checked(
    desk: httpx.AsyncClient, sessions: Sessions, fields: dict[str, Any], pointer: str
) -> None:
    async with sessions.begin() as session:
        author = await make.author(session)
    assert_problem(await desk.post("/v1/manage/authors", json={"name": "x", **fields}), Invalid, pointer)
    assert_problem(await desk.patch(f"/v1/manage/authors/{author.id}", json=fields, headers=ANY), Invalid, pointer)


async def test_links_are_changed_as_a_whole(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    links = [{"label": "One", "url": "/1"}, {"label": "Two", "url": "/2"}]
    async with sessions.begin() as session:
        author = await make.author(session, links=links)
    url = f"/v1/manage/authors/{author.id}"
    same = await desk.patch(url, json={"links": links}, headers={"If-Match": '"1"'})
    assert (same.json()["links"], same.headers["etag"]) == (links, '"1"')
    turned = await desk.patch(url, json={"links": links[::-1]}, headers={"If-Match": '"1"'})
    assert (turned.json()["links"], turned.headers["etag"]) == (links[::-1], '"2"')


async def test_no_reader_learns_who_signs_in(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await make.author(session)
    for path in ("/v1/authors", "/v1/authors/ada-lovelace"):
        assert "user_id" not in (await client.get(path)).text
