import inspect
import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.core.markdown import MAX_NESTING, Heading, _Highlighter, highlight_css, render, unsanitised
from byline.core.sanitize import sanitize
from tests.corpora import corpus

COLOURED = "code in a language that a lexer has is coloured"
EMPTY_QUOTE = "`<blockquote></blockquote>` without a line break inside: the same to every HTML parser"
EXCEPTIONS = {142: COLOURED, 143: COLOURED, 218: EMPTY_QUOTE, 239: EMPTY_QUOTE, 240: EMPTY_QUOTE}


def test_the_examples_of_the_commonmark_specification() -> None:
    examples = json.loads((corpus("markdown-commonmark") / "examples.json").read_text())
    assert len(examples) == 652
    differing = {
        number
        for number, example in enumerate(examples, 1)
        if re.sub(r'(<h[1-6]) id="[^"]*"', r"\1", unsanitised(example["markdown"])) != example["html"]
    }
    assert differing == set(EXCEPTIONS)


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a\0b", "<p>a\ufffdb</p>"),
        ("[a](/\ud800)", '<p><a href="/%EF%BF%BD">a</a></p>'),
        ("~~gone~~", "<p><s>gone</s></p>"),
        ("<https://e.example/ä>", '<a href="https://e.example/%C3%A4" rel="noopener noreferrer">https://e.example/ä</a>'),
        ("[a](../b#c) [d](#e)", '<p><a href="../b#c">a</a> <a href="#e">d</a></p>'),
        ("| a | b |\n|--:|---|\n| 1 | 2 |", '<td style="text-align:right">1</td>\n<td>2</td>'),
        ("- [ ] to do", '<input class="task-list-item-checkbox" disabled="" type="checkbox"> to do</li>'),
        ("- [x] done", 'type="checkbox"> done</li>'),
        ("1. [x] done", '<ol class="contains-task-list">'),
        ("<details>\n<summary>More</summary>\n\n*inside*\n\n</details>", "<p><em>inside</em></p>\n</details>"),
        ("a <!-- more --> b", "<p>a  b</p>"),
        ("a^[no inline notes] ^[a-z]+", "<p>a^[no inline notes] ^[a-z]+</p>"),
    ],
)  # fmt: skip
def test_extensions(source: str, html: str) -> None:
    assert html in render(source).html


def test_footnotes_lead_there_and_back() -> None:
    html = render("# fn1\n\nOne[^a], two[^b], one again[^a], none[^c].\n\n[^a]: First.\n[^b]: Second.\n").html
    assert [unescape(anchor) for anchor in re.findall(r' id="([^"]*)"', html)] == [
        "fn1", "fnref:1", "fnref:2", "fnref:1:1", "fn:1", "fn:2",
    ]  # fmt: skip
    links = re.findall(r'href="#([^"]*)"', html)
    assert links == ["fn:1", "fn:2", "fn:1", "fnref:1", "fnref:1:1", "fnref:2"]
    assert "none[^c]" in html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("Let $a_1*b*c<d$ be", '<p>Let <span class="math inline">a_1*b*c&lt;d</span> be</p>'),
        ("设$x$为", '设<span class="math inline">x</span>为'),
        (r"$\$5$", r'<span class="math inline">\$5</span>'),
        ("so $$x^2$$ here", '<p>so <span class="math block">x^2</span> here</p>'),
        ("$$\n\\int_0^1 x \\\\\ny\n$$", '<div class="math block">\n\\int_0^1 x \\\\\ny\n</div>'),
        ("- $$a$$\n- b", '<div class="math block">\na\n</div>\n</li>\n<li>b</li>'),
        ("- $$a\n- b$$", "<li>$$a</li>\n<li>b$$</li>"),
    ],
)
def test_formulas_are_left_as_tex(source: str, html: str) -> None:
    assert html in render(source).html


