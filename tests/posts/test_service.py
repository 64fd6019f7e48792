"""Slugs, references and authors of what is written."""

import unicodedata
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from byline.accounts.caller import Scope
from byline.accounts.deps import ScopeMissing
from byline.accounts.models import User
from byline.authors.models import Author
from byline.core.errors import Invalid
from byline.core.slugs import is_slug
from byline.posts.models import Post, Revision
from byline.posts.service import PostNotFound, SlugTaken, UnknownReference
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}


async def create(desk: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await desk.post(POSTS, json={"title": "How to measure", **fields})
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("How to measure", "how-to-measure"),
        ("  Ça alors!  ", "ca-alors"),
        ("C++ isn't C#", "cpp-isnt-csharp"),
        ("Привет, мир", "privet-mir"),
        ("ὕδωρ", "ydor"),
        ("東京", "dongjing"),
        ("<script>", "script"),
        ("‽‽", "post"),
        ("...", "post"),
    ],
)
async def test_a_slug_is_made_from_the_title(desk: httpx.AsyncClient, title: str, slug: str) -> None:
    assert (await create(desk, title=title))["slug"] == slug


@pytest.mark.parametrize("title", ["مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดี", "🎉🎉", "a" * 500, "é" * 500, "字" * 500])
async def test_a_slug_from_any_script_is_an_address(desk: httpx.AsyncClient, title: str) -> None:
    slug = (await create(desk, title=title))["slug"]
    assert slug.isascii() and is_slug(slug) and len(slug) <= 100


async def test_a_page_without_letters_in_its_title_is_called_page(desk: httpx.AsyncClient) -> None:
    assert (await create(desk, title="—", kind="page"))["slug"] == "page"


async def test_generated_slugs_evade_those_that_are_there(desk: httpx.AsyncClient) -> None:
    slugs = [(await create(desk))["slug"] for _ in range(3)]
    assert slugs == ["how-to-measure", "how-to-measure-2", "how-to-measure-3"]


async def test_a_generated_slug_takes_the_first_gap(desk: httpx.AsyncClient) -> None:
    await create(desk)
    await create(desk, slug="how-to-measure-3")
    assert [(await create(desk))["slug"] for _ in range(2)] == ["how-to-measure-2", "how-to-measure-4"]


@pytest.mark.parametrize("title", ["100% sure_", "a_b", "50 \\ 50"])
async def test_wildcards_in_a_title_match_themselves_alone(desk: httpx.AsyncClient, title: str) -> None:
    await create(desk, slug="100-sure-thing")
    await create(desk, slug="a-x-b")
    assert not (await create(desk, title=title))["slug"].endswith("-2")


async def test_the_longest_titles_can_be_the_same(desk: httpx.AsyncClient) -> None:
    slugs = [(await create(desk, title="long " * 99))["slug"] for _ in range(3)]
    assert len(set(slugs)) == 3 and all(len(slug) <= 200 for slug in slugs)


@pytest.mark.parametrize(
    "slug", ["Release-1.2.3", "~tilde_under", "как-измерять", "測る", "2024", "x" * 200, "C.O.D.E"]
)
async def test_an_explicit_slug_stays_as_it_is(desk: httpx.AsyncClient, client: httpx.AsyncClient, slug: str) -> None:
    created = await create(desk, slug=slug)
    assert created["slug"] == slug
    await desk.post(f"{POSTS}/{created['id']}/publish", headers=ANY)
    for rendition in ("", ".html", ".md"):
        assert (await client.get(f"/v1/posts/{slug}{rendition}")).status_code == 200


async def test_an_explicit_slug_is_kept_composed(desk: httpx.AsyncClient) -> None:
    decomposed = unicodedata.normalize("NFD", "café")
    assert (await create(desk, slug=decomposed))["slug"] == "café"


