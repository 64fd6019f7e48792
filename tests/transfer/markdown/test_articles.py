from datetime import UTC, datetime
from typing import Any

import pytest

from byline.transfer.documents import Document
from byline.transfer.markdown.reader import read_folder
from tests.transfer.conftest import Make


def one(make: Make, front_matter: str, body: str = "Text.\n", path: str = "post.md") -> Document:
    """The document of a file with this YAML front matter, alone in a folder."""
    [document] = read_folder(make({path: f"---\n{front_matter}\n---\n{body}"}))
    assert isinstance(document, Document), document
    return document


def test_every_field_has_its_place(make: Make) -> None:
    document = one(
        make,
        """\
title: Measure first
subtitle: Then cut
slug: Measure-1.0
excerpt: What I learnt.
description: For search engines.
date: 2024-03-01 09:00:00 +0100
lastmod: 2024-04-01T00:00:00Z
lang: en_gb
tags: [craft, tools]
author: Ada Lovelace
aliases: [/old, https://example.com/older/?p=7]
canonical_url: https://example.com/first
series: Measuring well
series_order: 2
image: {path: /a b.png, alt: A ruler}
seo: {title: Measuring}
featured: true
unlisted: yes
layout: post
sponsor: {name: none, rate: 1.10}""",
    )
    assert document == Document(
        path="post.md",
        kind="post",
        title="Measure first",
        slug="Measure-1.0",
        markdown="Text.\n",
        subtitle="Then cut",
        excerpt="What I learnt.",
        published_at=datetime(2024, 3, 1, 8, tzinfo=UTC),
        updated_at=datetime(2024, 4, 1, tzinfo=UTC),
        unlisted=True,
        tags=document.tags,
        authors=document.authors,
        language="en-GB",
        aliases=("/old", "/older/?p=7"),
        canonical_url="https://example.com/first",
        series="Measuring well",
        series_position=2,
        cover_url="/a%20b.png",
        cover_alt="A ruler",
        meta_title="Measuring",
        meta_description="For search engines.",
        featured=True,
        custom={"sponsor": {"name": "none", "rate": "1.10"}},
    )
    assert [tag.name for tag in document.tags] == ["craft", "tools"]
    assert [author.name for author in document.authors] == ["Ada Lovelace"]


@pytest.mark.parametrize(
    ("front_matter", "title"),
    [
        ("title: 2024", "2024"),
        ("title: 2024-01-01", "2024-01-01"),
        ("title: 1.10", "1.10"),
        ("title: Yes", "Yes"),
        ("title: true", "True"),
        ('title: "  One\\n two\\tthree "', "One two three"),
        ("title: >\n  One\n  two", "One two"),
        ("title: Deux\u00a0mots", "Deux\u00a0mots"),
        ("Title: Upper case", "Upper case"),
    ],
)
def test_titles_are_texts_on_one_line(make: Make, front_matter: str, title: str) -> None:
    document = one(make, front_matter)
    assert (document.title, document.custom, document.notes) == (title, {}, ())


@pytest.mark.parametrize(
    ("path", "body", "title", "source"),
    [
        ("a.md", "Intro\n\n```\n# no\n```\n\n## The *real* `one` {#id}\n", "The real one", "the first heading"),
        ("a.md", "Set\next\n===\n", "Set ext", "the first heading"),
        ("2021-08-26-my-first_post.md", "Text", "My first post", "the name of the file"),
        ("2021-08-26.md", "Text", "2021-08-26", "the name of the file"),
        ("über-uns.md", "Text", "Über uns", "the name of the file"),
        ("two\nlines.md", "Text", "Two lines", "the name of the file"),
        ("a.md", "# ![An image](x.png) with <br> HTML\n", "An image with  HTML", "the first heading"),
    ],
)
def test_without_a_title_there_is_one_and_a_note(make: Make, path: str, body: str, title: str, source: str) -> None:
    document = one(make, "x: 1", body, path)
    assert (document.title, document.markdown) == (title, body)
    assert document.notes == (f"no title: taken from {source}",)


def test_a_long_title_is_cut_and_kept_whole_in_custom(make: Make) -> None:
    document = one(make, f"title: {'word ' * 200}")
    assert document.title == ("word " * 100).strip()
    assert document.custom == {"title": ("word " * 200).strip()}
    assert document.notes == ("the title has more than 500 characters: the whole of it is in custom",)


def test_a_title_that_is_no_text_is_kept_in_custom(make: Make) -> None:
    document = one(make, "title: {en: One}")
    assert (document.title, document.custom) == ("Post", {"title": {"en": "One"}})


