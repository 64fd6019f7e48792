"""What an import leaves in the database; `test_corpora.py` counts what is read, this what is saved."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from byline.authors.models import Author
from byline.core.events import Event
from byline.posts.models import Post, Revision, Status
from byline.redirects.models import Redirect
from byline.series.models import Series
from byline.tags.models import Tag
from byline.transfer import importing
from byline.transfer.documents import Document, ImportedAuthor
from byline.transfer.importing import Read, import_documents
from byline.transfer.markdown.reader import read_folder
from byline.transfer.report import Report
from tests.conftest import Sessions
from tests.corpora import corpus
from tests.feeds.reading import check_feeds

Make = Callable[[Mapping[str, str | bytes]], Path]


async def run(sessions: Sessions, folder: Path, *, dry_run: bool = False) -> Report:
    return await save(sessions, read_folder(folder), dry_run=dry_run)


async def save(sessions: Sessions, read: Iterable[Read], *, dry_run: bool = False) -> Report:
    found = import_documents(sessions, "a blog", read, language="en", dry_run=dry_run)
    return Report.of([item async for item in found])


def counts(report: Report) -> dict[str, int]:
    return {name: count for name, count in report.model_dump(exclude={"items"}).items() if count}


async def count(sessions: Sessions, model: type[Post | Author | Tag | Redirect | Series | Revision]) -> int:
    async with sessions.begin() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize(
    ("name", "documents", "skipped", "drafts", "authors", "tags", "aliases"),
    [
        ("md-docusaurus-react-native", 26, 0, 0, 20, 5, 0),
        ("md-docusaurus-template", 4, 0, 0, 2, 4, 0),
        ("md-hugo-letsencrypt", 128, 76, 0, 16, 0, 0),
        ("md-jekyll-oddities", 13, 0, 1, 2, 9, 0),
        ("md-jekyll-rust", 40, 0, 0, 15, 0, 0),
        ("md-jekyll-site", 102, 0, 0, 9, 5, 1),
        ("md-zola-rust", 96, 2, 0, 25, 0, 139),
    ],
)
async def test_a_real_blog(
    client: httpx.AsyncClient,
    sessions: Sessions,
    thorough: bool,
    name: str,
    documents: int,
    skipped: int,
    drafts: int,
    authors: int,
    tags: int,
    aliases: int,
) -> None:
    read = list(read_folder(corpus(name)))
    expected = {"created": documents} | ({"skipped": skipped} if skipped else {})
    assert counts(await save(sessions, read)) == expected
    assert await count(sessions, Post) == documents
    assert (await count(sessions, Author), await count(sessions, Tag)) == (authors, tags)
    assert await count(sessions, Redirect) == aliases
    async with sessions.begin() as session:
        statuses = Counter(await session.scalars(select(Post.status)))
        sources = dict((await session.execute(select(Post.slug, Post.markdown))).all())
    assert statuses == Counter({"published": documents - drafts, "draft": drafts})
    assert sorted(sources.values()) == sorted(found.markdown for found in read if isinstance(found, Document))

    await check_feeds(client, thorough=thorough)
    revisions = await count(sessions, Revision)
    again = await save(sessions, read)
    assert counts(again) == {"unchanged": documents} | ({"skipped": skipped} if skipped else {})
    assert await count(sessions, Revision) == revisions


async def test_a_dry_run_reports_the_same_and_writes_nothing(sessions: Sessions, make: Make) -> None:
    texts = {f"{name}/x.md": f"---\ntitle: {name}\ntags: [t]\nauthor: Ada\n---\n" for name in ("a", "b")}
    folder = make(texts | {"bad.md": "---\ntitle: [\n---\n"})
    dry = await run(sessions, folder, dry_run=True)
    assert [await count(sessions, model) for model in (Post, Author, Tag)] == [0, 0, 0]
    assert await run(sessions, folder) == dry
    assert counts(dry) == {"created": 2, "failed": 1}


async def test_what_a_document_states_is_served(sessions: Sessions, client: httpx.AsyncClient, make: Make) -> None:
    folder = make(
        {
            "2024-02-03-hello.md": """---
