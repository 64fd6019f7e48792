"""The index follows what is published, on every node and in every process, and is made anew when it cannot."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from byline.core.notices import Heard
from byline.posts import announcing, publishing
from byline.posts import service as posts
from byline.posts.models import Post
from byline.posts.schemas import PostPublish, PostUpdate
from byline.search.answering import SearchNotReady
from byline.search.directory import IndexDirectory
from byline.search.feeder import Feeder
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem
from tests.search.conftest import Node, Start
from tests.waiting import until


async def until_found(node: Node, q: str, titles: list[str]) -> None:
    async def is_so() -> bool:
        response = await node.get(q=q)
        return response.status_code == 200 and [hit["title"] for hit in response.json()["data"]] == titles

    await until(is_so)


async def test_what_is_published_is_found_on_every_node_and_in_every_process(start: Start, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    async with start(one) as writer, start(one) as reader, start(other) as elsewhere:
        nodes = (writer, reader, elsewhere)
        for node in nodes:
            await node.caught_up()
        async with writer.sessions.begin() as session:
            post = await make.post(session, "A tea")
        for node in nodes:
            await node.caught_up()
            assert await node.titles("tea") == ["A tea"]
        async with writer.sessions.begin() as session:
            row = await session.get_one(Post, post.id)
            await posts.update(session, row, PostUpdate(title="A coffee"), caller=None)
            await publishing.publish(session, row, PostPublish(), caller=None)
        for node in nodes:
            await node.caught_up()
            assert (await node.titles("tea"), await node.titles("coffee")) == ([], ["A coffee"])


async def test_what_is_not_published_any_more_is_never_found(node: Node) -> None:
    """Not even before the index hears of it, and pages stay full."""
    async with node.sessions.begin() as session:
        made = [await make.post(session, f"Tea {number}") for number in range(5)]
    await node.caught_up()
    async with node.sessions.begin() as session:
        await publishing.unpublish(session, await session.get_one(Post, made[0].id), caller=None)
        await posts.trash(session, await session.get_one(Post, made[1].id), caller=None)
    assert set(await node.titles("tea")) == {"Tea 2", "Tea 3", "Tea 4"}
    assert len(await node.titles("tea", limit=3)) == 3


async def test_drafts_and_what_is_unlisted_are_not_found(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.draft(session, "Tea in secret")
        await make.post(session, "Tea by address", visibility="unlisted")
        await make.post(session, "Tea tomorrow", at=datetime.now(UTC) + timedelta(days=1))
        await make.post(session, "Tea")
    await node.caught_up()
    assert await node.titles("tea") == ["Tea"]
    assert (await node.ask("tea"))["total"] == 1


async def test_what_is_scheduled_is_found_from_its_time_on_without_a_worker(node: Node) -> None:
    await node.caught_up()
    async with node.sessions.begin() as session:
        await make.post(session, "Tea at last", at=datetime.now(UTC) + timedelta(milliseconds=300))
    await until_found(node, "tea", ["Tea at last"])


async def test_what_is_over_is_not_found_and_leaves_the_index_when_it_is_told(node: Node) -> None:
    over = datetime.now(UTC) + timedelta(milliseconds=500)
    async with node.sessions.begin() as session:
        post = await make.draft(session, "Tea for a while")
        await publishing.publish(session, post, PostPublish(expires_at=over), caller=None)
        await make.post(session, "Tea")
    await until_found(node, "tea", ["Tea"])
    async with node.sessions.begin() as session:
        assert await announcing.announce_next(session) is not None
    await node.caught_up()
    assert (await node.ask("tea"))["total"] == 1


async def test_until_there_is_an_index_the_answer_is_a_503(start: Start, tmp_path: Path) -> None:
    async with start(tmp_path) as node:
        await node.caught_up()
    async with start(tmp_path) as node:
        (tmp_path / "search" / "current").unlink()
        response = await node.get(q="tea")
        assert_problem(response, SearchNotReady)
        assert response.headers["retry-after"]


async def test_goes_on_where_it_stopped(start: Start, tmp_path: Path) -> None:
    async with start(tmp_path) as node:
        async with node.sessions.begin() as session:
            await make.post(session, "Tea")
        await node.caught_up()
        before = node.directory.current()
    async with node.sessions.begin() as session:
        await make.post(session, "More tea")
    async with start(tmp_path) as node:
        await node.caught_up()
        assert len(await node.titles("tea")) == 2
        assert node.directory.current() == before is not None


@pytest.mark.parametrize("damage", ["absent", "truncated", "another format"])
async def test_a_damaged_index_is_made_anew(start: Start, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "search"
    async with start(tmp_path) as node:
        async with node.sessions.begin() as session:
            await make.post(session, "Tea")
        await node.caught_up()
    match damage:
        case "absent":
            shutil.rmtree(folder)
        case "truncated":
            for file in folder.glob("*/*"):
                file.write_bytes(file.read_bytes()[:10])
        case _:
            (folder / "current").write_text("0.0-old")
    async with start(tmp_path) as node:
        await until_found(node, "tea", ["Tea"])


async def test_an_index_of_another_database_is_made_anew(start: Start, tmp_path: Path) -> None:
    """Its events have the same numbers, and are others."""
    async with start(tmp_path) as node:
        async with node.sessions.begin() as session:
            await make.post(session, "Tea")
        await node.caught_up()
        before = node.directory.current()
    async with node.sessions.begin() as session:
        for name in ("event_log", "events", "post_tags", "post_authors", "revisions", "posts"):
            await session.execute(text("set local byline.erasing = 'on'"))
            await session.execute(text(f"delete from {name}"))
    async with node.sessions.begin() as session:
        await make.post(session, "Coffee")
    async with start(tmp_path) as node:
        await until_found(node, "coffee", ["Coffee"])
        assert await node.titles("tea") == []
        assert node.directory.current() != before


async def test_a_rebuild_that_was_cut_off_leaves_the_index_that_answers(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.post(session, "Tea")
    await node.caught_up()
    before = node.directory.current()
    leftover = node.directory.folder / node.directory.begin()
    assert leftover.is_dir()
    assert await node.titles("tea") == ["Tea"]
    node.directory.want_rebuild()
    async with asyncio.timeout(30):
        while node.directory.is_rebuild_wanted:
            assert await node.titles("tea") == ["Tea"]
    assert node.directory.current() != before and not leftover.exists()
    assert await node.titles("tea") == ["Tea"]


def test_a_rebuild_that_is_asked_for_while_one_runs_comes_after_it(tmp_path: Path) -> None:
    directory = IndexDirectory(tmp_path)
    directory.want_rebuild()
    running = directory.begin()
    directory.want_rebuild()
    directory.let_answer(running)
    assert directory.is_rebuild_wanted
    directory.let_answer(directory.begin())
    assert not directory.is_rebuild_wanted


async def test_the_command_makes_it_anew_where_nothing_runs(app: FastAPI, committing: Sessions, tmp_path: Path) -> None:
    async with committing.begin() as session:
        await make.post(session, "Tea")
    directory = IndexDirectory(tmp_path / "search")
    await Feeder(committing, Heard(), directory).rebuild_somewhere()
    opened = directory.open()
    assert opened is not None and opened.searcher.num_docs == 2  # it and the state
