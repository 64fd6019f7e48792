import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byline.core.slugs import is_slug
from byline.transfer.documents import Document, Skipped, Unreadable
from byline.transfer.markdown.reader import read, read_folder
from byline.transfer.markdown.site import Site
from byline.transfer.markdown.sources import Source
from tests.transfer.conftest import Make


@pytest.mark.parametrize(
    "body",
    [
        "{% for post in site.posts %}\n  {{ post.title }}\n{% endfor %}\n",
        '{{< figure src="/a.png" >}}\n{{% notice %}}\n**x**\n{{% /notice %}}\n',
        "import Chart from './chart';\n\n<Chart data={[1, 2]} />\n\n{/* truncate */}\n",
        "\r\n\r\nTwo\r\nlines \t\r\n",
        "\n\n---\n\nno: front matter\n\n---\n",
        "\u2028\x0b\x0c\x7f\ufeff",
    ],
)
def test_the_body_is_kept_as_it_is(make: Make, body: str) -> None:
    [document] = read_folder(make({"a.md": f"---\ntitle: T\n---\n{body}"}))
    assert isinstance(document, Document) and document.markdown == body


def test_html_is_read_only_with_front_matter(make: Make) -> None:
    folder = make({"a.html": "---\ntitle: A\n---\n<p>Text</p>\n", "b.html": "<p>\n", "c.HTM": b"<p>\xe9" * 3_000_000})
    page, *static = read_folder(folder)
    assert isinstance(page, Document) and page.markdown == "<p>Text</p>\n"
    assert static == [Skipped(path, "HTML without front matter") for path in ("b.html", "c.HTM")]


@pytest.mark.parametrize(
    "contents",
    ["", " \n\n", "---\n---\n", "---\nslug: a\nuntranslated: 1\n---\n", "---\ntitle: A\nuntranslated: 1\n---\n\n"],
)
def test_stubs_are_skipped(make: Make, contents: str) -> None:
    assert list(read_folder(make({"a.md": contents}))) == [Skipped("a.md", "nothing in it")]


def test_a_title_alone_and_a_marked_text_are_documents(make: Make) -> None:
    folder = make({"a.md": "---\ntitle: A\n---\n", "b.md": "---\nuntranslated: 1\n---\nText"})
    assert [type(result) for result in read_folder(folder)] == [Document, Document]


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"---\ntitle: caf\xe9\n---\n", "not UTF-8: byte 0xe9 at offset 14"),
        (b"\xef\xbb\xbfText \xff", "not UTF-8: byte 0xff at offset 8"),
        (b"\xff\xfeT\x00\x00\xd8", "not UTF-16-LE: byte 0x00 at offset 4"),
        ("é\0".encode(), "a NUL character at offset 2"),
        (
            b"---\ntitle: a: b\n---\n",
            "broken front matter (YAML): line 2: mapping values are not allowed in this context",
        ),
        (b"---\ntitle: a\n", "the front matter opens with --- and is never closed"),
        (b'{"title": "\\ud800"}\nText', "broken front matter (JSON): half of a surrogate pair"),
        (b"x" * 1_000_001, "the text has 1,000,001 characters, and 1,000,000 is the most"),
        (b"x" * 20_000_000, "the file has 20.0 MB, and 5 MB is the most"),
    ],
    ids=["latin-1", "bom", "utf-16", "nul", "yaml", "unclosed", "surrogate", "long", "large"],
)
def test_bad_input_is_one_sentence_and_stops_nothing(make: Make, contents: bytes, reason: str) -> None:
    bad, good = read_folder(make({"a.md": contents, "b.md": "Text"}))
    assert bad == Unreadable("a.md", reason)
    assert isinstance(good, Document)


def test_byte_order_marks_are_no_text(make: Make) -> None:
    text = "---\r\ntitle: Größe\r\n---\r\nText 😀\r\n"
    folder = make({"a.md": b"\xef\xbb\xbf" + text.encode(), "b.md": text.encode("utf-16"), "c.md": text})
    marked, wide, plain = (result for result in read_folder(folder) if isinstance(result, Document))
    assert marked.title == wide.title == plain.title == "Größe"
    assert marked.markdown == wide.markdown == plain.markdown == "Text 😀\r\n"
    assert (marked.notes, wide.notes) == ((), ("read as UTF-16-LE",))


def test_front_matter_that_custom_cannot_hold_is_refused(make: Make) -> None:
    items = ",".join("a" * 40_000)
    [result] = read_folder(make({"a.md": f"---\ntitle: T\nx: [{items}]\n---\n"}))
    assert isinstance(result, Unreadable) and "more than 100,000 characters" in result.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(make: Make) -> None:
    folder = make({"a.md": "Text"})
    (folder / "a.md").chmod(0)
    assert list(read_folder(folder)) == [Unreadable("a.md", "cannot be opened: Permission denied")]


def test_a_file_that_is_gone_by_then(tmp_path: Path) -> None:
    result = read(Source("a.md", tmp_path / "a.md", "a", None), Site())
    assert result == Unreadable("a.md", "cannot be opened: No such file or directory")


KEYS = st.sampled_from(
    "title date slug tags category author authors aliases image series draft published lang extra permalink x".split()
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.dates().map(str)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(values=st.dictionaries(KEYS, VALUES, max_size=6), body=st.text(max_size=20))
def test_any_front_matter_gives_one_result(tmp_path_factory: pytest.TempPathFactory, values: Any, body: str) -> None:
    file = tmp_path_factory.getbasetemp() / "values.md"
    file.write_bytes(f"{json.dumps(values)}\n{body}".encode(errors="surrogatepass"))
    check(read(Source("2021-01-01-a.md", file, "2021-01-01-a", None), Site()), file)


@settings(deadline=None)
@given(data=st.binary() | st.tuples(st.sampled_from([b"---\n", b"+++\n", b"{"]), st.binary()).map(b"".join))
def test_any_bytes_give_one_result(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.md"
    file.write_bytes(data)
    check(read(Source("a.md", file, "a", None), Site()), file)


def check(result: Document | Skipped | Unreadable, file: Path) -> None:
    if not isinstance(result, Document):
        assert result.reason and "\n" not in result.reason
        return
    data = file.read_bytes()
    assert any(data.endswith(result.markdown.encode(encoding)) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
    assert (
        1 <= len(result.title) <= 500 and len(result.title.splitlines()) == 1 and result.title == result.title.strip()
    )
    assert all(
        map(is_slug, [result.slug, *(tag.slug for tag in result.tags), *(author.slug for author in result.authors)])
    )
    assert all(alias.startswith("/") and len(alias) > 1 for alias in result.aliases)
    json.dumps(result.custom, allow_nan=False, ensure_ascii=False).encode()
    assert "\0" not in str(result) and str(result).encode()
