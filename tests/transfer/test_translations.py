"""Documents that stand in a folder in several languages become translations of one another."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from byline.posts.models import Post
from byline.transfer.documents import Document
from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder
from byline.transfer.report import Item, Outcome
from tests.conftest import Sessions
from tests.corpora import corpus

Make = Callable[[Mapping[str, str | bytes]], Path]


def originals(folder: Path) -> dict[str, str]:
    read = (found for found in read_folder(folder) if isinstance(found, Document))
    return {found.path: found.translation_of for found in read if found.translation_of}


async def run(sessions: Sessions, folder: Path) -> list[Item]:
    found = import_documents(sessions, "x", read_folder(folder), language="en", dry_run=False)
    return [item async for item in found]


async def groups(sessions: Sessions) -> dict[str, str | None]:
    """Of each post's title that of its original."""
    async with sessions.begin() as session:
        posts = {post.id: post for post in await session.scalars(select(Post))}
    return {p.title: posts[p.translation_of].title if p.translation_of else None for p in posts.values()}


def text(title: str, more: str = "") -> str:
    return f"---\ntitle: {title}\ndate: 2024-05-01\n{more}---\nText\n"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.md", "a.fr.md", "a.de.md", "b.md"], {"a.fr.md": "a.md", "a.de.md": "a.md"}),
        (["content/en/a.md", "content/fr/a.md", "content/en/b.md"], {"content/fr/a.md": "content/en/a.md"}),
        (["content/post/a/index.md", "content/post/a/index.fr.md"], 1),
        (["content/de/a.md", "content/de/b.md", "content/en/a.md"], {"content/en/a.md": "content/de/a.md"}),
        (["content/post/en.md", "content/post/fr.md"], {}),
        (["a.md", "sub/a.md", "b.fr.md", "c.de.md"], {}),
    ],
)
def test_which_documents_are_one(make: Make, paths: list[str], expected: dict[str, str] | int) -> None:
    found = originals(make({path: text("T") for path in paths}))
    assert (found if isinstance(expected, dict) else len(found)) == expected


def test_the_language_of_the_site_is_the_first(make: Make) -> None:
    texts = {f"content/{language}/{name}.md": text("T") for language in ("de", "en") for name in "ab"}
    folder = make({"hugo.toml": 'defaultContentLanguage = "en"\n', **texts})
    assert originals(folder) == {f"content/de/{name}.md": f"content/en/{name}.md" for name in "ab"}


async def test_they_are_linked_and_a_second_import_changes_nothing(sessions: Sessions, make: Make) -> None:
    folder = make({"a.de.md": text("Eins"), "a.md": text("One"), "b.md": text("Other")})
    assert [item.path for item in await run(sessions, folder)] == ["a.md", "b.md", "a.de.md"]
    assert await groups(sessions) == {"One": None, "Eins": "One", "Other": None}
    assert {item.outcome for item in await run(sessions, folder)} == {Outcome.UNCHANGED}


async def test_a_translation_that_comes_later_joins(sessions: Sessions, make: Make) -> None:
    await run(sessions, make({"a.md": text("One")}))
    items = await run(sessions, make({"a.md": text("One"), "a.fr.md": text("Un")}))
    assert [item.outcome for item in items] == [Outcome.UNCHANGED, Outcome.CREATED]
    assert await groups(sessions) == {"One": None, "Un": "One"}


async def test_what_does_not_go_together_is_imported_all_the_same(sessions: Sessions, make: Make) -> None:
    texts = {
        "a.md": text("One"),
        "a.fr.md": text("French, it says", "language: en\n"),
        "b.md": "---\ntitle: [\n---\n",
        "b.fr.md": text("Without an original"),
    }
    items = {item.path: item for item in await run(sessions, make(texts))}
    assert (items["a.fr.md"].reason or "").startswith("another translation of a.md is in en: not linked")
    assert items["b.fr.md"].reason == "b.md, which it translates, is not there as a post"
    assert [items[path].outcome for path in ("a.fr.md", "b.fr.md")] == [Outcome.CREATED] * 2
    assert set((await groups(sessions)).values()) == {None}


async def test_a_real_site_in_five_languages(sessions: Sessions) -> None:
    """Of Let's Encrypt's 128 documents 60 are translations, each of an English one."""
    items = await run(sessions, corpus("md-hugo-letsencrypt"))
    assert not [item for item in items if item.outcome == Outcome.FAILED]
    async with sessions.begin() as session:
        posts = {post.id: post for post in await session.scalars(select(Post))}
    linked = [post for post in posts.values() if post.translation_of]
    assert len(linked) == 60
    assert {posts[post.translation_of].language for post in linked if post.translation_of} == {"en"}
    assert "en" not in {post.language for post in linked}
