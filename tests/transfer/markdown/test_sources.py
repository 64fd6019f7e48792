import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byline.transfer.documents import Document, Skipped, Unreadable
from byline.transfer.markdown.reader import read_folder
from byline.transfer.markdown.sources import Source, find_sources
from tests.transfer.conftest import Make

POST = "---\ntitle: T\n---\nText.\n"
FRENCH = "i18n/fr/docusaurus-plugin-content-blog"
SECTION = "the page of a section, not an article"


def paths(folder: Path) -> list[str]:
    return [entry.path for entry in find_sources(folder).entries if isinstance(entry, Source)]


def others(folder: Path) -> list[Skipped | Unreadable]:
    return [entry for entry in find_sources(folder).entries if not isinstance(entry, Source)]


def documents(folder: Path) -> dict[str, Document]:
    return {result.path: result for result in read_folder(folder) if isinstance(result, Document)}


def test_documents_are_found_by_their_endings_in_the_order_of_their_paths(make: Make) -> None:
    names = ["b.md", "a/z.MD", "a.markdown", "c.mkd", "d.mdown", "e.mdx", "f.html", "g.htm"]
    folder = make(dict.fromkeys([*names, "h.txt", "i.png", "j.md~", ".hidden.md", ".git/k.md", "l.md.bak"], POST))
    assert paths(folder) == sorted(names)


def test_a_folder_without_documents_is_empty(tmp_path: Path) -> None:
    assert list(read_folder(tmp_path)) == []


