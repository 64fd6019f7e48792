"""Markdown -> everything that is derived from it: HTML, plain text, table of contents, counts, excerpt.

CommonMark (spec 0.31) with raw HTML, and tables, footnotes (`[^1]`), strikethrough, task lists, TeX left as it is in
`.math` elements for the page to typeset, an id on every heading, and code coloured by classes (see `highlight_css`).
Template tags of other systems (Liquid, Hugo shortcodes, `{/* MDX */}`) are text; JSX tags are unknown HTML tags.

The work grows with the length of the source, whatever its shape; each guard below says what it is there for.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from html import escape, unescape
from itertools import pairwise, takewhile
from time import thread_time
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_block_dollar, math_inline_dollar
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.footnote.index import footnote_ref
from pygments import format as format_tokens
from pygments.formatters import HtmlFormatter
from pygments.lexer import DelegatingLexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from byline.core.sanitize import BLOCKS, HEADINGS, sanitize
from byline.core.text import excerpt, printable, reading_minutes, word_count

RENDERER_VERSION = 1  # stands on the row; raise it when the output changes, so that rows are rendered again


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What readers, search and lists need to know of one Markdown text.

    html: sanitised.
    text: what a reader sees, one block a line, without footnote marks; for search.
    toc: the headings that have an id, in order; ids are unique but for those that the author wrote as HTML.
    reading_minutes: 0 only if there is no text.
    excerpt: at most 300 characters, "" if there is no text.
    """

    html: str
    text: str
    toc: tuple[Heading, ...]
    word_count: int
    reading_minutes: int
    excerpt: str


def render(source: str) -> Rendered:
    """Never raises; safe to call from threads. Callers bound the length of the source."""
    html = sanitize(unsanitised(source))
    reading = _Reading(html)
    text = reading.text()
    return Rendered(
        html=html,
        text=text,
        toc=tuple(reading.toc),
        word_count=word_count(text),
        reading_minutes=reading_minutes(text),
        excerpt=excerpt(reading.paragraphs or text.splitlines()),
    )


def section(html: str, heading: str) -> str | None:
    """The text under the heading of this id, up to the next one that is as high; None where there is none.

    `html` is what `render` has made; the text is as `Rendered.text`.
    """
    begin, level = None, 0
    for tag in _TAG.finditer(html):
        if tag[2] not in HEADINGS or tag[1]:
            continue
        if begin is not None and int(tag[2][1]) <= level:
            return _Reading(html[begin : tag.start()]).text()
        anchor = _ID.search(tag[3])
        if begin is None and anchor is not None and unescape(anchor[1]) == heading:
            begin, level = tag.start(), int(tag[2][1])
    return None if begin is None else _Reading(html[begin:]).text()


def unsanitised(source: str) -> str:
    """The HTML with everything that the author put in it: never to be shown."""
    source = printable(source)
    env: EnvType = {"references": _References(source)}
    tokens = _parser.parse(source, env)
    options = deepcopy(_parser.options)
    options["highlight"] = _Highlighter()
    return str(_parser.renderer.render(tokens, options, env))


def highlight_css() -> str:
    """The style sheet for the classes of highlighted code."""
    return "\n".join(_FORMATTER.get_token_style_defs("pre code"))  # type: ignore[no-untyped-call]


# ── guards: rules of the parser that a hostile source could make slow ────────────────────────────────────────────────

InlineRule = Callable[[StateInline, bool], bool]

_FOOTNOTE_MARK = re.compile(r"\[\^[^\[\]\s]{1,200}\]")
# Pandoc's rule, and no letter or digit on the outside, so that `$HOME/$USER` and "$5-$10" are no formulas.
_FORMULA = re.compile(
    r"(?<![a-zA-Z0-9$]) (?: \$[^$\\]*(?:\\.[^$\\]*)*\$ | \$\$[^$\\]*(?:\\.[^$\\]*)*\$\$ ) (?![a-zA-Z0-9$])",
    re.VERBOSE | re.DOTALL,
)
MAX_NESTING = 100  # blocks in blocks; what is deeper is left out
MAX_BRACKETS = 10  # links and pictures in one another; what is deeper is text


def _where(pattern: re.Pattern[str], rule: InlineRule) -> InlineRule:
    """The rule, where the pattern matches: a plugin would look for the end of its mark up to the end of the text."""
    return lambda state, silent: pattern.match(state.src, state.pos) is not None and rule(state, silent)


def _shallow(opening: str, rule: InlineRule) -> InlineRule:
    """The rule, unless it is in itself too often: it looks ahead through, and pictures recurse into, what they hold."""

    def shallow(state: StateInline, silent: bool) -> bool:
        if not state.src.startswith(opening, state.pos):
            return False
        depth = state.env.get("depth", 0)
        if depth >= MAX_BRACKETS:
            if silent:  # looking ahead is over, as beyond the parser's own maxNesting: to go on would be quadratic
                state.pos = state.posMax
            return silent
        state.env["depth"] = depth + 1
        try:
            return rule(state, silent)
        finally:
            state.env["depth"] = depth

    return shallow


