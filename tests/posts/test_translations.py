"""One article in several languages: who belongs to whom, who may be live, and what readers are told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from byline.posts import publishing
from byline.posts.schemas import PostPublish
from tests import make
from tests.conftest import Sessions

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}


async def written(desk: httpx.AsyncClient, title: str, language: str, of: str | None = None, **fields: Any) -> str:
    """The id of a published post."""
    new = {"title": title, "language": language, "translation_of": of, **fields}
    made = await desk.post(POSTS, json=new)
    assert made.status_code == 201, made.text
    shown = await desk.post(f"{POSTS}/{made.json()['id']}/publish", headers=ANY)
    assert shown.status_code == 200, shown.text
    return str(made.json()["id"])


async def languages(client: httpx.AsyncClient, slug: str, room: str = "posts") -> list[str]:
    answer = await client.get(f"/v1/{room}/{slug}/translations")
    assert answer.status_code == 200
    return [one["language"] for one in answer.json()["data"]]


async def test_each_translation_leads_to_all_others(desk: httpx.AsyncClient) -> None:
    original = await written(desk, "One", "en")
    second = await written(desk, "Zwei", "de", original)
    await written(desk, "Trois", "fr", second)  # of a translation: of its original, then
    assert await languages(desk, "one") == ["de", "fr"]
    assert await languages(desk, "zwei") == ["en", "fr"]
    assert await languages(desk, "trois") == ["de", "en"]
    answer = (await desk.get("/v1/posts/trois/translations", params={"limit": 1, "count": True})).json()
    assert answer["data"] == [
        {
            "id": second,
            "language": "de",
            "slug": "zwei",
            "url": "https://blog.example/posts/zwei",
            "title": "Zwei",
            "is_original": False,
        }
    ]
    assert answer["total"] == 2
    rest = await desk.get("/v1/posts/trois/translations", params={"cursor": answer["next_cursor"]})
    assert [(one["slug"], one["is_original"]) for one in rest.json()["data"]] == [("one", True)]


@pytest.mark.parametrize("ending", ["", ".html", ".md"])
async def test_headers_say_the_language_and_the_others(desk: httpx.AsyncClient, ending: str) -> None:
    original = await written(desk, "Mass", "en", slug="mäß")
    alone = await desk.get(f"/v1/posts/mäß{ending}")
    assert (alone.status_code, alone.headers["Content-Language"], "hreflang" in alone.headers["Link"]) == (
        200,
        "en",
        False,
    )
    await written(desk, "Deux", "pt-BR", original)
    answer = await desk.get(f"/v1/posts/deux{ending}")
    assert answer.headers["Content-Language"] == "pt-BR"
    *links, embed = answer.headers["Link"].split(", ")
    assert embed == (
        "<https://blog.example/oembed?url=https%3A%2F%2Fblog.example%2Fposts%2Fdeux>; "
        'rel="alternate"; type="application/json+oembed"'
    )
    assert links == [
        '<https://blog.example/posts/deux>; rel="alternate"; hreflang="pt-BR"',
        '<https://blog.example/posts/m%C3%A4%C3%9F>; rel="alternate"; hreflang="en"',
        '<https://blog.example/posts/m%C3%A4%C3%9F>; rel="alternate"; hreflang="x-default"',
    ]


async def test_links_that_would_fill_a_header_are_left_out(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        original = await make.post(session, "A")
        for letter in "abcdefgh":
            slug = letter + "字" * 60
            await make.post(session, "A", slug=slug, language=f"x{letter}", translation_of=original.id)
    assert "hreflang" not in (await desk.get("/v1/posts/a")).headers["Link"]
    assert len(await languages(desk, "a")) == 8


async def test_readers_hear_of_what_they_can_read(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    original = await written(desk, "One", "en")
    await desk.post(POSTS, json={"title": "Draft", "language": "de", "translation_of": original})
    await written(desk, "Unlisted", "fr", original, visibility="unlisted")
    async with sessions.begin() as session:
        later = datetime.now(UTC) + timedelta(hours=1)
        await make.post(session, "Later", later, language="es", translation_of=original)
    trashed = await written(desk, "Trashed", "it", original)
    await desk.delete(f"{POSTS}/{trashed}", headers=ANY)
    assert await languages(desk, "one") == []
    assert "hreflang" not in (await desk.get("/v1/posts/one")).headers["Link"]
    assert await languages(desk, "unlisted") == ["en"]
    assert "hreflang" not in (await desk.get("/v1/posts/unlisted")).headers["Link"]


async def test_of_two_in_one_language_the_second_is_not_published(desk: httpx.AsyncClient) -> None:
    original = await written(desk, "One", "en")
    first = await written(desk, "Zwei", "de-at", original)
    for language, of in (("de-AT", original), ("EN", first)):
        made = (await desk.post(POSTS, json={"title": "Again", "language": language, "translation_of": of})).json()
        answer = await desk.post(f"{POSTS}/{made['id']}/publish", headers=ANY)
        assert (answer.status_code, answer.json()["code"]) == (409, "language_taken")
        assert (await desk.delete(f"{POSTS}/{made['id']}", headers=ANY)).status_code == 204
    await desk.post(f"{POSTS}/{first}/unpublish", headers=ANY)
    await written(desk, "Drei", "de-AT", original)
    answer = await desk.post(f"{POSTS}/{first}/publish", headers=ANY)
    assert (answer.status_code, answer.json()["code"]) == (409, "language_taken")


async def test_what_is_said_of_a_live_post_shows_once_it_is_published(desk: httpx.AsyncClient) -> None:
    original = await written(desk, "One", "en")
    other = await written(desk, "Zwei", "de")
    saved = await desk.patch(f"{POSTS}/{other}", json={"translation_of": original}, headers=ANY)
    assert saved.json()["translation_of"] == original
    assert await languages(desk, "one") == []
    await desk.post(f"{POSTS}/{other}/publish", headers=ANY)
    assert await languages(desk, "one") == ["de"]
    back = await desk.post(f"{POSTS}/{other}/revisions/1/restore", headers=ANY)
    assert back.json()["translation_of"] is None


async def test_there_are_no_chains_and_no_circles(desk: httpx.AsyncClient) -> None:
    original = await written(desk, "One", "en")
    page = await written(desk, "About", "en", kind="page")
    await written(desk, "Zwei", "de", original)
    other = await written(desk, "Other", "en")
    for named, status, code in (
        (other, 409, "has_translations"),
        (original, 409, "has_translations"),
        (page, 422, "unknown_reference"),
        (str(uuid4()), 422, "unknown_reference"),
    ):
        answer = await desk.patch(f"{POSTS}/{original}", json={"translation_of": named}, headers=ANY)
        assert (answer.status_code, answer.json()["code"]) == (status, code), named
    answer = await desk.patch(f"{POSTS}/{other}", json={"translation_of": other}, headers=ANY)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/translation_of")
    answer = await desk.patch(f"{POSTS}/{original}", json={"title": "Uno", "translation_of": None}, headers=ANY)
    assert answer.status_code == 200


async def test_translations_stay_together_without_their_original(desk: httpx.AsyncClient) -> None:
    original = await written(desk, "One", "en")
    await written(desk, "Zwei", "de", original)
    await written(desk, "Trois", "fr", original)
    trashed = (await desk.delete(f"{POSTS}/{original}", headers=ANY)).status_code
    purged = (await desk.delete(f"/v1/manage/trash/{original}", headers=ANY)).status_code
    assert (trashed, purged) == (204, 204)
    assert await languages(desk, "zwei") == ["fr"]
    assert "x-default" not in (await desk.get("/v1/posts/zwei")).headers["Link"]


async def test_pages_have_translations_too(desk: httpx.AsyncClient) -> None:
    about = await written(desk, "About", "en", kind="page")
    await written(desk, "Impressum", "de", about, kind="page")
    assert await languages(desk, "about", "pages") == ["de"]
    assert (await desk.get("/v1/pages/none/translations")).status_code == 404
    assert (await desk.get("/v1/posts/about/translations")).status_code == 404


async def test_what_is_scheduled_joins_when_its_time_has_come(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        original = await make.post(session, "One")
        later = await make.draft(session, "Zwei", language="de", translation_of=original.id)
        await publishing.publish(session, later, PostPublish(at=datetime.now(UTC) + timedelta(days=1)), caller=None)
    assert await languages(client, "one") == []
    async with sessions.begin() as session:
        post = await session.get_one(type(later), later.id)
        post.published_at = datetime.now(UTC) - timedelta(seconds=1)
    assert await languages(client, "one") == ["de"]
