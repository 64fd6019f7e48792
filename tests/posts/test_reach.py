"""Authors and contributors reach their own posts; what is out of reach is as if it were not there."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from byline.accounts.caller import Role, Scope
from byline.accounts.deps import ScopeMissing
from byline.core.errors import StaleVersion
from byline.posts.models import Post, PostAuthor
from byline.posts.service import PostNotFound
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}
OWN_ONLY = [Role.AUTHOR, Role.CONTRIBUTOR]
WHOLE = [Role.OWNER, Role.ADMIN, Role.EDITOR]

# Every endpoint of one post, with a body that it takes.
OF_ONE: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("GET", "/revisions", None),
    ("PATCH", "", {"title": "x"}),
    ("POST", "/publish", {}),
    ("POST", "/unpublish", None),
    ("DELETE", "", None),
]


async def titles(client: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> list[str]:
    response = await client.get(f"{POSTS}?{query}", headers=headers)
    assert response.status_code == 200, response.text
    return [post["title"] for post in response.json()["data"]]


@pytest.mark.parametrize(("method", "path", "body"), OF_ONE)
@pytest.mark.parametrize("role", list(Role)[:-1])
async def test_who_reaches_the_post_of_another(
    client: httpx.AsyncClient, sessions: Sessions, role: Role, method: str, path: str, body: dict[str, Any] | None
) -> None:
    async with sessions.begin() as session:
        _, _, headers = await make.writer(session, "Grace", role=role)
        _, ada, _ = await make.writer(session, "Ada")
        post = await make.post(session, authors=[ada.slug])
    response = await client.request(method, f"{POSTS}/{post.id}{path}", json=body, headers=headers | ANY)
    if role in WHOLE:
        assert response.status_code == (204 if method == "DELETE" else 200)
    elif role is Role.CONTRIBUTOR and "publish" in path:
        assert_problem(response, ScopeMissing)
    else:
        assert_problem(response, PostNotFound)
        async with sessions.begin() as session:
            assert (await session.get_one(Post, post.id)).version == 2


@pytest.mark.parametrize(("method", "path", "body"), OF_ONE)
async def test_authors_do_to_their_own_what_editors_do(
    client: httpx.AsyncClient, sessions: Sessions, method: str, path: str, body: dict[str, Any] | None
) -> None:
    async with sessions.begin() as session:
        _, ada, headers = await make.writer(session, "Ada")
        post = await make.post(session, authors=[ada.slug])
    response = await client.request(method, f"{POSTS}/{post.id}{path}", json=body, headers=headers | ANY)
    assert response.status_code == (204 if method == "DELETE" else 200)


async def test_contributors_write_what_others_publish(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, _, headers = await make.writer(session, role=Role.CONTRIBUTOR)
        _, _, editor = await make.writer(session, "Grace", role=Role.EDITOR)
    created = await client.post(POSTS, json={"title": "Mine"}, headers=headers)
    url = created.headers["location"]
    for verb in ("publish", "unpublish"):
        refused = await client.post(f"{url}/{verb}", headers=headers | ANY)
        assert assert_problem(refused, ScopeMissing)["missing_scopes"] == ["posts:publish"]
    assert (await client.post(f"{url}/publish", headers=editor | ANY)).status_code == 200
    saved = await client.patch(url, json={"title": "Better"}, headers=headers | ANY)
    assert (saved.status_code, saved.json()["live_version"]) == (200, 2)
    assert (await client.get("/v1/posts/mine")).json()["title"] == "Mine"


@pytest.mark.parametrize("role", OWN_ONLY)
async def test_the_list_shows_what_is_in_reach(client: httpx.AsyncClient, sessions: Sessions, role: Role) -> None:
    async with sessions.begin() as session:
        _, ada, headers = await make.writer(session, "Ada", role=role)
        _, grace, _ = await make.writer(session, "Grace")
        await make.draft(session, "Nobody's")
        await make.draft(session, "Grace's", authors=[grace.slug])
        await make.draft(session, "Ours", authors=[grace.slug, ada.slug])
        await make.post(session, "Mine", authors=[ada.slug], featured=True)
    await client.post(POSTS, json={"title": "Begun", "authors": ["grace"]}, headers=headers)
    assert await titles(client, headers, "sort=title") == ["Begun", "Mine", "Ours"]
    assert await titles(client, headers, "author=grace&sort=title") == ["Begun", "Ours"]
    assert await titles(client, headers, "featured=true") == ["Mine"]
    counted = await client.get(f"{POSTS}?count=true&limit=1&sort=title", headers=headers)
    assert counted.json()["total"] == 3
    following = await client.get(counted.links["next"]["url"], headers=headers)
    assert [post["title"] for post in following.json()["data"]] == ["Mine"]


async def test_a_post_is_begun_under_ones_own_byline(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, ada, headers = await make.writer(session, "Ada")
        await make.writer(session, "Grace")
    created = await client.post(POSTS, json={"title": "Mine"}, headers=headers)
    assert [author["id"] for author in created.json()["authors"]] == [str(ada.id)]
    together = await client.post(POSTS, json={"title": "Ours", "authors": ["grace", "ada"]}, headers=headers)
    assert [author["slug"] for author in together.json()["authors"]] == ["grace", "ada"]


async def test_who_began_a_post_keeps_it_in_reach(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, _, ada = await make.writer(session, "Ada")
        _, _, grace = await make.writer(session, "Grace")
    url = (await client.post(POSTS, json={"title": "Handed over"}, headers=ada)).headers["location"]
    assert_problem(await client.get(url, headers=grace), PostNotFound)
    await client.patch(url, json={"authors": ["grace"]}, headers=ada | ANY)
    for headers in (ada, grace):
        assert (await client.get(url, headers=headers)).status_code == 200
        assert await titles(client, headers) == ["Handed over"]
    await client.patch(url, json={"authors": []}, headers=grace | ANY)
    assert_problem(await client.get(url, headers=grace), PostNotFound)
    assert (await client.get(url, headers=ada)).status_code == 200


async def test_a_later_save_brings_nothing_into_reach(client: httpx.AsyncClient, sessions: Sessions) -> None:
    """An editor who became an author loses what they only looked through."""
    async with sessions.begin() as session:
        user, _, headers = await make.writer(session, "Grace", role=Role.EDITOR)
        post = await make.draft(session)
    assert (await client.patch(f"{POSTS}/{post.id}", json={"title": "x"}, headers=headers | ANY)).status_code == 200
    async with sessions.begin() as session:
        (await session.merge(user, load=False)).role = Role.AUTHOR
    assert_problem(await client.get(f"{POSTS}/{post.id}", headers=headers), PostNotFound)


async def test_of_a_live_post_counts_who_stands_over_what_readers_see(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        _, _, ada = await make.writer(session, "Ada")
        _, _, grace = await make.writer(session, "Grace")
        post = await make.post(session, authors=["ada"])
    url = f"{POSTS}/{post.id}"
    await desk.patch(url, json={"authors": ["grace"]}, headers=ANY)
    assert (await client.get(url, headers=ada)).status_code == 200
    assert_problem(await client.get(url, headers=grace), PostNotFound)
    await desk.post(f"{url}/publish", headers=ANY)
    assert_problem(await client.get(url, headers=ada), PostNotFound)
    assert (await client.get(url, headers=grace)).status_code == 200


async def test_what_is_out_of_reach_tells_no_version(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, _, headers = await make.writer(session, "Ada")
        hidden, own = await make.draft(session, "Hidden"), await make.draft(session, "Own", authors=["ada"])
    for headers_too in ({}, {"If-Match": '"7"'}):
        problem = await client.patch(f"{POSTS}/{hidden.id}", json={}, headers=headers | headers_too)
        assert "current_version" not in assert_problem(problem, PostNotFound)
    stale = await client.patch(f"{POSTS}/{own.id}", json={}, headers=headers | {"If-Match": '"7"'})
    assert_problem(stale, StaleVersion)


async def test_a_key_reaches_no_further_than_who_made_it(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user, _, _ = await make.writer(session, "Ada")
        key, _ = await make.api_key(session, scopes=[Scope.POSTS_READ], of=user)
        hidden = await make.draft(session, "Hidden")
        await make.draft(session, "Own", authors=["ada"])
    headers = {"Authorization": f"Bearer {key}"}
    assert await titles(client, headers) == ["Own"]
    assert_problem(await client.get(f"{POSTS}/{hidden.id}", headers=headers), PostNotFound)


async def test_the_trash_is_out_of_reach(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, _, headers = await make.writer(session)
    url = (await client.post(POSTS, json={"title": "x"}, headers=headers)).headers["location"]
    assert (await client.delete(url, headers=headers | ANY)).status_code == 204
    assert_problem(await client.get(url, headers=headers), PostNotFound)
    assert await titles(client, headers) == []
    async with sessions.begin() as session:
        assert await session.scalar(select(PostAuthor.post_id)) is None