def _small_table(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A table, unless those before made more cells than the source could spell out: short rows are filled up."""
    return len(state.tokens) < 20_000 + len(state.src) and table(state, start_line, end_line, silent)


_math_block = math_block_dollar(allow_labels=False)


def _math_here(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A formula in `$$`, with the lines of its own item or quote; the plugin would read on to the end of the text."""
    if not state.src.startswith("$$", state.bMarks[start_line] + state.tShift[start_line]):
        return False
    last = start_line + 1
    while last < end_line and not state.isEmpty(last) and state.sCount[last] >= state.blkIndent:
        last += 1
    return _math_block(state, start_line, last, silent)


class _References(dict[str, dict[str, Any]]):
    """Link definitions by label, until they have added about as much as the source has: thousands of uses of one long
    address would make gigabytes. Then `[label]` is text, as in cmark.
    """

    def __init__(self, source: str) -> None:
        self.left = 100_000 + 4 * len(source)

    def get(self, label: str, default: Any = None) -> Any:  # the one method that the rules use
        definition = super().get(label)
        if definition is None:
            return default
        self.left -= len(definition["href"]) + len(definition["title"])
        return definition if self.left >= 0 else default


# ── what is more than CommonMark ─────────────────────────────────────────────────────────────────────────────────────

_AUTHOR_ID = re.compile(r"""\b(?:id|name)\s*=\s*["']?([^\s"'>]+)""", re.IGNORECASE)


def _anchor_headings(state: StateCore) -> None:
    """An id for each heading, unlike any in raw HTML. Those of footnotes have a colon, which no heading's has."""
    taken = set(_author_ids(state.tokens))
    numbers: Counter[str] = Counter()
    for heading, words in pairwise(state.tokens):
        if heading.type != "heading_open":
            continue
        stem = anchor = _slug(words.children or []) or "section"
        while anchor in taken:
            numbers[stem] += 1
            anchor = f"{stem}-{numbers[stem]}"
        taken.add(anchor)
        heading.attrSet("id", anchor)


def _author_ids(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            yield from _AUTHOR_ID.findall(token.content)
        elif token.children:
            yield from _author_ids(token.children)


def _slug(words: Sequence[Token]) -> str:
    """Letters, marks and digits of any script in lower case, with a hyphen for each run of anything else."""
    letters = "".join(
        character if unicodedata.category(character)[0] in "LMN" or character == "_" else " "
        for character in unicodedata.normalize("NFC", _plain(words).lower())
        if unicodedata.category(character) != "Cf"  # joiners and direction marks, which nobody sees or types
    )
    return "-".join(part for part in letters.split() if unicodedata.category(part[0])[0] != "M")


def _plain(words: Sequence[Token]) -> str:
    return "".join(
        _plain(token.children) if token.children else " " if token.type.endswith("break") else token.content
        for token in words
        if token.type != "html_inline"
    )


def _footnote_ref(self: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    note, mark = _footnote_ids(tokens[index])
    return f'<sup class="footnote-ref" id="fnref:{mark}"><a href="#fn:{note}" role="doc-noteref">[{note}]</a></sup>'


def _footnote_anchor(self: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    _, mark = _footnote_ids(tokens[index])
    # with the selector for text, or phones show an emoji
    return f' <a href="#fnref:{mark}" class="footnote-backref" role="doc-backlink">\u21a9\ufe0e</a>'


def _footnote_open(self: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return f'<li id="fn:{tokens[index].meta["id"] + 1}" class="footnote-item">'


def _footnote_block_open(self: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return '<section class="footnotes" role="doc-endnotes">\n<ol class="footnotes-list">\n'


def _footnote_ids(token: Token) -> tuple[str, str]:
    """The number of the note, and that of the mark that refers to it: `1`, and `1`, `1:1`, `1:2` ..."""
    note = str(token.meta["id"] + 1)
    again = token.meta["subId"]
    return note, f"{note}:{again}" if again else note


def _math_in_line(self: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """`$$` in a sentence too is a span: a `div` would end the paragraph."""
    kind = "block" if tokens[index].markup == "$$" else "inline"
    return f'<span class="math {kind}">{escape(tokens[index].content.strip())}</span>'


class _Highlighter:
    """Colours the code of one document by classes, as long as that takes no more than SECONDS.

    Pygments' lexers are made for honest code: on hostile code many take quadratic time, one (mcschema) never ends, and
    a few change what they read. So what is too long, too wide, too slow or not the same code stays plain. Seconds are
    those that this thread computes, whatever else the machine does.
    """

    SECONDS = 2.0
    MAX_LENGTH = 10_000
    MAX_LENGTH_OF_TEMPLATE = 4_000  # two languages in one: such lexers do all their work before the first token
    MAX_LINE = 500

    def __init__(self) -> None:
        self.left = self.SECONDS

    def __call__(self, code: str, language: str, attributes: str) -> str:
        """Escaped HTML, or "" for plain code: also of a language that no lexer has. ` ```rust,ignore ` is Rust."""
        if self.left <= 0 or len(code) > self.MAX_LENGTH or max(map(len, code.split("\n"))) > self.MAX_LINE:
            return ""
        try:
            lexer = get_lexer_by_name(language.split(",")[0], stripnl=False)
        except ClassNotFound:
            return ""
        if isinstance(lexer, DelegatingLexer) and len(code) > self.MAX_LENGTH_OF_TEMPLATE:
            return ""
        began = thread_time()
        tokens = list(takewhile(lambda _: thread_time() - began < self.left, lexer.get_tokens(code)))
        self.left -= thread_time() - began
        return format_tokens(tokens, _FORMATTER) if "".join(text for _, text in tokens) == code else ""


_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING, "tasklists": True})
    parser.enable("strikethrough").enable("table")
    parser.use(footnote_plugin, inline=False).use(dollarmath_plugin)
    parser.inline.ruler.at("link", _shallow("[", link))
    parser.inline.ruler.at("image", _shallow("![", image))
    parser.inline.ruler.at("footnote_ref", _where(_FOOTNOTE_MARK, footnote_ref))
    parser.inline.ruler.at("math_inline", _where(_FORMULA, math_inline_dollar(False, False, True)))
    parser.block.ruler.at("math_block", _math_here)
    parser.block.ruler.at("table", _small_table, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.push("anchor_headings", _anchor_headings)
    parser.add_render_rule("footnote_ref", _footnote_ref)
    parser.add_render_rule("footnote_anchor", _footnote_anchor)
    parser.add_render_rule("footnote_open", _footnote_open)
    parser.add_render_rule("footnote_block_open", _footnote_block_open)
    parser.add_render_rule("math_inline", _math_in_line)
    parser.add_render_rule("math_inline_double", _math_in_line)
    parser.parse("a")  # compiles the rules now: two threads must not do it at once
    return parser


_parser = _make_parser()


# ── reading what was rendered ────────────────────────────────────────────────────────────────────────────────────────

# As nh3 writes it: no quotation mark in a value, no `<` in text.
_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")*)>')
_ID = re.compile(r' id="([^"]*)"')
_ALT = re.compile(r' alt="([^"]*)"')
_FOOTNOTE_LINK = re.compile(r' class="footnote-(?:ref|backref)"')
_NOTES = re.compile(r' class="footnotes"')


class _Reading:
    """Text, paragraphs (but for those of footnotes) and table of contents of HTML from `sanitize`."""

    def __init__(self, html: str) -> None:
        self.toc: list[Heading] = []
        self.paragraphs: list[str] = []
        self._words: list[str] = []  # escaped as in HTML, "\n" between blocks
        self._heading: tuple[int, str, int] | None = None  # level, id, where its words begin
        self._paragraph = 0  # where its words begin
        self._in_notes = self._in_code = False
        self._hidden = ""  # the element that readers of plain text are not to see
        text, *tags = _TAG.split(html)
        self._add(text)
        for index in range(0, len(tags), 4):
            end, name, attributes, text = tags[index : index + 4]
            self._tag(name, attributes, bool(end))
            self._add(text)

    def text(self) -> str:
        lines = (" ".join(unescape(line).split()) for line in "".join(self._words).split("\n"))
        return "\n".join(filter(None, lines))

    def _add(self, text: str) -> None:
        if not self._hidden:
            self._words.append(text if self._in_code else text.replace("\n", " "))

    def _tag(self, name: str, attributes: str, end: bool) -> None:
        if self._hidden:
            if end and name == self._hidden:
                self._hidden = ""
            return
        if name in ("a", "sup") and _FOOTNOTE_LINK.search(attributes):
            self._hidden = name
        elif name == "img" and self._heading and (alt := _ALT.search(attributes)):
            self._words.append(alt[1])
        elif name in ("td", "th"):
            self._words.append(" ")
        elif name in BLOCKS or name == "br":
            self._block(name, attributes, end)

    def _block(self, name: str, attributes: str, end: bool) -> None:
        if name == "pre":
            self._in_code = not end
        elif name == "section":
            self._in_notes = not end and _NOTES.search(attributes) is not None
        elif name == "p" and not end:
            self._paragraph = len(self._words)
        elif name == "p" and not self._in_notes and (words := self._since(self._paragraph)):
            self.paragraphs.append(words)
        elif name in HEADINGS and not end and (anchor := _ID.search(attributes)):
            self._heading = int(name[1]), unescape(anchor[1]), len(self._words)
        elif name in HEADINGS and end and self._heading:
            level, anchor_id, start = self._heading
            self.toc.append(Heading(level, anchor_id, self._since(start)))
            self._heading = None
        self._words.append("\n")

    def _since(self, start: int) -> str:
        return " ".join(unescape("".join(self._words[start:])).split())
