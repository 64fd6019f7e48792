"""What happens between several transactions: over real connections, all of which commit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text

from byline.accounts.caller import Scope
from byline.posts.models import Post, Revision
from byline.posts.service import SlugTaken
from byline.tags.models import Tag
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"


@pytest.fixture
async def owner(app: FastAPI, committing: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    """The owner, whose requests commit, and who is answered as over the network when something breaks."""
    async with committing.begin() as session:
        token = await make.token(session, scopes=list(Scope))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="https://blog.example", headers=headers) as client:
        yield client


async def at_once(*requests: Any) -> list[httpx.Response]:
    responses: list[httpx.Response] = await asyncio.gather(*requests)
    return responses


def statuses(responses: list[httpx.Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


async def test_of_two_saves_of_one_version_one_is_refused(owner: httpx.AsyncClient, committing: Sessions) -> None:
    async with committing.begin() as session:
        draft = await make.draft(session)
    url = f"{POSTS}/{draft.id}"
    saves = [owner.patch(url, json={"title": f"By {n}"}, headers={"If-Match": '"1"'}) for n in range(5)]
    responses = await at_once(*saves)
    assert statuses(responses) == {200: 1, 412: 4}
    [winner] = [response.json() for response in responses if response.status_code == 200]
    for response in responses:
        if response.status_code == 412:
            assert (response.json()["current_version"], response.json()["changed_fields"]) == (2, ["title"])
    assert (await owner.get(url)).json() == winner
    async with committing.begin() as session:
        numbers = await session.scalars(select(Revision.number).where(Revision.post_id == draft.id))
        assert sorted(numbers) == [1, 2]


async def test_no_save_of_any_version_is_lost(owner: httpx.AsyncClient, committing: Sessions) -> None:
    async with committing.begin() as session:
        draft = await make.draft(session)
    url = f"{POSTS}/{draft.id}"
    saves = [owner.patch(url, json={"title": f"By {n}"}, headers={"If-Match": "*"}) for n in range(8)]
    assert statuses(await at_once(*saves)) == {200: 8}
    async with committing.begin() as session:
        rows = await session.scalars(select(Revision).where(Revision.post_id == draft.id).order_by(Revision.number))
        contents = [row.content["title"] for row in rows]
    assert len(contents) == 9 and set(contents[1:]) == {f"By {n}" for n in range(8)}


async def test_saving_publishing_and_deleting_at_once_stay_in_line(
    owner: httpx.AsyncClient, committing: Sessions
) -> None:
    async with committing.begin() as session:
        draft = await make.draft(session)
    url, read = f"{POSTS}/{draft.id}", {"If-Match": '"1"'}
    responses = await at_once(
        owner.patch(url, json={"title": "x"}, headers=read),
        owner.post(f"{url}/publish", headers=read),
        owner.delete(url, headers=read),
    )
    codes = statuses(responses)
    assert codes[200] + codes[204] == 1
    assert codes[412] + codes[404] == 2  # 404 where it was deleted first


@pytest.mark.parametrize(("path", "name"), [("tags", "name"), ("authors", "name"), ("series", "title")])
async def test_rooms_refuse_the_second_save_too(owner: httpx.AsyncClient, path: str, name: str) -> None:
    created = await owner.post(f"/v1/manage/{path}", json={name: "First"})
    url = created.headers["location"]
    saves = [owner.patch(url, json={name: f"By {n}"}, headers={"If-Match": '"1"'}) for n in range(3)]
    assert statuses(await at_once(*saves)) == {200: 1, 412: 2}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("posts", {"title": "x", "slug": "wanted"}),
        ("tags", {"name": "x", "slug": "wanted"}),
        ("authors", {"name": "x", "slug": "wanted"}),
        ("series", {"title": "x", "slug": "wanted"}),
    ],
)
async def test_of_two_that_want_one_slug_one_gets_it(owner: httpx.AsyncClient, path: str, body: dict[str, str]) -> None:
    responses = await at_once(*(owner.post(f"/v1/manage/{path}", json=body) for _ in range(3)))
    assert statuses(responses) == {201: 1, 409: 2}
    for response in responses:
        if response.status_code == 409:
            assert response.json()["code"].endswith("slug_taken")


@pytest.mark.parametrize(
    ("path", "name"), [("posts", "title"), ("tags", "name"), ("authors", "name"), ("series", "title")]
)
async def test_who_asks_for_no_slug_always_gets_one(owner: httpx.AsyncClient, path: str, name: str) -> None:
    responses = await at_once(*(owner.post(f"/v1/manage/{path}", json={name: "Same"}) for _ in range(6)))
    assert statuses(responses) == {201: 6}
    slugs = {response.json()["slug"] for response in responses}
    assert slugs == {"same", *(f"same-{number}" for number in range(2, 7))}


async def test_of_two_that_publish_one_slug_one_does(owner: httpx.AsyncClient, committing: Sessions) -> None:
    async with committing.begin() as session:
        posts = [await make.post(session, title) for title in ("One", "Two")]
    for post in posts:
        saved = await owner.patch(f"{POSTS}/{post.id}", json={"slug": "wanted"}, headers={"If-Match": "*"})
        assert saved.status_code == 200
    publications = (owner.post(f"{POSTS}/{post.id}/publish", headers={"If-Match": "*"}) for post in posts)
    responses = await at_once(*publications)
    assert statuses(responses) == {200: 1, 409: 1}
    assert_problem(next(response for response in responses if response.status_code == 409), SlugTaken)


async def test_a_commit_that_fails_is_never_a_success(owner: httpx.AsyncClient, committing: Sessions) -> None:
    """A deferred constraint speaks at the very commit, after everything else has gone well."""
    async with committing.begin() as session:
        await session.execute(
            text(
                "create function refuse() returns trigger language plpgsql as "
                "$$ begin raise exception 'a secret of the database'; end $$"
            )
        )
        await session.execute(
            text(
                "create constraint trigger refuse_late after insert on tags "
                "deferrable initially deferred for each row execute function refuse()"
            )
        )
    try:
        response = await owner.post("/v1/manage/tags", json={"name": "Late"})
    finally:
        async with committing.begin() as session:
            await session.execute(text("drop function refuse cascade"))
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert "location" not in response.headers and "secret" not in response.text
    async with committing.begin() as session:
        assert await session.scalar(select(func.count()).select_from(Tag)) == 0


async def test_readers_see_a_post_whole_or_not_at_all(owner: httpx.AsyncClient, committing: Sessions) -> None:
    async with committing.begin() as session:
        for name in ("Old", "New"):
            await make.tag(session, name)
        post = await make.post(session, "Old", slug="post", tags=["old"], markdown="Old")
    url = f"{POSTS}/{post.id}"

    async def write() -> None:
        for title, tag in (("New", "new"), ("Old", "old")) * 3:
            await owner.patch(url, json={"title": title, "tags": [tag], "markdown": title}, headers={"If-Match": "*"})
            await owner.post(f"{url}/publish", headers={"If-Match": "*"})

    async def read() -> None:
        for _ in range(30):
            shown = (await owner.get("/v1/posts/post")).json()
            assert shown["title"] in {"Old", "New"}
            assert shown["html"] == f"<p>{shown['title']}</p>\n"

    await asyncio.gather(write(), read())
    async with committing.begin() as session:
        assert await session.scalar(select(Post.version)) == 2 + 12
