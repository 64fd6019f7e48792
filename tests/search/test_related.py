import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.related import index, measure
from byline.core import store as answers
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.posts import publishing, service
from byline.posts.models import Post
from byline.search.directory import IndexDirectory
from tests import make
from tests.conftest import Sessions, create_database
from tests.core.store.applications import hits, reader, running
from tests.corpora import corpus

BREAD = "Knead the dough, let the yeast rise, and bake the sourdough loaf in a hot oven. "
CLOCKS = "The escapement of a pendulum clock lets the gear train go on tooth by tooth. "


class Site:
    def __init__(self, client: httpx.AsyncClient, sessions: Sessions, directory: IndexDirectory) -> None:
        self.client = client
        self.sessions = sessions
        self.directory = directory

    async def post(self, title: str, text: str, **fields: Any) -> Post:
        async with self.sessions.begin() as session:
            return await make.post(session, title, markdown=text, **fields)

    async def index(self) -> None:
        await index(self.sessions, self.directory)

    async def related(self, slug: str, **query: Any) -> list[str]:
        answer = await self.client.get(f"/v1/posts/{slug}/related", params=query)
        assert answer.status_code == 200, answer.text
        return [post["slug"] for post in answer.json()["data"]]


@pytest.fixture
async def site(app: FastAPI, committing: Sessions, tmp_path: Path) -> AsyncIterator[Site]:
    before = app.state.search
    app.state.search = IndexDirectory(tmp_path / "search")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        yield Site(client, committing, app.state.search)
    app.state.search = before


async def test_posts_that_say_the_same_come_first(site: Site) -> None:
    for number in range(4):
        await site.post(f"Bread {number}", BREAD * (number + 1))
        await site.post(f"Clocks {number}", CLOCKS * (number + 1))
    await site.index()
    assert sorted(await site.related("bread-0", limit=3)) == ["bread-1", "bread-2", "bread-3"]
    assert sorted(await site.related("clocks-2", limit=3)) == ["clocks-0", "clocks-1", "clocks-3"]
    found = (await site.client.get("/v1/posts/bread-0/related?limit=1")).json()["data"]
    listed = (await site.client.get("/v1/posts?limit=20")).json()["data"]
    assert len(found) == 1 and found[0] in listed, "a summary as lists have it"


async def test_what_is_shared_beside_words_counts(site: Site) -> None:
    async with site.sessions.begin() as session:
        await make.tag(session, "Ovens")
        await make.tag(session, "Gears")
        await make.series(session, "At home")
        await make.author(session, "Ada")
    shared: dict[str, dict[str, Any]] = {
        "tags": {"tags": ["ovens"]},
        "series": {"series": "at-home"},
        "authors": {"authors": ["ada"]},
    }
    await site.post("Wanted", BREAD, tags=["ovens"], series="at-home", authors=["ada"])
    for number in range(4):
        await site.post(f"Plain {number}", "Pendulum.", tags=["gears"])
    for name, fields in shared.items():
        await site.post(f"By {name}", "Nothing else alike.", **fields)
    await site.index()
    found = await site.related("wanted")
    assert set(found) == {"by-tags", "by-series", "by-authors"} and found[-1] == "by-authors"


async def test_not_itself_no_translation_no_other_language_no_page(site: Site) -> None:
    original = await site.post("Bread", BREAD, language="en")
    await site.post("Brot", BREAD, language="de", translation_of=original.id)
    british = await site.post("British bread", BREAD, language="en-GB")
    await site.post("Anderes Brot", BREAD, language="de")
    await site.post("About bread", BREAD, kind="page")
    await site.index()
    assert await site.related("bread") == ["british-bread"]
    assert await site.related("brot") == ["anderes-brot"]
    async with site.sessions.begin() as session:  # one that the index does not know of yet
        (await session.get_one(Post, british.id)).translation_of = original.id
    assert await site.related("bread") == [] == await site.related("british-bread")


@pytest.mark.parametrize("is_ready", [True, False])
async def test_only_what_lists_show_now(site: Site, is_ready: bool) -> None:
    async with site.sessions.begin() as session:
        await make.tag(session)
    tagged: dict[str, Any] = {"text": BREAD, "tags": ["measurement"]}
    await site.post("Read", **tagged)
    gone = [await site.post(f"Gone {number}", **tagged) for number in range(3)]
    await site.post("Unlisted", **tagged, visibility="unlisted")
    await site.post("Later", **tagged, at=datetime.now(UTC) + timedelta(days=1))
    await site.post("Over", **tagged, at=datetime.now(UTC) - timedelta(days=2))
    await site.post("Kept", **tagged)
    if is_ready:
        await site.index()
    assert len(await site.related("read")) == 5
    async with site.sessions.begin() as session:  # the index hears nothing of it
        first, second, third, over = [
            await session.get_one(Post, row_id) for row_id in [*(row.id for row in gone), await _id(site, "over")]
        ]
        await publishing.unpublish(session, first, caller=None)
        await service.trash(session, second, caller=None)
        third.visibility = "unlisted"
        over.expires_at = datetime.now(UTC) - timedelta(days=1)
    assert await site.related("read") == ["kept"]
    assert await site.related("unlisted") == ["kept", "read"] or await site.related("unlisted") == ["read", "kept"]
    for hidden in ("later", "gone-0", "none", "over", "%00"):
        assert (await site.client.get(f"/v1/posts/{hidden}/related")).status_code in {404, 422}


async def _id(site: Site, slug: str) -> Any:
    return (await site.client.get(f"/v1/posts/{slug}")).json()["id"]