@pytest.mark.parametrize(
    "slug",
    [
        "",
        " ",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "a%20b",
        ".",
        "..",
        ".hidden",
        "-dash",
        "end.",
        "a.md",
        "a.html",
        "x" * 201,
        "😀",
    ],
)
async def test_slugs_that_an_address_would_escape_are_refused(desk: httpx.AsyncClient, slug: str) -> None:
    assert_problem(await desk.post(POSTS, json={"title": "x", "slug": slug}), Invalid, "/slug")


async def test_an_explicit_slug_that_is_taken_is_a_conflict(desk: httpx.AsyncClient) -> None:
    await create(desk, slug="mine")
    assert_problem(await desk.post(POSTS, json={"title": "x", "slug": "mine"}), SlugTaken)
    assert (await create(desk, slug="MINE"))["slug"] == "MINE"


async def test_a_post_and_a_page_share_a_slug(desk: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    for kind in ("post", "page"):
        created = await create(desk, kind=kind, slug="about", title=kind)
        await desk.post(f"{POSTS}/{created['id']}/publish", headers=ANY)
    post, page = (await client.get("/v1/posts/about")).json(), (await client.get("/v1/pages/about")).json()
    assert (post["title"], post["kind"], post["url"]) == ("post", "post", "https://blog.example/posts/about")
    assert (page["title"], page["kind"], page["url"]) == ("page", "page", "https://blog.example/about")


async def test_a_new_slug_is_checked_when_it_is_saved(desk: httpx.AsyncClient) -> None:
    await create(desk, slug="taken")
    url = f"{POSTS}/{(await create(desk, slug='mine'))['id']}"
    assert_problem(await desk.patch(url, json={"slug": "taken"}, headers=ANY), SlugTaken)
    assert (await desk.get(url)).json()["version"] == 1
    assert (await desk.patch(url, json={"slug": "mine"}, headers=ANY)).json()["slug"] == "mine"


async def test_the_trash_frees_a_slug(desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions) -> None:
    created = await create(desk, slug="mine")
    url = f"{POSTS}/{created['id']}"
    await desk.post(f"{url}/publish", headers=ANY)
    assert (await desk.delete(url, headers=ANY)).status_code == 204
    for response in (
        await desk.get(url),
        await desk.patch(url, json={}, headers=ANY),
        await desk.delete(url, headers=ANY),
        await desk.post(f"{url}/publish", headers=ANY),
        await desk.get(f"{url}/revisions"),
        await client.get("/v1/posts/mine"),
    ):
        assert_problem(response, PostNotFound)
    assert (await client.get("/v1/posts")).json()["data"] == []
    assert (await desk.get(POSTS)).json()["data"] == []
    assert (await create(desk, slug="mine"))["id"] != created["id"]
    async with sessions.begin() as session:  # nothing that was written is lost
        kept = await session.scalars(select(Revision.number).where(Revision.post_id == created["id"]))
        assert set(kept) == {1, 2, 3}


async def test_tags_authors_and_series_are_named_by_slug_or_id(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        tags = [await make.tag(session, name) for name in ("One", "Two", "Three")]
        authors = [await make.author(session, name) for name in ("Ada", "Grace")]
        series = await make.series(session, "Measuring")
    created = await create(
        desk,
        tags=["two", str(tags[0].id).upper(), "two", tags[2].id.hex],
        authors=[str(authors[1].id), "ada"],
        series=str(series.id),
        series_position=3,
    )
    assert [tag["slug"] for tag in created["tags"]] == ["two", "one", "three"]
    assert [author["slug"] for author in created["authors"]] == ["grace", "ada"]
    assert created["series"] == {"id": str(series.id), "slug": "measuring", "title": "Measuring", "position": 3}
    changes = {"tags": ["three"], "authors": [], "series": None}
    changed = (await desk.patch(f"{POSTS}/{created['id']}", json=changes, headers=ANY)).json()
    assert ([tag["slug"] for tag in changed["tags"]], changed["authors"], changed["series"]) == (["three"], [], None)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"tags": ["there", "nowhere"]}, "/tags/1"),
        ({"tags": ["THERE"]}, "/tags/0"),
        ({"authors": ["nobody"]}, "/authors/0"),
        ({"authors": ["01890a5d-ac96-774b-bcce-b302099a8057"]}, "/authors/0"),
        ({"series": "nothing"}, "/series"),
    ],
)
async def test_unknown_references_say_where(
    desk: httpx.AsyncClient, sessions: Sessions, fields: dict[str, Any], pointer: str
) -> None:
    async with sessions.begin() as session:
        await make.tag(session, "There")
        draft = await make.draft(session)
    assert_problem(await desk.post(POSTS, json={"title": "x", **fields}), UnknownReference, pointer)
    assert_problem(await desk.patch(f"{POSTS}/{draft.id}", json=fields, headers=ANY), UnknownReference, pointer)