@pytest.mark.parametrize(
    ("path", "front_matter", "slug"),
    [
        ("2021-08-26-Hello.World.md", "", "Hello.World"),
        ("2021-8-6-hello.md", "", "hello"),
        ("2021-13-45-hello.md", "", "2021-13-45-hello"),
        ("2021-08-26T10:00:00Z-hello.md", "", "hello"),
        ("2021-08-26_hello.md", "", "hello"),
        ("2021-08-26.md", "", "2021-08-26"),
        ("My Post.md", "", "My-Post"),
        ("😀.md", "", "grinning"),
        ("2021-08-26-welcome/index.mdx", "", "welcome"),
        ("posts/hello/index.md", "", "hello"),
        ("posts/index.md", "", "index"),
        ("index.md", "", "index"),
        ("a.md", "slug: Rust-1.10", "Rust-1.10"),
        ("a.md", "slug: /blog/hello/", "hello"),
        ("a.md", "slug: /", "a"),
        ("a.md", "slug: 2024", "2024"),
        ("a.md", "basename: hello", "hello"),
        ("conf-lineup@0.md", "path: 2016/07/07/conf-lineup", "conf-lineup"),
        ("a.md", "permalink: /blog/hello.html", "hello"),
        ("a.md", "permalink: /:year/:title/", "a"),
        ("a.md", "permalink: pretty", "a"),
        ("a.md", "url: /2024/hello/", "hello"),
        ("a.md", "url: https://elsewhere.example/article", "a"),
        ("a.md", "permalink: /%E4%BD%A0/", "你"),
        ("a.md", "slug: b\npermalink: /c/", "b"),
    ],
)
def test_slugs(make: Make, path: str, front_matter: str, slug: str) -> None:
    assert one(make, f"title: T\n{front_matter}", path=path).slug == slug


def test_an_address_that_is_more_than_its_slug_is_kept(make: Make) -> None:
    document = one(make, "title: T\nslug: My Slug!\npermalink: /a/b/")
    assert (document.slug, document.custom) == ("My-Slug", {"slug": "My Slug!", "permalink": "/a/b/"})
    assert document.notes == ("the slug 'My Slug!' became 'My-Slug'",)


@pytest.mark.parametrize(
    ("path", "front_matter", "published", "updated"),
    [
        ("2021-08-26-a.md", "x: 1", "2021-08-26", None),
        ("2021-08-26-a.md", "date: 2022-01-01", "2022-01-01", None),
        ("2021-08-26-a/index.md", "x: 1", "2021-08-26", None),
        ("2021/08/26/a.md", "x: 1", "2021-08-26", None),
        ("a.md", "path: 2016/07/07/Rust-1.10", "2016-07-07", None),
        ("a.md", "slug: /2016/7/7/a", "2016-07-07", None),
        ("a.md", "publishDate: 2022-01-01", "2022-01-01", None),
        ("a.md", "pubdate: 2022-01-01", "2022-01-01", None),
        ("a.md", "published: 2022-01-01", "2022-01-01", None),
        ("a.md", "lastmod: 2022-01-01", "2022-01-01", "2022-01-01"),
        ("2021-08-26-a.md", "lastmod: 2022-01-01", "2021-08-26", "2022-01-01"),
        ("a.md", "date: 2022-01-01\nlast_update: {date: 2022-02-02, author: x}", "2022-01-01", "2022-02-02"),
        ("a.md", "date: 2022-01-01\npublishDate: 2022-03-03", "2022-03-03", None),
        ("a.md", "date: 2022-01-01\npublishDate: 2021-03-03", "2022-01-01", None),
        ("a.md", "x: 1", None, None),
    ],
)
def test_dates(make: Make, path: str, front_matter: str, published: str | None, updated: str | None) -> None:
    document = one(make, f"title: T\n{front_matter}", path=path)
    days = [moment and f"{moment:%Y-%m-%d}" for moment in (document.published_at, document.updated_at)]
    assert days == [published, updated]
    assert document.kind == "post"


def test_a_date_that_is_none_is_kept_with_a_note(make: Make) -> None:
    document = one(make, "title: T\ndate: 2021-02-30", path="2021-02-01-a.md")
    assert document.published_at == datetime(2021, 2, 1, tzinfo=UTC)
    assert document.custom == {"date": "2021-02-30"}
    assert document.notes == ("'2021-02-30' is no date: kept in custom",)


def test_an_ambiguous_date_is_noted(make: Make) -> None:
    assert one(make, "title: T\ndate: 01/02/2015").notes == ("the date 01/02/2015 was read as 2015-01-02",)


@pytest.mark.parametrize(
    ("path", "front_matter", "draft"),
    [
        ("a.md", "x: 1", False),
        ("a.md", "draft: true", True),
        ("a.md", "draft: 'yes'", True),
        ("a.md", "draft: false", False),
        ("a.md", "published: false", True),
        ("a.md", "published: true", False),
        ("a.md", "published: 2020-01-01", False),
        ("a.md", "status: draft", True),
        ("a.md", "status: private", True),
        ("a.md", "status: publish", False),
        ("_drafts/a.md", "x: 1", True),
    ],
)
def test_drafts(make: Make, path: str, front_matter: str, draft: bool) -> None:
    assert one(make, f"title: T\n{front_matter}", path=path).draft is draft


