"""Real blogs, counted without the reader: by lines and regular expressions that know only the blog at hand."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from byline.core.slugs import is_slug
from byline.transfer.documents import Document, Skipped, Unreadable
from byline.transfer.markdown.reader import read_folder
from tests.corpora import corpus

BLOGS = (
    "md-docusaurus-react-native",
    "md-docusaurus-template",
    "md-hugo-letsencrypt",
    "md-jekyll-oddities",
    "md-jekyll-rust",
    "md-jekyll-site",
    "md-zola-rust",
)


def documents(name: str) -> dict[str, Document]:
    return {result.path: result for result in read_folder(corpus(name)) if isinstance(result, Document)}


def files(name: str, *endings: str) -> dict[str, str]:
    """The text of each file that may hold a document, by its path."""
    folder = corpus(name)
    found = (
        file for file in sorted(folder.rglob("*")) if file.suffix in (endings or (".md", ".mdx", ".markdown", ".html"))
    )
    return {file.relative_to(folder).as_posix(): file.read_bytes().decode() for file in found}


def head(text: str) -> str:
    """The lines between the first two fences."""
    return re.split(r"^(?:---|\+\+\+)$\n?", text, maxsplit=2, flags=re.MULTILINE)[1]


def line(name: str, text: str) -> str | None:
    """What stands after `name:` at the start of a line, without quotes."""
    found = re.search(rf"^{name}: *(.*?) *$", head(text), re.MULTILINE)
    return re.sub(r"^(['\"])(.*)\1$", r"\2", found[1]).replace("''", "'") if found else None


def names_of_authors(found: dict[str, Document]) -> set[str]:
    return {author.name for document in found.values() for author in document.authors}


def names_of_tags(found: dict[str, Document]) -> set[str]:
    return {tag.name for document in found.values() for tag in document.tags}


@pytest.mark.parametrize("name", BLOGS)
def test_every_file_has_one_result_and_every_body_is_the_end_of_its_file(name: str) -> None:
    results, texts = list(read_folder(corpus(name))), files(name)
    assert not [result for result in results if isinstance(result, Unreadable)]
    assert sorted(result.path for result in results) == sorted(texts)
    for result in results:
        if isinstance(result, Document):
            text = texts[result.path]
            assert text.endswith(result.markdown)
            assert re.fullmatch(r"(---|\+\+\+)\n.*?\n\1\n", text.removesuffix(result.markdown), re.DOTALL)
            assert is_slug(result.slug) and not result.notes


@pytest.mark.parametrize("name", BLOGS)
def test_a_second_reading_is_equal(name: str) -> None:
    assert list(read_folder(corpus(name))) == list(read_folder(corpus(name)))


def test_docusaurus_react_native() -> None:
    name = "md-docusaurus-react-native"
    found, texts = documents(name), files(name)
    assert len(found) == len(texts) == 26
    assert not [document for document in found.values() if document.draft or document.aliases]
    keys = {key for text in texts.values() for key in re.findall(r"\w+", line("authors", text) or "")}
    profiles = (corpus(name) / "blog/authors.yml").read_text()
    by_key = {re.search(rf"^{key}:\n  name: (.*)", profiles, re.MULTILINE)[1] for key in keys}  # type: ignore[index]
    by_name = {author for text in texts.values() if (author := line("author", text))}
    assert names_of_authors(found) == by_key | by_name
    assert names_of_tags(found) == {
        tag for text in texts.values() for tag in re.findall(r"\w+", line("tags", text) or "")
    }
    for path, text in texts.items():
        document = found[path]
        assert document.title == line("title", text)
        assert f"blog/{document.published_at:%Y-%m-%d}-{document.slug}{Path(path).suffix}" == path
        assert document.cover_url == line("hero", text)
        if line("authorImageURL", text):
            assert [author.avatar_url for author in document.authors] == [line("authorImageURL", text)]
            assert [author.headline for author in document.authors] == [line("authorTitle", text)]
        assert document.custom.keys() == {key for key in ("authorFBID", "youtubeVideoId") if line(key, text)}


def test_docusaurus_template() -> None:
    name = "md-docusaurus-template"
    found = documents(name)
    assert {path: document.slug for path, document in found.items()} == {
        path: line("slug", text) for path, text in files(name).items()
    }
    assert {path.replace("/", "-")[:10] for path in found} == {f"{d.published_at:%Y-%m-%d}" for d in found.values()}
    assert names_of_authors(found) == {"Yangshun Tay", "Sébastien Lorber"}
    labels = re.findall(r"^  label: (.*)$", (corpus(name) / "tags.yml").read_text(), re.MULTILINE)
    assert names_of_tags(found) == set(labels)
    assert all(tag.description == f"{tag.name} tag description" for d in found.values() for tag in d.tags)


def test_hugo_letsencrypt() -> None:
    name = "md-hugo-letsencrypt"
    found, texts = documents(name), files(name)
    sections = {path for path in texts if "/_index." in path}
    stubs = {path for path, text in texts.items() if re.search(r"^untranslated: 1$", text, re.MULTILINE)} - sections
    assert found.keys() == texts.keys() - sections - stubs
    assert not [path for path in stubs if texts[path].split("---\n", 2)[2].strip()]
    reasons = {result.path: result.reason for result in read_folder(corpus(name)) if isinstance(result, Skipped)}
    assert reasons == {
        **dict.fromkeys(sections, "the page of a section, not an article"),
        **dict.fromkeys(stubs, "nothing in it"),
    }
    assert {path: document.language for path, document in found.items()} == {path: path.split("/")[1] for path in found}
    assert not [path for path in found if "/fa/" in path]
    for path, document in found.items():
        text = texts[path]
        assert document.slug == line("slug", text)
        assert document.title == (line("title", text) or "").replace('\\"', '"')
        written = line("date", text) or line("lastmod", text) or ""
        assert document.published_at == datetime.fromisoformat(written).replace(tzinfo=UTC)
        assert bool(document.updated_at) == bool(line("lastmod", text))
        assert bool(document.excerpt) == bool(line("excerpt", text) or line("description", text))
    assert names_of_authors(found) == {author for path in found if (author := line("author", texts[path]))}


def test_jekyll_oddities() -> None:
    name = "md-jekyll-oddities"
    found, texts = documents(name), files(name)
    assert len(found) == len(texts) == 13
    assert [path for path, document in found.items() if document.draft] == [
        path for path, text in texts.items() if line("published", text) == "false"
    ]
    assert names_of_authors(found) == {author for text in texts.values() if (author := line("author", text))}
    tags = {
        "2022-06-03-front-matter-tags-cats.md": {"News", "Posts", "Articles", "Lorem Ipsum", "dolor", "Simet-Amet"},
        "2022-06-06-tag-list.md": {"some-word", "cat", "photos"},
    }
    assert {path: {tag.name for tag in d.tags} for path, d in found.items() if d.tags} == tags
    assert found["2021-9-1-alt-date-format.md"].published_at == datetime(2021, 9, 1, tzinfo=UTC)
    assert found["my-first-post.md"].published_at == datetime(2021, 11, 26, tzinfo=UTC)
    assert found["unquoted-date.markdown"].published_at == datetime(2022, 6, 6, tzinfo=UTC)
    assert found["2022-06-09-basename.md"].slug == "custom-basename"
    assert found["2022-06-05-basic.html"].markdown == "<p>First Paragraph</p>\n\n* First\n* Second\n"


def test_jekyll_site() -> None:
    name = "md-jekyll-site"
    found, texts = documents(name), files(name)
    assert len(found) == len(texts) == 102
    assert not [document for document in found.values() if document.draft or document.kind != "post"]
    spellings = {line("author", text) for text in texts.values()}
    assert {author.slug for d in found.values() for author in d.authors} == {
        (spelling or "").lower().strip("-") for spelling in spellings
    }
    categories = {
        word
        for text in texts.values()
        for key in ("category", "categories")
        for word in re.findall(r"[\w-]+", line(key, text) or "")
    }
    assert names_of_tags(found) == categories
    assert sum(len(document.aliases) for document in found.values()) == sum(
        len(re.findall(r"^redirect_from:", head(text), re.MULTILINE)) for text in texts.values()
    )
    for path, text in texts.items():
        document = found[path]
        assert document.title == line("title", text)
        assert document.published_at is not None
        time = re.match(r"([\d-]{10} [\d:]{8}) (?:2023 )?([+-]\d\d)(\d\d)$", line("date", text) or "")
        if time:
            offset = timezone(timedelta(hours=int(time[2]), minutes=int(time[2][0] + time[3])))
            assert document.published_at == datetime.fromisoformat(time[1]).replace(tzinfo=offset)
        else:  # no date but that of the file's name, in the zone of _config.yml
            assert line("date", text) is None
            assert str(document.published_at.tzinfo) == "America/Los_Angeles"
            assert path.startswith(f"_posts/{document.published_at:%Y-%m-%d}-{document.slug}.")
    moments = [document.published_at for document in found.values() if document.published_at]
    assert (min(moments).date(), max(moments).date()) == (date(2013, 5, 6), date(2025, 1, 29))


def test_zola_rust() -> None:
    name = "md-zola-rust"
    found, texts = documents(name), files(name)
    assert len(found) == 96
    assert texts.keys() - found.keys() == {"content/_index.md", "content/inside-rust/_index.md"}
    for path, document in found.items():
        top = head(texts[path])
        address = re.search(r'^path = "(.*)"$', top, re.MULTILINE)
        assert address and f"{document.published_at:%Y/%m/%d}/{document.slug}" == address[1]
        aliases = re.search(r"^aliases = \[(.*?)\]$", top, re.MULTILINE | re.DOTALL)
        assert document.aliases == tuple(f"/{alias}" for alias in re.findall(r'"(.*?)"', aliases[1] if aliases else ""))
        [author] = re.findall(r'^authors = \["(.*)"\]$', top, re.MULTILINE)
        assert [known.name for known in document.authors] == [author]
        assert (document.custom.get("extra") == {"release": True}) == ("release = true" in top)
    assert sum(len(document.aliases) for document in found.values()) == sum(
        len(re.findall(r'^ *"|= \["', re.split(r"^aliases", head(texts[path]), flags=re.MULTILINE)[1], re.MULTILINE))
        for path in found
    )


def test_the_same_posts_in_jekyll_and_in_zola() -> None:
    old, new = documents("md-jekyll-rust"), documents("md-zola-rust")
    assert len(old) == 40
    twins = {(document.published_at, document.slug): document for document in new.values()}
    same_text = 0
    for document in old.values():
        twin = twins[document.published_at, document.slug]
        assert (document.title, document.authors, document.excerpt) == (twin.title, twin.authors, twin.excerpt)
        same_text += document.markdown == twin.markdown
    texts = {text.split("---\n", 2)[2] for text in files("md-jekyll-rust").values()}
    assert same_text == len(texts & {text.split("+++\n", 2)[2] for text in files("md-zola-rust").values()})