async def test_who_writes_is_the_author(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    assert (await create(desk))["authors"] == []  # this user is no author
    async with sessions.begin() as session:
        own = await make.author(session, "Grace Hopper")
        user_id = await session.scalar(select(User.id))
        await session.execute(update(Author).where(Author.id == own.id).values(user_id=user_id))
        await make.author(session, "Ada Lovelace")
    assert [author["slug"] for author in (await create(desk))["authors"]] == ["grace-hopper"]
    assert [author["slug"] for author in (await create(desk, authors=None))["authors"]] == ["grace-hopper"]
    assert [author["slug"] for author in (await create(desk, authors=["ada-lovelace"]))["authors"]] == ["ada-lovelace"]
    assert (await create(desk, authors=[]))["authors"] == []


async def test_what_a_revision_refers_to_may_be_gone(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        tag, series = await make.tag(session), await make.series(session)
        draft = await make.draft(session, tags=[str(tag.id)], series=str(series.id))
    for kind, row in (("tags", tag), ("series", series)):
        assert (await desk.delete(f"/v1/manage/{kind}/{row.id}", headers=ANY)).status_code == 204
    url = f"{POSTS}/{draft.id}"
    for response in (
        await desk.get(url),
        await desk.patch(url, json={"title": "x"}, headers=ANY),
        await desk.post(f"{url}/publish", headers=ANY),
    ):
        assert response.status_code == 200
        assert (response.json()["tags"], response.json()["series"]) == ([], None)


async def test_the_language_is_the_sites_where_none_is_named(desk: httpx.AsyncClient) -> None:
    assert (await create(desk))["language"] == "en"
    assert (await create(desk, language="pt-BR"))["language"] == "pt-BR"


async def test_the_excerpt_is_made_where_none_is_written(desk: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    created = await create(desk, markdown="# Title\n\nMeasure *first*.")
    assert created["excerpt"] is None
    await desk.post(f"{POSTS}/{created['id']}/publish", headers=ANY)
    assert "Measure first." in (await client.get("/v1/posts/how-to-measure")).json()["excerpt"]
    await desk.patch(f"{POSTS}/{created['id']}", json={"excerpt": "By hand"}, headers=ANY)
    await desk.post(f"{POSTS}/{created['id']}/publish", headers=ANY)
    assert (await client.get("/v1/posts/how-to-measure")).json()["excerpt"] == "By hand"


async def test_the_source_is_kept_byte_for_byte(desk: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    source = "\ufeff  Line one \r\n\tline two\x0b\u2028\u0085 \n\n\n"
    created = await create(desk, markdown=source)
    assert created["markdown"] == source
    await desk.post(f"{POSTS}/{created['id']}/publish", headers=ANY)
    assert (await client.get("/v1/posts/how-to-measure.md")).content == source.encode()


async def test_nobody_saves_without_the_scope(sessions: Sessions, client: httpx.AsyncClient) -> None:
    async with sessions.begin() as session:
        token = await make.token(session, scopes=[Scope.POSTS_READ, Scope.POSTS_PUBLISH])
    response = await client.post(POSTS, json={"title": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert assert_problem(response, ScopeMissing)["missing_scopes"] == ["posts:write"]
    async with sessions.begin() as session:
        assert await session.scalar(select(Post.id)) is None