@pytest.mark.parametrize(
    "text",
    ["$5 and $10", "$5-$10", "5$ and 10$", "US$5 or CA$6", "$HOME/$USER", "$HOME:$PATH", "$ a $", r"\$a$", "K$a$h"],
)  # fmt: skip
def test_prices_and_variables_are_no_formulas(text: str) -> None:
    assert "math" not in render(text).html


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Hello, *World* & `code`!", "hello-world-code"),
        ("Ответ: 42", "ответ-42"),
        ("हिन्दी में", "हिन्दी-में"),
        ("中文 标题", "中文-标题"),
        ("مرحبا بالعالم", "مرحبا-بالعالم"),
        ("می\u200cخواهم", "میخواهم"),
        ("Cafe\u0301", "café"),
        ("snake_case", "snake_case"),
        ("🎉", "section"),
        ("❤️ love", "love"),
        ("![A *logo*](x.png)", "a-logo"),
        ("See [this](/x)[^1]", "see-this"),
        ("A <b title='x'>bold</b> move", "a-bold-move"),
    ],
)
def test_headings_have_ids_in_any_script(heading: str, anchor: str) -> None:
    assert [found.id for found in render(f"# {heading}\n\n[^1]: note").toc] == [anchor]


def test_ids_of_headings_are_unique() -> None:
    source = (
        "# Same\n## Same\n# Same-1\n### Same\n\nsetext\n---\n\n<h2 id='setext'>raw</h2>\n\n# a <b id=a>b</b>\n\n# A"
    )
    toc = render(source).toc
    assert toc == (
        Heading(1, "same", "Same"),
        Heading(2, "same-1", "Same"),
        Heading(1, "same-1-1", "Same-1"),
        Heading(3, "same-2", "Same"),
        Heading(2, "setext-1", "setext"),
        Heading(2, "setext", "raw"),
        Heading(1, "a-b", "a b"),
        Heading(1, "a-1", "A"),
    )


def test_the_table_of_contents_is_plain_text() -> None:
    source = (
        "# A [*link*](/x) &amp; `<code>` $x$[^1] ![logo](y)\n\n<h3 id='raw'>raw\nhtml</h3><h4>no id</h4>\n\n[^1]: note"
    )
    assert [heading.text for heading in render(source).toc] == ["A link & <code> x logo", "raw html"]


def test_code_is_coloured_by_classes_that_the_style_sheet_has() -> None:
    html = render("```python title=x\ndef f(): return '<b>'\n```").html
    assert html.startswith('<pre><code class="language-python"><span class="k">def</span>')
    assert "style=" not in html and "&lt;b&gt;" in html
    assert "pre code .k {" in highlight_css()
    assert '<span class="k">fn</span>' in render("```rust,ignore\nfn main() {}\n```").html


@pytest.mark.parametrize(
    "info",
    ["nolang", "{.python}", '"><script>alert(1)</script>', "x' onclick='y", "../python", "<b>", "", "python" * 99],
)
def test_code_in_an_unknown_language_stays_plain(info: str) -> None:
    html = render(f"```{info}\ndef f(): <b>\n```").html
    assert re.fullmatch(r'<pre><code(?: class="language-[^"]*")?>def f\(\): &lt;b&gt;\n</code></pre>\n', html)


def test_code_that_would_take_too_long_stays_plain() -> None:
    for code in ("x = 1\n" * 4000, "x" * 501 + "\n"):
        assert "<span" not in render(f"```python\n{code}```").html
    assert "<span" in render("```html+php\n<b><?php 1 ?>\n```").html
    assert "<span" not in render("```html+php\n" + "<b><?php 1 ?>\n" * 300 + "```").html


def test_a_lexer_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Highlighter, "SECONDS", 0.1)
    assert render("```mcschema\n<!-- words -->\n```").text == "<!-- words -->"


def test_a_lexer_that_changes_the_code_is_not_used() -> None:
    for language, code in (("robotframework", "a\u2028b\n"), ("terraform", "a <<EOF\n(\n")):
        html = render(f"```{language}\n{code}```").html
        assert unescape(re.sub("<[^>]*>", "", html)) == f"{code}\n"


@pytest.mark.parametrize(
    "text",
    [
        "{% highlight ruby %}",
        '{% include figure.html src="a.png" %}',
        '{{< figure src="a.png" >}}',
        "{{% notice %}}",
        "{{ site.title | escape }}",
        "{/* truncate */}",
        "import Tabs from '@theme/Tabs';",
        "export const x = 1",
        "<Tabs items={['a', \"b\"]}>",
    ],
)
def test_template_tags_of_other_systems_are_text(text: str) -> None:
    rendered = render(f"before\n\n{text}\n\nafter")
    assert rendered.text == f"before\n{text}\nafter"


