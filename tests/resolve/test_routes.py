"""What is at a path of the site."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from byline.core.errors import Gone, Invalid
from byline.posts.models import Post
from byline.redirects.models import Redirect
from byline.redirects.service import MAX_HOPS
from byline.resolve.service import NothingThere
from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}
SITE = "https://blog.example"


async def ask(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.get("/v1/resolve", params={"path": path})


async def location(client: httpx.AsyncClient, path: str, status: int = 301) -> str:
    response = await ask(client, path)
    assert response.status_code == 200, response.text
    assert response.json().keys() == {"type", "status", "location"}
    assert (response.json()["type"], response.json()["status"]) == ("redirect", status)
    found: str = response.json()["location"]
    return found


async def found(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    response = await ask(client, path)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body["type"] != "redirect"
    return body


async def act(desk: httpx.AsyncClient, method: str, path: str, /, **body: Any) -> dict[str, Any]:
    response = await desk.request(method, f"/v1/manage/{path}", json=body or None, headers=ANY)
    assert response.status_code in {200, 201, 204}, response.text
    return response.json() if response.content else {}


async def redirect(desk: httpx.AsyncClient, path: str, target: str | None, status: int = 301) -> None:
    await act(desk, "POST", "redirects", path=path, target=target, status=status)


async def rename(desk: httpx.AsyncClient, post: Post, slug: str, **wish: Any) -> None:
    await act(desk, "PATCH", f"posts/{post.id}", slug=slug)
    await act(desk, "POST", f"posts/{post.id}/publish", **wish)


async def test_what_readers_see(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        tag, author, series = await make.tag(session), await make.author(session), await make.series(session)
        post = await make.post(session, slug="café")
        page = await make.post(session, kind="page", title="About", visibility="unlisted")
        await make.draft(session, slug="draft")
        later = datetime.now(UTC) + timedelta(days=1)
        await make.post(session, at=later, slug="later")
    for path, type_, row in (
        ("/posts/café", "post", post),
        ("/about", "page", page),
        ("/tags/measurement", "tag", tag),
        ("/authors/ada-lovelace", "author", author),
        ("/series/measuring-well", "series", series),
    ):
        body = await found(client, path)
        assert (body["type"], body["id"], body["slug"]) == (type_, str(row.id), row.slug)
        assert body["url"].startswith(SITE)
    assert (await found(client, "/posts/café"))["url"] == f"{SITE}/posts/caf%C3%A9"
    for path in ("/posts/draft", "/posts/later", "/café", "/posts/about", "/tags/x", "/posts", "/", "/a/b/c", "/x?y"):
        assert_problem(await ask(client, path), NothingThere)


@pytest.mark.parametrize(
    "path", ["/posts/caf%C3%A9", "/posts/cafe%CC%81", "//posts///café/", "/posts/café?utm=x&path=/", "/posts/café#part"]
)
async def test_many_ways_to_write_one_path(client: httpx.AsyncClient, sessions: Sessions, path: str) -> None:
    async with sessions.begin() as session:
        post = await make.post(session, slug="café")
    assert (await found(client, path))["id"] == str(post.id)
    assert_problem(await ask(client, "/posts/Café"), NothingThere)  # case is kept


@pytest.mark.parametrize(
    "path",
    ["", "posts/a", "https://blog.example/posts/a", "/../etc/passwd", "/%2e%2e/a", "/\\evil", "/%00", "/%ff", "/a\nb"],
)
async def test_hostile_paths(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await ask(client, path), Invalid, "/query/path")


async def test_a_change_of_a_slug_leads_on_once_it_is_live(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        post = await make.post(session, slug="a")
    await act(desk, "PATCH", f"posts/{post.id}", slug="b")
    assert (await found(client, "/posts/a"))["id"] == str(post.id)
    assert_problem(await ask(client, "/posts/b"), NothingThere)
    await act(desk, "POST", f"posts/{post.id}/publish")
    assert await location(client, "/posts/a") == f"{SITE}/posts/b"
    assert (await found(client, "/posts/b"))["id"] == str(post.id)

    await rename(desk, post, "c")  # a chain is one step
    assert {await location(client, f"/posts/{slug}") for slug in "ab"} == {f"{SITE}/posts/c"}
    await rename(desk, post, "a")  # no loop
    assert (await found(client, "/posts/a"))["id"] == str(post.id)
    assert {await location(client, f"/posts/{slug}") for slug in "bc"} == {f"{SITE}/posts/a"}
    listed = (await desk.get("/v1/manage/redirects?source=slug")).json()["data"]
    assert [(row["path"], row["target"], row["status"]) for row in listed] == [
        ("/posts/b", "/posts/a", 301),
        ("/posts/c", "/posts/a", 301),
    ]


async def test_what_nobody_saw_leaves_nothing(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        draft = await make.draft(session, slug="a")
        later = datetime.now(UTC) + timedelta(days=1)
        scheduled = await make.post(session, slug="b", at=later)
    await rename(desk, scheduled, "c", at=later.isoformat())
    await act(desk, "POST", f"posts/{scheduled.id}/unpublish")
    await act(desk, "PATCH", f"posts/{draft.id}", slug="d")
    await act(desk, "POST", f"posts/{draft.id}/publish")
    for post in (draft, scheduled):
        await act(desk, "DELETE", f"posts/{post.id}")
    await act(desk, "DELETE", f"trash/{scheduled.id}")
    assert (await desk.get("/v1/manage/redirects")).json()["data"] == []


async def test_a_schedule_moves_the_address_at_its_time(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    async with sessions.begin() as session:
        post, other = await make.post(session, slug="a"), await make.post(session, slug="x")
    await rename(desk, other, "y")
    await rename(desk, post, "x", at=later)
    assert_problem(await ask(client, "/posts/a"), NothingThere)
    assert await location(client, "/posts/x") == f"{SITE}/posts/y"  # until then
    async with sessions.begin() as session:
        await session.execute(update(Post).where(Post.id == post.id).values(published_at=datetime.now(UTC)))
    assert await location(client, "/posts/a") == f"{SITE}/posts/x"
    assert (await found(client, "/posts/x"))["id"] == str(post.id)
    await act(desk, "POST", f"posts/{post.id}/unpublish")
    assert_problem(await ask(client, "/posts/x"), NothingThere)  # the last one who was there is not there now


async def test_a_reused_slug_wins(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        first = await make.post(session, slug="a")
    await rename(desk, first, "b")
    await redirect(desk, "/posts/c", "/elsewhere")
    async with sessions.begin() as session:
        second = await make.post(session, slug="a")
        third = await make.post(session, slug="c")
    assert (await found(client, "/posts/a"))["id"] == str(second.id)
    assert (await found(client, "/posts/c"))["id"] == str(third.id)
    async with sessions.begin() as session:
        assert (await session.scalars(select(Redirect.path))).all() == []
    await redirect(desk, "/posts/c", "/elsewhere")  # what is published is shown all the same, until it is not
    assert (await found(client, "/posts/c"))["id"] == str(third.id)
    await act(desk, "DELETE", f"posts/{third.id}")
    assert await location(client, "/posts/c") == f"{SITE}/elsewhere"


async def test_the_trash_and_the_end(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.post(session, slug="a")
    await rename(desk, post, "b")
    await act(desk, "DELETE", f"posts/{post.id}")
    for slug in "ab":
        assert_problem(await ask(client, f"/posts/{slug}"), NothingThere)
    await act(desk, "DELETE", f"trash/{post.id}")
    for slug in "ab":
        assert_problem(await ask(client, f"/posts/{slug}"), Gone)
    async with sessions.begin() as session:
        new = await make.post(session, slug="b")
    assert (await found(client, "/posts/b"))["id"] == str(new.id)
    assert_problem(await ask(client, "/posts/a"), Gone)
    await rename(desk, new, "a")
    assert await location(client, "/posts/b") == f"{SITE}/posts/a"


@pytest.mark.parametrize(("room", "name"), [("tags", "name"), ("authors", "name"), ("series", "title")])
async def test_what_posts_refer_to_is_found_again(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, room: str, name: str
) -> None:
    one = await act(desk, "POST", room, **{name: "A", "slug": "a"})
    for slug in ("b", "c", "b"):
        await act(desk, "PATCH", f"{room}/{one['id']}", slug=slug)
    assert {await location(client, f"/{room}/{slug}") for slug in "ac"} == {f"{SITE}/{room}/b"}
    other = await act(desk, "POST", room, **{name: "A", "slug": "a"})
    assert (await found(client, f"/{room}/a"))["id"] == other["id"]
    await act(desk, "DELETE", f"{room}/{one['id']}")
    for slug in "bc":
        assert_problem(await ask(client, f"/{room}/{slug}"), NothingThere)
    await act(desk, "DELETE", f"{room}/{other['id']}")
    assert (await desk.get("/v1/manage/redirects")).json()["data"] == []


async def test_redirects_made_by_hand(client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.post(session, slug="a")
    await rename(desk, post, "b")
    for path, target, status in (
        ("/one", "/two?x=1", 301),
        ("/two", "/three#part", 302),
        ("/away", "https://example.com/ä?q=1#x", 308),
        ("/old", "/posts/a", 308),
        ("/gone", None, 410),
        ("/to-gone", "/gone", 301),
        ("/?p=1", "/posts/b", 301),
        ("/?p=2", "/one", 301),
        ("/q", "/plain", 301),
        ("/q?a", "/asked", 301),
        ("/100%25", "/50%25 or %3F", 307),
    ):
        await redirect(desk, path, target, status)
    assert await location(client, "/one", 302) == f"{SITE}/three#part"
    assert await location(client, "/away/", 308) == "https://example.com/%C3%A4?q=1#x"
    assert await location(client, "/old", 308) == f"{SITE}/posts/b"
    assert_problem(await ask(client, "/gone"), Gone)
    assert_problem(await ask(client, "/to-gone"), Gone)
    assert await location(client, "/?p=1") == f"{SITE}/posts/b"
    assert await location(client, "/?p=2", 302) == f"{SITE}/three#part"
    assert_problem(await ask(client, "/?p=3"), NothingThere)
    assert await location(client, "/q?b") == f"{SITE}/plain"
    assert await location(client, "/q?a") == f"{SITE}/asked"
    assert await location(client, "/100%25", 307) == f"{SITE}/50%25%20or%20%3F"
    await act(desk, "POST", f"posts/{post.id}/unpublish")
    assert_problem(await ask(client, "/old"), NothingThere)


async def test_what_is_in_the_table_by_other_means_ends_too(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        for path, target in (("/a", "/b"), ("/b", "/a"), *((f"/{n}", f"/{n + 1}") for n in range(3 * MAX_HOPS))):
            session.add(Redirect(path=path, target=target, source="import"))
    assert_problem(await ask(client, "/a"), NothingThere)
    assert await location(client, "/0") == f"{SITE}/{MAX_HOPS}"


async def test_aliases_of_imported_posts_follow_them(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions, tmp_path: Any
) -> None:
    source = "---\ntitle: One\nslug: one\ndate: 2020-01-01\naliases: [/2020/one/, '/?p=7', '/a/../b']\n---\nText\n"
    (tmp_path / "one.md").write_text(source)
    items = [i async for i in import_documents(sessions, "x", read_folder(tmp_path), language="en", dry_run=False)]
    assert [item.outcome for item in items] == ["created"]
    assert "/a/../b" in (items[0].reason or "")
    assert await location(client, "/2020/one") == f"{SITE}/posts/one"
    assert await location(client, "/?p=7") == f"{SITE}/posts/one"
    async with sessions.begin() as session:
        post = (await session.scalars(select(Post))).one()
    await rename(desk, post, "uno")
    for path in ("/2020/one", "/?p=7", "/posts/one"):
        assert await location(client, path) == f"{SITE}/posts/uno"
    (tmp_path / "one.md").write_text(source.replace("Text", "New text"))
    items = [i async for i in import_documents(sessions, "x", read_folder(tmp_path), language="en", dry_run=False)]
    assert [item.outcome for item in items] == ["updated"]
    assert (await found(client, "/posts/one"))["id"] == str(post.id)
    assert await location(client, "/posts/uno") == f"{SITE}/posts/one"