def test_what_is_no_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Text")
    with pytest.raises(NotADirectoryError):
        read_folder(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        read_folder(tmp_path / "none")


def test_a_plain_folder_is_read_wholly_but_for_what_is_never_content(make: Make) -> None:
    content = ["public/a.md", "themes/b.md", "static/c.md", "_notes/d.md", "_e.md"]
    folder = make(dict.fromkeys([*content, "x/node_modules/y/README.md", "_site/z.html", "_includes/i.md"], POST))
    assert paths(folder) == sorted(content)
    assert others(folder) == []


def test_a_site_of_jekyll(make: Make) -> None:
    folder = make(
        {
            "_config.yml": "timezone: Asia/Tokyo\nlang: ja\nexclude: [readme.md, docs/]\n"
            "collections: {recipes: {output: true}, people: {}}\n",
            "_data/authors.yml": "ada: {name: Ada Lovelace}\n",
            "_posts/2021-8-6-hello.md": "---\ntitle: H\nauthor: ada\n---\nText",
            "blog/_posts/2021-08-07-more.md": "---\ntitle: M\ndate: 2021-08-07 10:00\nlang: en\n---\nText",
            "_drafts/idea.md": POST,
            "about.md": POST,
            "index.html": "---\nlayout: home\n---\n{% for post in site.posts %}{% endfor %}\n",
            "_recipes/soup.md": POST,
            "_people/ada.md": POST,
            "readme.md": "About the repository",
            "docs/a.md": POST,
            "vendor/gem/README.md": "Gem",
            "assets/a.md": POST,
            "_layouts/post.html": "---\n---\n",
        }
    )
    found = documents(folder)
    assert {path: document.kind for path, document in found.items()} == {
        "_posts/2021-8-6-hello.md": "post",
        "blog/_posts/2021-08-07-more.md": "post",
        "_drafts/idea.md": "post",
        "about.md": "page",
        "index.html": "page",
        "_recipes/soup.md": "page",
    }
    hello = found["_posts/2021-8-6-hello.md"]
    assert hello.published_at == datetime(2021, 8, 5, 15, tzinfo=UTC)
    assert (hello.language, hello.slug, hello.authors[0].name) == ("ja", "hello", "Ada Lovelace")
    more = found["blog/_posts/2021-08-07-more.md"]
    assert (more.published_at, more.language) == (datetime(2021, 8, 7, 1, tzinfo=UTC), "en")
    assert [document.path for document in found.values() if document.draft] == ["_drafts/idea.md"]
    assert others(folder) == [
        Skipped("_people", "a folder that Jekyll does not publish"),
        Skipped("docs", "excluded by the configuration of the site"),
        Skipped("readme.md", "excluded by the configuration of the site"),
    ]


def test_a_folder_of_a_site_of_jekyll(make: Make) -> None:
    site = make(
        {
            "_config.yml": "timezone: Asia/Tokyo\n",
            "_posts/2021-08-06-a.md": "---\ntitle: A\nlayout: page\n---\n",
            "_drafts/b.md": POST,
        }
    )
    [post] = documents(site / "_posts").values()
    assert (post.kind, post.published_at) == ("post", datetime(2021, 8, 5, 15, tzinfo=UTC))
    [draft] = documents(site / "_drafts").values()
    assert draft.draft


def test_a_site_of_hugo(make: Make) -> None:
    folder = make(
        {
            "hugo.toml": 'baseURL = "https://x.org"\ntimeZone = "Europe/Oslo"\ndefaultContentLanguage = "en"\n'
            '[languages.en]\ncontentDir = "content/english"\n[languages.zh-cn]\ncontentDir = "content/chinese"\n',
            "content/english/_index.md": POST,
            "content/english/posts/a.md": "+++\ntitle = 'A'\ndate = 2021-08-06\ntags = 'two words'\n+++\nText",
            "content/english/posts/a.zh-cn.md": POST,
            "content/english/posts/bundle/index.md": POST,
            "content/english/posts/bundle/part.md": POST,
            "content/chinese/posts/b.md": '{"title": "B"}\nText',
            "content/chinese/about.md": POST,
            "content/chinese/_index.md": POST,
            "archetypes/default.md": "---\ntitle: {{ .Name }}\n---\n",
            "themes/t/README.md": POST,
            "README.md": POST,
        }
    )
    found = documents(folder)
    assert {path: (document.language, document.slug) for path, document in found.items()} == {
        "content/english/posts/a.md": ("en", "a"),
        "content/english/posts/a.zh-cn.md": ("zh-CN", "a"),
        "content/english/posts/bundle/index.md": ("en", "bundle"),
        "content/chinese/posts/b.md": ("zh-CN", "b"),
        "content/chinese/about.md": ("zh-CN", "about"),
    }
    assert [path for path, document in found.items() if document.kind == "page"] == ["content/chinese/about.md"]
    first = found["content/english/posts/a.md"]
    assert first.published_at == datetime(2021, 8, 5, 22, tzinfo=UTC)
    assert [tag.name for tag in first.tags] == ["two words"]
    assert others(folder) == [
        Skipped("content/chinese/_index.md", SECTION),
        Skipped("content/english/_index.md", SECTION),
        Skipped("content/english/posts/bundle/part.md", "a resource of the page in index.md beside it"),
    ]


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("config.yaml", "baseURL: https://x.org\nlanguages: {de: {}, fr: {}}\n"),
        ("config/_default/hugo.toml", 'baseURL = "https://x.org"\n[languages.de]\n'),
        ("config/_default/languages.toml", "[de]\nweight = 1\n"),
        ("hugo.json", '{"baseURL": "https://x.org", "languages": {"de": {}}}'),
        ("zola.toml", 'base_url = "https://x.org"\n[languages.de]\n'),
        ("config.toml", 'base_url = "https://x.org"\ncompile_sass = true\n[languages.de]\n'),
    ],
)
def test_configurations_of_hugo_and_zola(make: Make, name: str, contents: str) -> None:
    beside = {"config/_default/config.toml": 'baseURL = "https://x.org"\n'} if "languages.toml" in name else {}
    folder = make({name: contents, **beside, "content/posts/a.de.md": POST, "elsewhere/b.md": POST})
    assert {path: document.language for path, document in documents(folder).items()} == {"content/posts/a.de.md": "de"}
    assert [document.language for document in documents(folder / "content").values()] == ["de"]