@pytest.mark.parametrize(
    ("front_matter", "excerpt", "meta_description"),
    [
        ("excerpt: E", "E", None),
        ("description: D", "D", None),
        ("summary: S\ndescription: D", "S", "D"),
        ("excerpt: D\ndescription: D", "D", None),
        ("excerpt: ''\ndescription: D", "D", None),
        ("description: D\nseo: {description: M}", "D", "M"),
        ("excerpt: true", None, None),
    ],
)
def test_descriptions(make: Make, front_matter: str, excerpt: str | None, meta_description: str | None) -> None:
    document = one(make, f"title: T\n{front_matter}")
    assert (document.excerpt, document.meta_description) == (excerpt, meta_description)


def test_a_description_that_is_too_long_is_kept_with_a_note(make: Make) -> None:
    document = one(make, f"title: T\ndescription: {'x' * 2001}")
    assert (document.excerpt, document.custom) == (None, {"description": "x" * 2001})
    assert document.notes == ("description has more than 2,000 characters: kept in custom only",)


@pytest.mark.parametrize(
    ("front_matter", "cover", "custom"),
    [
        ("image: /a.png", ("/a.png", None), {}),
        ("image: /a.png\nimage_alt: A", ("/a.png", "A"), {}),
        ("cover: {image: a.png, alt: A}", ("a.png", "A"), {}),
        ("cover: {image: a.png, hidden: true}", ("a.png", None), {"cover": {"image": "a.png", "hidden": True}}),
        ("featuredImage: https://x.org/a.png", ("https://x.org/a.png", None), {}),
        ("images: [a.png, b.png]", ("a.png", None), {"images": ["a.png", "b.png"]}),
        ("header: {teaser: /t.png}", ("/t.png", None), {}),
        ("extra: {cover: /c.png, x: 1}", ("/c.png", None), {"extra": {"x": 1}}),
        ("image: javascript:alert(1)", (None, None), {"image": "javascript:alert(1)"}),
        ("image: true\nthumbnail: /t.png", ("/t.png", None), {"image": True}),
    ],
)
def test_covers(make: Make, front_matter: str, cover: tuple[str | None, ...], custom: dict[str, Any]) -> None:
    document = one(make, f"title: T\n{front_matter}")
    assert ((document.cover_url, document.cover_alt), document.custom) == (cover, custom)


@pytest.mark.parametrize(
    ("front_matter", "series", "custom"),
    [
        ("series: S", ("S", None), {}),
        ("series: [S]\nseries_index: 3", ("S", 3), {}),
        ("series: [S, R]", ("S", None), {"series": ["S", "R"]}),
        ("series: {name: S, part: 2}", ("S", 2), {"series": {"name": "S", "part": 2}}),
        ("taxonomies: {series: [S]}", ("S", None), {}),
        ("series: S\nweight: 3", ("S", None), {"weight": 3}),
        ("series_order: 3", (None, None), {"series_order": 3}),
    ],
)
def test_series(make: Make, front_matter: str, series: tuple[str | None, ...], custom: dict[str, Any]) -> None:
    document = one(make, f"title: T\n{front_matter}")
    assert ((document.series, document.series_position), document.custom) == (series, custom)


@pytest.mark.parametrize(
    ("front_matter", "aliases"),
    [
        ("aliases: [a/b.html, /a/b.html, ./c/]", ("/a/b.html", "/c/")),
        ("redirect_from: /old/", ("/old/",)),
        ("redirect_from:\n  - /old/\n  - 'https://x.org/older?p=1#y'", ("/old/", "/older?p=1")),
        ("aliases: []", ()),
    ],
)
def test_former_addresses(make: Make, front_matter: str, aliases: tuple[str, ...]) -> None:
    assert one(make, f"title: T\n{front_matter}").aliases == aliases


def test_a_former_address_that_is_none_is_noted(make: Make) -> None:
    document = one(make, "title: T\naliases: [/, 'http://[', /a]")
    assert document.aliases == ("/a",)
    assert document.notes == tuple(
        f"the alias {alias!r} is no address of its own: left out" for alias in ("/", "http://[")
    )


@pytest.mark.parametrize(
    ("front_matter", "language", "custom"),
    [
        ("lang: de", "de", {}),
        ("locale: en_US.UTF-8", "en-US", {}),
        ("language: zh-hans", "zh-Hans", {}),
        ("language: python", None, {"language": "python"}),
        ("lang: go", None, {"lang": "go"}),
    ],
)
def test_languages(make: Make, front_matter: str, language: str | None, custom: dict[str, Any]) -> None:
    document = one(make, f"title: T\n{front_matter}")
    assert (document.language, document.custom) == (language, custom)


@pytest.mark.parametrize(
    ("front_matter", "kind"),
    [("layout: page", "page"), ("type: page", "page"), ("layout: post", "post"), ("layout: wide", "post")],
)
def test_kinds(make: Make, front_matter: str, kind: str) -> None:
    assert one(make, f"title: T\n{front_matter}").kind == kind


def test_canonical_addresses_are_absolute(make: Make) -> None:
    document = one(make, "title: T\ncanonical: /here\ncanonicalURL: https://x.org/there")
    assert (document.canonical_url, document.custom) == ("https://x.org/there", {"canonical": "/here"})