async def test_while_there_is_no_index_those_that_share_most_tags(site: Site) -> None:
    async with site.sessions.begin() as session:
        for name in ("One", "Two", "Three"):
            await make.tag(session, name)
    early = datetime(2020, 1, 1, tzinfo=UTC)
    await site.post("Read", BREAD, tags=["one", "two"])
    await site.post("Both", CLOCKS, tags=["one", "two", "three"], at=early)
    await site.post("Old", CLOCKS, tags=["one"], at=early)
    await site.post("New", CLOCKS, tags=["two"], at=early + timedelta(days=1))
    await site.post("Other", BREAD, tags=["three"])
    await site.post("Deutsch", BREAD, tags=["one"], language="de")
    await site.post("Untagged", BREAD)
    assert await site.related("read") == ["both", "new", "old"]
    assert await site.related("read", limit=2) == ["both", "new"]
    assert await site.related("untagged") == []
    site.directory.folder.mkdir(parents=True)  # nor where it is damaged
    (site.directory.folder / "current").write_text("1.1-none")
    assert await site.related("read") == ["both", "new", "old"]


@pytest.mark.parametrize(
    "text", ["", "…", "```\n```", "日本語の文章です。", "# " * 50, "a " * 5000, "\u200d\u0301" * 20]
)
async def test_any_text_has_an_answer(site: Site, text: str) -> None:
    await site.post("Odd", text)
    await site.post("Odd too", text)
    await site.post("Other", BREAD)
    await site.index()
    assert (await site.related("odd"))[:1] == ["odd-too"]


@pytest.mark.parametrize("query", ["limit=0", "limit=21", "limit=x", "count=true"])
async def test_wrong_queries_are_refused(client: httpx.AsyncClient, sessions: Sessions, query: str) -> None:
    async with sessions.begin() as session:
        await make.post(session, "Read")
    assert (await client.get(f"/v1/posts/read/related?{query}")).status_code == 422


# ── from memory ──────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def served(postgres: EmbeddedPostgres, worker_id: str, folder: Path) -> AsyncIterator[FastAPI]:
    """An application as `byline serve` runs it, which keeps its own index."""
    url = await create_database(postgres, f"byline_{worker_id}_related")
    engine = create_async_engine(url)
    await migrate(engine)
    await engine.dispose()
    async with running(url, data_dir=folder) as app:
        yield app


async def until_it(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.02)


async def test_answers_come_from_memory_and_never_show_what_is_gone(
    postgres: EmbeddedPostgres, worker_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(postgres, worker_id, tmp_path) as app:
        sessions = app.state.sessions
        async with sessions.begin() as session:
            posts = [await make.post(session, f"Bread {number}", markdown=BREAD) for number in range(3)]
        await app.state.notices.catch_up()
        path = "/v1/posts/bread-0/related"
        async with reader(app) as client, reader(app, **{"Cache-Control": "no-cache"}) as anew:

            async def slugs(of: httpx.AsyncClient) -> list[str]:
                return sorted(row["slug"] for row in (await of.get(path)).json()["data"])

            async def has(wanted: list[str]) -> bool:
                return await slugs(anew) == wanted

            await until_it(lambda: has(["bread-1", "bread-2"]))
            kept = await client.get(path)
            again, was_hit = await hits(app, client.get(path))
            assert was_hit and again.content == kept.content
            async with sessions.begin() as session:
                row = await session.get_one(Post, posts[1].id)
                await publishing.unpublish(session, row, caller=None)
            await app.state.notices.catch_up()
            assert await slugs(client) == ["bread-2"]
            # An answer that the index was too late for does not last.
            async with sessions.begin() as session:
                await make.post(session, "Bread 3", markdown=BREAD)
            await app.state.notices.catch_up()
            early = await slugs(client)
            await until_it(lambda: has(["bread-2", "bread-3"]))
            assert early in (["bread-2"], ["bread-2", "bread-3"])
            later_on = time.time() + answers.LONGEST + 1
            monkeypatch.setattr(time, "time", lambda: later_on)
            assert await slugs(client) == ["bread-2", "bread-3"]


# ── better than "same tag" ───────────────────────────────────────────────────────────────────────────────────────────

TOPICS = {
    "bread": "dough yeast sourdough loaf oven knead crust rye",
    "clocks": "escapement pendulum gear mainspring chime dial winding tooth",
    "bees": "hive queen swarm comb nectar smoker brood drone",
    "ships": "keel rudder mast sail hull anchor rigging tiller",
}


async def test_of_a_blog_with_one_tag_links_are_foretold(committing: Sessions, tmp_path: Path) -> None:
    """Every post has the one tag, as many blogs do; each links to another of its topic."""
    for number in range(6):
        for topic, words in TOPICS.items():
            some = " and the ".join(words.split()[number % 4 : number % 4 + 5])
            other = f"Read [more about {topic} there](/posts/{topic}-{(number + 3) % 6}) soon."
            front = f"title: {topic.title()} {number}\ndate: 2020-01-{number + 1:02}\ntags: [workshop]"
            text = f"Many years ago somebody said that the {some} are what matters. {other}"
            (tmp_path / f"{topic}-{number}.md").write_text(f"---\n{front}\n---\n\n{text}\n")
    found = await measure(committing, IndexDirectory(tmp_path / "search"), tmp_path)
    assert (found.linking, found.links) == (24, 24)
    assert found.by["related"].posts > 0.9 > 0.5 > found.by["same tag"].posts


async def test_of_a_real_blog_links_are_foretold(committing: Sessions, tmp_path: Path, thorough: bool) -> None:
    if not thorough:
        pytest.skip("make thorough tries it")
    found = await measure(committing, IndexDirectory(tmp_path / "search"), corpus("md-hugo-letsencrypt"))
    assert found.linking >= 30
    assert found.by["related"].posts > max(found.by["same tag"].posts, found.by["random"].posts) + 0.15