def test_what_hugo_and_zola_have_in_no_section_and_without_a_date_is_a_page(make: Make) -> None:
    content = {
        "about.md": POST,
        "contact/index.md": POST,
        "2021-08-26-dated.md": POST,
        "posts/undated.md": POST,
        "posts/bundle/index.md": POST,
    }
    folder = make({"zola.toml": "", **{f"content/{path}": text for path, text in content.items()}})
    for top, above in ((folder, "content/"), (folder / "content", "")):
        assert {path.removeprefix(above): document.kind for path, document in documents(top).items()} == {
            "2021-08-26-dated.md": "post",
            "about.md": "page",
            "contact/index.md": "page",
            "posts/bundle/index.md": "post",
            "posts/undated.md": "post",
        }


def test_a_site_of_docusaurus(make: Make) -> None:
    folder = make(
        {
            "docusaurus.config.js": "export default {};\n",
            "blog/authors.yml": "ada:\n  name: Ada Lovelace\n",
            "blog/tags.yml": "craft: {label: Good craft, permalink: /good-craft, description: About it}\n",
            "blog/2021-08-26-welcome/index.mdx": "---\nauthors: [ada]\ntags: [craft]\n---\n# Welcome\n",
            "blog/2021/08/27/more.md": POST,
            "blog/_partial.mdx": "Part",
            f"{FRENCH}/2021-08-26-welcome/index.mdx": "---\nauthors: [ada]\n---\n# Bonjour\n",
            "docs/intro.md": POST,
            "src/pages/about.md": POST,
            "build/a.html": POST,
            "static/b.md": POST,
            "node_modules/c/README.md": POST,
        }
    )
    found = documents(folder)
    assert {path: (document.kind, document.slug, document.language) for path, document in found.items()} == {
        "blog/2021-08-26-welcome/index.mdx": ("post", "welcome", None),
        "blog/2021/08/27/more.md": ("post", "more", None),
        "docs/intro.md": ("page", "intro", None),
        f"{FRENCH}/2021-08-26-welcome/index.mdx": ("post", "welcome", "fr"),
        "src/pages/about.md": ("page", "about", None),
    }
    welcome = found["blog/2021-08-26-welcome/index.mdx"]
    assert welcome.published_at == datetime(2021, 8, 26, tzinfo=UTC)
    assert (welcome.tags[0].slug, welcome.tags[0].name, welcome.tags[0].description) == (
        "good-craft",
        "Good craft",
        "About it",
    )
    assert [page.kind for page in documents(folder / "docs").values()] == ["page"]
    bonjour = found[f"{FRENCH}/2021-08-26-welcome/index.mdx"]
    assert bonjour.authors == welcome.authors
    assert others(folder) == [Skipped("blog/_partial.mdx", "a partial, for other documents to include")]


def test_languages_without_a_configuration(make: Make) -> None:
    names = [
        "content/de/a.md",
        "content/pt-br/a.md",
        "content/docs/a.md",
        "x/y.md",
        "x/y.fr.md",
        "socket.io.md",
        "z.it.md",
    ]
    found = documents(make(dict.fromkeys(names, POST)))
    assert {path: (document.language, document.slug) for path, document in found.items()} == {
        "content/de/a.md": ("de", "a"),
        "content/docs/a.md": (None, "a"),
        "content/pt-br/a.md": ("pt-BR", "a"),
        "socket.io.md": (None, "socket.io"),
        "x/y.fr.md": ("fr", "y"),
        "x/y.md": (None, "y"),
        "z.it.md": (None, "z.it"),
    }


def test_one_folder_called_as_a_language_is_none(make: Make) -> None:
    [document] = documents(make({"it/a.md": POST})).values()
    assert document.language is None


def test_files_about_the_repository_are_skipped_where_documents_have_front_matter(make: Make) -> None:
    folder = make(
        {"README.md": "# Blog", "x/LICENSE.md": "MIT", "a.md": POST, "notes.md": "Text", "changelog.md": POST}
    )
    assert paths(folder) == ["a.md", "changelog.md", "notes.md"]
    assert {entry.path for entry in others(folder)} == {"README.md", "x/LICENSE.md"}