def test_jsx_leaves_its_words() -> None:
    tabs = "<Tabs>\n<TabItem value='a'>\n\n**words** <Icon name={x} /> more\n\n</TabItem>\n</Tabs>"
    rendered = render(f"{tabs}\n\n<Video src='a' />\n\nrest")
    assert rendered.text == "words more\nrest"
    assert '<video src="a"></video>' in rendered.html  # whole: the rest of the article is not inside


def test_text_is_what_a_reader_sees() -> None:
    source = (
        "# Title\n\nA *soft*\nbreak[^1]&nbsp;and<br>more.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "```\nx  <  y\n\nz\n```\n\n![alternative](x.png)\n\n<script>alert(1)</script>\n\n[^1]: A note.\n"
    )
    rendered = render(source)
    assert rendered.text == "Title\nA soft break and\nmore.\none\ntwo\na b\n1 2\nx < y\nz\nA note."
    assert rendered.word_count == 17
    assert rendered.reading_minutes == 1


def test_the_excerpt_is_from_paragraphs() -> None:
    assert render("# Title\n\n```\ncode\n```\n\nFirst[^1].\n\n> Second.\n\n[^1]: A note.").excerpt == "First. Second."
    assert render("# Title\n\n- one\n- two").excerpt == "Title one two"
    long = render("word " * 1000)
    assert long.excerpt.endswith(" word…") and len(long.excerpt) <= 300 and long.word_count == 1000


@pytest.mark.parametrize("source", ["", " \n\n", "<!-- nothing -->", "[a]: b"])
def test_nothing_renders_to_nothing(source: str) -> None:
    rendered = render(source)
    assert (rendered.html.strip(), rendered.text, rendered.toc) == ("", "", ())
    assert (rendered.word_count, rendered.reading_minutes, rendered.excerpt) == (0, 0, "")


# ── any text ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_PIECES = st.sampled_from(
    [
        *(
            "# ",
            "## a",
            "\n",
            "\n\n",
            "- ",
            "- [ ] ",
            "1. ",
            "> ",
            "    ",
            "\t",
            "```",
            "```python\n",
            "~~~",
            "---\n",
            "===",
        ),
        *("*", "**", "_", "~~", "[", "]", "(", ")", "![", "](x)", "[a]: /b 'c'\n", "[a]", "[^1]", "[^1]: ", "$", "$$"),
        *(
            "|",
            "|-|\n",
            "|a|\n",
            "<b>",
            "</b>",
            "<div>\n",
            "</div>",
            "<h2 id='a'>",
            "<table>",
            "<script>",
            "<!--",
            "-->",
        ),
        *("<svg>", "<a href='//e'>", "&amp;", "&#0;", "\\", "\0", "\r", "\ud800", "a", "é", "中", "ก็", " ", "{% x %}"),
    ]
)
_SOURCES = st.one_of(st.text(st.characters(), max_size=300), st.lists(_PIECES, max_size=40).map("".join))


@given(_SOURCES)
def test_any_text_renders(source: str) -> None:
    rendered = render(source)
    headings = re.findall(r'<h([1-6])(?: [a-z-]+="[^"]*")*? id="([^"]*)"', rendered.html)
    assert [(heading.level, heading.id) for heading in rendered.toc] == [
        (int(level), unescape(anchor)) for level, anchor in headings
    ]
    assert sanitize(rendered.html) == rendered.html
    assert bool(rendered.text) == bool(rendered.excerpt) == (rendered.reading_minutes > 0)
    assert len(rendered.excerpt) <= 300
    assert rendered == render(source)


def _posts() -> Iterator[Path]:
    for name in ("docusaurus-react-native", "docusaurus-template", "hugo-letsencrypt", "jekyll-oddities", "jekyll-rust",
                 "jekyll-site", "zola-rust"):  # fmt: skip
        yield from (path for path in corpus(f"md-{name}").rglob("*") if path.suffix in {".md", ".mdx", ".markdown"})