title: Hello
subtitle: A first word
description: What it is about
date: 2024-02-03 10:00:00 +0200
lang: pt-BR
tags: [One, Two]
authors: [{name: Ada, title: Counts}, {name: Grace}]
series: Beginnings
series_order: 2
image: /img/cover.png
canonical: https://elsewhere.example/hello
aliases: [/old/hello.html]
featured: true
mood: sunny
---
# Hi

There.
"""
        }
    )
    assert counts(await run(sessions, folder)) == {"created": 1}
    post = (await client.get("/v1/posts/hello")).json()
    assert post | {"id": None, "toc": None, "html": None} == post | {
        "title": "Hello",
        "subtitle": "A first word",
        "excerpt": "What it is about",
        "published_at": "2024-02-03T08:00:00Z",
        "updated_at": "2024-02-03T08:00:00Z",
        "language": "pt-BR",
        "canonical_url": "https://elsewhere.example/hello",
        "featured": True,
        "id": None,
        "toc": None,
        "html": None,
    }
    assert post["custom"]["mood"] == "sunny"
    assert [tag["name"] for tag in post["tags"]] == ["One", "Two"]
    assert [author["name"] for author in post["authors"]] == ["Ada", "Grace"]
    assert (post["series"]["title"], post["series"]["position"]) == ("Beginnings", 2)
    assert post["cover"] == {"url": "/img/cover.png", "alt": None, "caption": None}
    assert (await client.get("/v1/posts/hello.md")).text == "# Hi\n\nThere.\n"
    async with sessions.begin() as session:
        redirect = (await session.scalars(select(Redirect).where(Redirect.path == "/old/hello.html"))).one()
    assert redirect.target == "/posts/hello"


async def test_a_changed_file_is_a_new_revision(sessions: Sessions, client: httpx.AsyncClient, make: Make) -> None:
    before = {"one.md": "---\ntitle: One\ndate: 2024-01-01\n---\nBefore.", "two.md": "---\ntitle: Two\n---\nStays."}
    folder = make(before)
    await run(sessions, folder)
    first = (await client.get("/v1/posts/one")).json()
    (folder / "one.md").write_text("---\ntitle: One, again\ndate: 2024-01-01\n---\nAfter.")
    assert counts(await run(sessions, folder)) == {"updated": 1, "unchanged": 1}
    post = (await client.get("/v1/posts/one")).json()
    assert (post["id"], post["title"], post["html"]) == (first["id"], "One, again", "<p>After.</p>\n")


async def test_a_renamed_author_updates_the_posts_they_wrote(sessions: Sessions, make: Make) -> None:
    folder = make(
        {"authors.yml": "ada:\n  name: Ada\n", "a.md": "---\nauthors: ada\ntitle: A\n---\n", "b.md": "# B\n\nText."}
    )
    await run(sessions, folder)
    (folder / "authors.yml").write_text("ada:\n  name: Ada Lovelace\n")
    report = await run(sessions, folder)
    assert {item.path: item.outcome for item in report.items if item.outcome != "unchanged"} == {"a.md": "updated"}


async def test_drafts_and_future_dates_are_not_shown(sessions: Sessions, client: httpx.AsyncClient, make: Make) -> None:
    folder = make(
        {
            "draft.md": "---\ntitle: Draft\ndraft: true\n---\n",
            "future.md": "---\ntitle: Future\ndate: 2999-01-01\n---\n",
            "now.md": "---\ntitle: Now\n---\n",
        }
    )
    await run(sessions, folder)
    assert [post["slug"] for post in (await client.get("/v1/posts")).json()["data"]] == ["now"]
    async with sessions.begin() as session:
        statuses = dict((await session.execute(select(Post.slug, Post.status))).all())
    assert statuses == {"draft": Status.DRAFT, "future": Status.SCHEDULED, "now": Status.PUBLISHED}

    (folder / "now.md").write_text("---\ntitle: Now\ndraft: true\n---\n")
    assert counts(await run(sessions, folder)) == {"updated": 1, "unchanged": 2}
    assert (await client.get("/v1/posts/now")).status_code == 404


async def test_one_slug_for_two_documents_loses_neither(sessions: Sessions, make: Make) -> None:
    folder = make({"a/x.md": "---\ntitle: First\n---\n", "b/x.md": "---\ntitle: Second\n---\n"})
    report = await run(sessions, folder)
    assert [item.reason for item in report.items] == [None, "another post has the slug x: imported as x-2"]
    (folder / "b/x.md").write_text("---\ntitle: Second, again\n---\n")
    await run(sessions, folder)
    async with sessions.begin() as session:
        titles = dict((await session.execute(select(Post.slug, Post.title))).all())
    assert titles == {"x": "First", "x-2": "Second, again"}


async def test_bad_files_are_told_and_the_rest_is_imported(sessions: Sessions, make: Make) -> None:
    folder = make(
        {
            "bytes.md": b"# \xff\xfe\xfa",
            "good.md": "# Good\n\nText.",
            "huge.md": b"# Huge\n\n" + b"x" * 20_000_000,
            "matter.md": "---\ntitle: [\n---\n",
            "nul.md": "# A \x00\n",
            "untitled.md": "Just text.",
        }
    )
    (folder / "loop.md").symlink_to(folder / "loop.md")
    report = await run(sessions, folder)
    outcomes = {item.path: str(item.outcome) for item in report.items}
    assert outcomes == {
        "bytes.md": "failed",
        "good.md": "created",
        "huge.md": "failed",
        "loop.md": "failed",
        "matter.md": "failed",
        "nul.md": "failed",
        "untitled.md": "created",
    }
    assert all(item.reason for item in report.items if item.path != "good.md")
    assert await count(sessions, Post) == 2


async def test_what_does_not_fit_is_kept_in_custom(sessions: Sessions, client: httpx.AsyncClient, make: Make) -> None:
    excerpt = "word " * 1000
    folder = make({"a.md": f"---\ntitle: A\nimage: 'javascript:alert(1)'\ndescription: {excerpt}\n---\n"})
    report = await run(sessions, folder)
    assert counts(report) == {"created": 1}
    post = (await client.get("/v1/posts/a")).json()
    assert post["cover"] is None
    assert "javascript:alert(1)" in str(post["custom"])
    assert len(post["excerpt"]) <= 2000 and excerpt.strip() in str(post["custom"])


async def test_a_trashed_post_stays_in_the_trash(sessions: Sessions, desk: httpx.AsyncClient, make: Make) -> None:
    folder = make({"a.md": "---\ntitle: A\n---\n"})
    await run(sessions, folder)
    [post] = (await desk.get("/v1/manage/posts")).json()["data"]
    await desk.delete(f"/v1/manage/posts/{post['id']}", headers={"If-Match": "*"})
    (folder / "a.md").write_text("---\ntitle: A, again\n---\n")
    report = await run(sessions, folder)
    assert [(item.outcome, item.reason) for item in report.items] == [("skipped", "its post is in the trash")]


async def test_an_alias_that_leads_elsewhere_is_told(sessions: Sessions, make: Make) -> None:
    folder = make({name: f"---\ntitle: {name}\naliases: /old\n---\n" for name in ("a.md", "b.md")})
    report = await run(sessions, folder)
    assert [item.reason for item in report.items] == [None, "the alias /old leads to /posts/a already"]


async def test_a_tag_is_found_by_its_alias(sessions: Sessions, desk: httpx.AsyncClient, make: Make) -> None:
    await desk.post("/v1/manage/tags", json={"name": "JavaScript", "aliases": ["JS"]})
    await run(sessions, make({"a.md": "---\ntitle: A\ntags: [JS]\n---\n"}))
    post = (await desk.get("/v1/posts/a")).json()
    assert [tag["name"] for tag in post["tags"]] == ["JavaScript"]


async def test_more_documents_take_no_more_statements(
    sessions: Sessions, count_queries: Callable[[], int], make: Make
) -> None:
    sent = []
    for number, many in (("first", 3), ("second", 30)):
        texts = {
            f"{name}.md": f"---\ntitle: {name}\ntags: [{number}, tag {name}]\nauthors: [{name}]\n"
            f"series: {number}\naliases: /old/{name}\ndate: 2024-01-01\n---\nText.\n"
            for name in (f"{number} {place}" for place in range(many))
        }
        read = [found for found in read_folder(make(texts)) if found.path in texts]
        count_queries()
        assert counts(await save(sessions, read)) == {"created": many}
        sent.append(count_queries())
        assert counts(await save(sessions, read)) == {"unchanged": many}
        count_queries()
    assert sent[0] == sent[1]
    assert await count(sessions, Revision) == await count(sessions, Post) == 33
    assert (await count(sessions, Tag), await count(sessions, Redirect)) == (35, 33)


async def test_what_the_database_refuses_fails_alone(sessions: Sessions) -> None:
    """Among many that are saved together; what refers to them finds them all the same."""
    good = [Document(f"{n}.md", "post", f"Number {n}", "same", "Text") for n in range(6)]
    bad = [
        Document("huge.md", "post", "Huge", "huge", "Text", series_position=10_000_000),
        Document("author.md", "post", "Author", "author", "Text", authors=(ImportedAuthor("x", "x" * 1000),)),
    ]
    taken = Document("de.md", "post", "Null", "null", "Text", language="de", translation_of="0.md")
    again = Document("de2.md", "post", "Nil", "nil", "Text", language="de", translation_of="0.md")
    report = await save(sessions, [*good[:3], bad[0], *good[3:], bad[1], taken, again])
    assert counts(report) == {"created": 8, "failed": 2}
    reasons = {item.path: item.reason or "" for item in report.items}
    assert "series_position" in reasons["huge.md"] and "name" in reasons["author.md"]
    assert reasons["de2.md"] == "another translation of 0.md is in de: not linked"
    async with sessions.begin() as session:
        slugs = dict((await session.execute(select(Post.title, Post.slug))).all())
    assert [slugs[f"Number {n}"] for n in range(6)] == ["same", *(f"same-{n}" for n in range(2, 7))]
    assert counts(await save(sessions, [*good, *bad, taken, again])) == {"unchanged": 8, "failed": 2}


async def test_an_import_that_is_stopped_goes_on_where_it_ended(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "TOGETHER", 2)
    documents = [Document(f"{n}.md", "post", f"Number {n}", f"n{n}", "Text") for n in range(5)]
    found = import_documents(sessions, "a blog", documents, language="en", dry_run=False)
    assert (await anext(found)).path == "0.md"
    await found.aclose()  # type: ignore[attr-defined]
    assert await count(sessions, Post) == 2
    assert counts(await save(sessions, documents)) == {"unchanged": 2, "created": 3}


async def test_readers_are_told_once_of_what_is_there(sessions: Sessions) -> None:
    day = datetime(2024, 1, 1, tzinfo=UTC)
    documents = [
        Document("a.md", "post", "A", "a", "Text", published_at=day),
        Document("b.md", "post", "B", "b", "Text", draft=True),
        Document("c.md", "post", "C", "c", "Text", published_at=day.replace(year=2999)),
        Document("d.md", "post", "D", "d", "Text", published_at=day, unlisted=True),
    ]
    await save(sessions, documents)
    async with sessions.begin() as session:
        events = [
            (event.type, event.changes["slug"]["after"], event.shown, event.changes["version"])
            for event in await session.scalars(select(Event).order_by(Event.id))
        ]
        seen = dict((await session.execute(select(Post.slug, Post.seen_slug))).all())
    first = {"before": None, "after": 1}
    assert events == [
        ("post.published", "a", {"kind": "post", "before": None, "after": "a"}, first),
        ("post.created", "b", None, first),
        ("post.scheduled", "c", None, first),
        ("post.published", "d", None, first),
    ]
    assert seen == {"a": "a", "b": None, "c": None, "d": "d"}