def test_a_readme_is_a_document_among_documents_without_front_matter(make: Make) -> None:
    assert paths(make({"README.md": "# Notes", "a.md": "Text"})) == ["README.md", "a.md"]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"_config.yml": "a: b: c"},
            Unreadable("_config.yml", "line 1: mapping values are not allowed in this context"),
        ),
        (
            {"_config.yml": "timezone: Nowhere/Town"},
            Unreadable("_config.yml", "no time zone 'Nowhere/Town' is known: dates without a zone are in UTC"),
        ),
        ({"authors.yml": "a: [b"}, Unreadable("authors.yml", "line 2: did not find expected ',' or ']'")),
        (
            {"_config.yml": "", "_data/authors.yml": b"\xff"},
            Unreadable("_data/authors.yml", "not UTF-8: byte 0xff at offset 0"),
        ),
    ],
)
def test_broken_configurations_are_reported_and_stop_nothing(
    make: Make, files: dict[str, str | bytes], problem: Unreadable
) -> None:
    folder = make({"2021-08-26-a.md": POST, **files})
    assert others(folder) == [problem]
    [document] = documents(folder).values()
    assert document.published_at == datetime(2021, 8, 26, tzinfo=UTC)


def test_a_config_file_of_something_else_means_nothing(make: Make) -> None:
    folder = make({"config.json": '{"port": 1}', "config.yaml": "port: 1", "content/a.md": POST, "b.md": POST})
    assert paths(folder) == ["b.md", "content/a.md"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(make: Make) -> None:
    folder = make({"a/one.md": POST})
    (folder / "link.md").symlink_to("a/one.md")
    (folder / "b").symlink_to("a")
    assert paths(folder) == ["a/one.md", "link.md"]
    assert others(folder) == [Skipped("b", "a link to a folder, which is read where it is")]


def test_links_that_lead_astray_are_reported_and_never_followed(make: Make) -> None:
    folder = make({"a/one.md": POST})
    (folder.parent / "outside.md").write_text(POST)
    for name, target in {
        "a/up": "..",
        "a/here": ".",
        "itself": "itself",
        "there.md": "back.md",
        "back.md": "there.md",
        "none.md": "nowhere.md",
        "out.md": "../outside.md",
        "root": "/",
    }.items():
        (folder / name).symlink_to(target)
    assert paths(folder) == ["a/one.md"]
    assert others(folder) == [
        Unreadable("a/here", "a link that leads back to a folder above it"),
        Unreadable("a/up", "a link that leads back to a folder above it"),
        Unreadable("back.md", "a link that leads to itself"),
        Unreadable("itself", "a link that leads to itself"),
        Unreadable("none.md", "a link that leads nowhere"),
        Unreadable("out.md", "a link that leads out of the folder"),
        Unreadable("root", "a link that leads out of the folder"),
        Unreadable("there.md", "a link that leads to itself"),
    ]


def test_a_folder_reached_by_a_link_is_read(make: Make, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(make({"a.md": POST}))
    assert paths(tmp_path / "link") == ["a.md"]


def test_content_that_is_a_link_out_of_the_site_is_reported(make: Make, tmp_path: Path) -> None:
    folder = make({"hugo.toml": "", "a.md": POST})
    (tmp_path / "notes").mkdir()
    (folder / "content").symlink_to(tmp_path / "notes")
    assert list(find_sources(folder).entries) == [Unreadable("content", "a link that leads out of the folder")]


def test_odd_things_named_like_documents(make: Make) -> None:
    folder = make({"full.md/one.md": POST, "empty.md/x.txt": ""})
    os.mkfifo(folder / "pipe.md")
    (folder / os.fsdecode(b"caf\xe9.md")).write_text(POST)
    assert paths(folder) == ["full.md/one.md"]
    assert others(folder) == [
        Unreadable("caf\ufffd.md", "its name is not UTF-8"),
        Skipped("empty.md", "a folder, with no document in it"),
        Unreadable("pipe.md", "not a regular file"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_folder_that_may_not_be_opened(make: Make) -> None:
    folder = make({"a/b.md": POST, "c.md": POST})
    (folder / "a").chmod(0)
    try:
        assert paths(folder) == ["c.md"]
        assert others(folder) == [Unreadable("a", "the folder cannot be opened: Permission denied")]
    finally:
        (folder / "a").chmod(0o700)