def test_real_posts_in_threads_render_as_they_do_alone() -> None:
    sources = [path.read_text() for path in sorted(_posts())[::6]]
    assert len(sources) > 50
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(render, sources))
    assert together == [render(source) for source in sources]
    assert all(rendered.text and rendered.excerpt for rendered in together)


# ── hostile shapes ───────────────────────────────────────────────────────────────────────────────────────────────────


def _times(piece: str, length: int = 6_000) -> str:
    return (piece * (length // len(piece) + 1))[:length]


SHAPES = {
    **{
        piece: _times(piece)
        for piece in (
            *(
                "[",
                "![",
                "[[]",
                "[a](",
                "[a\n",
                "[]",
                "*a **a ",
                "_*",
                "**x",
                "~~",
                "`a",
                "> ",
                ">\n",
                "- ",
                "1. ",
                "&",
                "\\",
            ),
            *("<", "<a ", '<a x="', "</", "<!--", "<?", "<div>", "<div>\n", "<b>", "<p><b>", "<ul><li>", "<table>"),
            *("<script>", "<video/>", "$", "$a", "\\$", "$$a\n", "- $$a\n", "# a\n", "a\n=\n", "|-\n", "a|\n"),
            *("- [ ] a\n", "[x]: <", "中", "\u0301"),
        )
    },
    "backtick runs": " ".join("`" * length for length in range(1, 200)),
    "nested links": "[" * 5000 + "a" + "](x)" * 5000,
    "nested images": "![" * 5000 + "a" + "](x)" * 5000,
    "nested lists": "".join("  " * depth + "- a\n" for depth in range(300)),
    "footnote labels": "[^1]: a\n\n" + _times("[^"),
    "footnote definitions": _times("[^1]: "),
    "one footnote": "[^1]: a\n\n" + _times("[^1]", 4000),
    "footnotes in a ring": "".join(f"[^{number}]: [^{number + 1}]\n\n" for number in range(1000)) + "[^0]",
    "columns": "|a" * 5000 + "|\n" + "|-" * 5000 + "|\n",
    "title": "[a]: b 'x\n" + _times("x\n"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_hostile_shapes_render(shape: str) -> None:
    rendered = render(SHAPES[shape])
    assert len(rendered.html) < 50 * len(SHAPES[shape])


@pytest.mark.parametrize(
    "piece", ["[", "![", "[[]", "[a\n", "[^", "- $$a\n", "$a", "# a\n", "|-\n", "*a **a ", "<p><b>", "<!--", "> "]
)  # fmt: skip
def test_work_grows_with_the_length(piece: str) -> None:
    """Work is lines of Python that run, which unlike seconds are the same on any machine."""
    once, twice = (_lines_run("[^1]: a\n\n" + _times(piece, length)) for length in (500, 1000))
    assert once < 1000 * 500
    assert twice < 2.2 * once


def _lines_run(source: str) -> int:
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        render(source)
    finally:
        sys.settrace(before)
    return lines


def test_one_long_address_is_not_repeated_for_ever() -> None:
    source = "[a]: /" + "x" * 10_000 + "\n\n" + "[a] " * 10_000
    html = render(source).html
    assert 10 < html.count("<a ") < 100
    assert "[a]" in html


def test_short_table_rows_are_not_filled_up_for_ever() -> None:
    table = "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "|\n" * 100 + "\n"
    html = render(table * 50).html
    assert 10_000 <= html.count("<td>") < 40_000


def test_pictures_nested_too_deep_are_text() -> None:
    assert render("![" * 5 + "a" + "](x)" * 5).html == '<p><img src="x" alt="a"></p>\n'
    assert "![" in render("![" * 50 + "a" + "](x)" * 50).text


def test_what_is_nested_too_deep_is_left_out() -> None:
    html = render("> " * 500 + "deep\n\nafter").html
    assert html.count("<blockquote>") == MAX_NESTING
    assert "deep" not in html and "<p>after</p>" in html


def test_nesting_needs_few_frames_of_the_stack() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 350)
    try:
        for opening in ("> ", "- ", "[^1]: ", "> - [^1]: "):
            render(opening * 500 + "![" * 500 + "](x)" * 500)
    finally:
        sys.setrecursionlimit(limit)
