"""HTML that anybody may have written -> HTML that is safe to show: an explicit allow-list, kept by nh3 (ammonia).

What stays is text, structure, pictures, sound and film. What goes: scripts, event handlers, frames, forms, style
sheets, `style` but for `text-align`, `data-*` (scripts of a page act on it), `srcset`, and every URL that is not
relative, http, https, mailto or tel, or a raster picture within the page (`data:image/png;base64,…` in `<img src>`).
A tag that is not on the list goes and leaves its words; DROPPED ones go whole.

An author's `id` stays, so that fragments find it, but not on links and media: a browser makes each id a global
variable, and a link there reads as its URL, which a script of the page could take for its own setting. `name` never
stays: the anchor `<a name="x">` becomes `<span id="x"></span>`.
"""

import re

import nh3

from byline.core.text import printable

MAX_DEPTH = 200  # elements inside one another; browsers stop at 512
DROPPED = {"iframe", "math", "script", "style", "svg"}  # with all that is in them

_VOID = {"br", "col", "hr", "img", "input", "source", "track", "wbr"}
_MEDIA = {"audio", "img", "input", "picture", "source", "track", "video"}
_PHRASES = {
    "a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q",
    "rp", "rt", "ruby", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr",
}  # fmt: skip
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_CELLS = {"caption", "td", "th"}
_GRID = {"colgroup", "table", "tbody", "tfoot", "thead", "tr"}  # hold nothing but parts of a table
BLOCKS = {
    *HEADINGS, *_CELLS, *_GRID, "address", "article", "aside", "blockquote", "col", "dd", "details", "div", "dl", "dt",
    "figcaption", "figure", "footer", "header", "hgroup", "hr", "li", "ol", "p", "pre", "section", "summary", "ul",
}  # fmt: skip
TAGS = _PHRASES | _MEDIA | BLOCKS

_ANYWHERE = {"aria-describedby", "aria-hidden", "aria-label", "class", "dir", "lang", "role", "title"}
_ATTRIBUTES = {
    "a": {"href", "hreflang", "rel"},
    "audio": {"controls", "loop", "muted", "preload", "src"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"datetime"},
    "details": {"open"},
    "img": {"alt", "decoding", "height", "loading", "src", "width"},
    "input": {"checked"},
    "ins": {"datetime"},
    "li": {"value"},
    "ol": {"reversed", "start", "type"},
    "source": {"media", "src", "type"},
    "td": {"colspan", "headers", "rowspan"},
    "th": {"abbr", "colspan", "headers", "rowspan", "scope"},
    "time": {"datetime"},
    "track": {"default", "kind", "label", "src", "srclang"},
    "video": {"autoplay", "controls", "height", "loop", "muted", "playsinline", "poster", "preload", "src", "width"},
}
_ALIGNMENTS = {
    f"text-align:{space}{side}{end}"
    for space in ("", " ")
    for side in ("left", "center", "right", "justify", "start", "end")
    for end in ("", ";")
}

_PICTURE = re.compile(r"data:image/(?:avif|gif|jpeg|png|webp);base64,[A-Za-z0-9+/]+=*")
_SKIPPED_IN_URLS = re.compile(r"[\x00-\x20]+")  # by browsers, at some places or other


def _without_data(tag: str, attribute: str, value: str) -> str | None:
    """Of `data:` URLs, only raster pictures in `<img src>`: an SVG could hold scripts, and a link would open a page."""
    if attribute not in {"href", "src", "poster"}:
        return value
    is_data = _SKIPPED_IN_URLS.sub("", value).lower().startswith("data:")
    return None if is_data and not (tag == "img" and attribute == "src" and _PICTURE.fullmatch(value)) else value


_cleaner = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=DROPPED,
    attributes={
        tag: _ANYWHERE | _ATTRIBUTES.get(tag, set()) | (set() if tag in {"a", *_MEDIA} else {"id"}) for tag in TAGS
    },
    tag_attribute_values={tag: {"style": _ALIGNMENTS} for tag in BLOCKS},
    set_tag_attribute_values={"input": {"type": "checkbox", "disabled": ""}},  # task lists: nothing to type into
    url_schemes={"data", "http", "https", "mailto", "tel"},
    attribute_filter=_without_data,
    link_rel=None,  # _finish does it, for external links only
)


def sanitize(html: str) -> str:
    """Safe, well-formed HTML; sanitising it again changes nothing.

    Characters that XML has no place for become U+FFFD (see `printable`), those written as `&#1;` too.
    External links get `rel="noopener noreferrer"` beside what the author said of them (`nofollow`, `sponsored`, `me`).
    """
    return _FINISHED.sub(_finish, printable(_cleaner.clean(_well_formed(printable(html)))))


# ── before nh3: tags that match ──────────────────────────────────────────────────────────────────────────────────────
# An HTML parser mends bad nesting by opening elements again in each block that follows, attributes and all. Measured
# without this section: 37 kB of `<b id=1><b id=2>...<p>x<p>x...` made 131 MB of HTML, and 20,000 nested `<div>` took
# seconds. So nh3 gets matching tags only, at most MAX_DEPTH deep. This is about size, not safety: nh3 judges it all.

_ATTRIBUTE = r"""
    [^\s/>] [^\s/>=]*+
    (?: \s*+ = \s*+ (?: "[^"]*+" | '[^']*+' | (?=>) | [^\s"'>] [^\s>]*+ ) | (?! \s*+ = ) )
"""
# As browsers read it: https://html.spec.whatwg.org/multipage/parsing.html#tokenization. Possessive, so linear.
_MARKUP = re.compile(
    rf"""
    < (?P<end> /?) (?P<name> [a-z] [^\s/>]*+) (?P<attributes> (?: \s++ | / (?!>) | {_ATTRIBUTE} )*+ ) (?P<empty> /?) >
    | <!-- (?: -?> | .*? --!?> )
    | < (?: \? | ! (?!--) | / (?![a-z]) ) [^>]*+ >
    | (?P<sign> < (?![a-z/!?]) )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL | re.ASCII,
)
_ANCHOR = re.compile(r"(?<![^\s\"'/])(?:id|name)(?=\s*=)", re.IGNORECASE)

# Parts of lists and tables, and what they may be put in.
_PARENTS = {
    "caption": {"table"},
    "col": {"colgroup", "table"},
    "colgroup": {"table"},
    "dd": {"div", "dl"},
    "dt": {"div", "dl"},
    "li": {"ol", "ul"},
    "tbody": {"table"},
    "td": _GRID - {"colgroup"},
    "tfoot": {"table"},
    "th": _GRID - {"colgroup"},
    "thead": {"table"},
    "tr": _GRID - {"colgroup", "tr"},
}


def _well_formed(html: str) -> str:
    """The same HTML with matching tags, no comments and none of the tags that are not on the list.

    `<name/>` is a whole element, as in XML and MDX: a browser would take the rest of the page to be inside `<iframe/>`.
    What never ends (`<script>` in a sentence, a tag without `>`) is text, so that it hides nothing that follows it.
    """
    tree = _Tree()
    position = 0
    while (start := html.find("<", position)) >= 0:
        tree.written.append(html[position:start])
        markup = _MARKUP.match(html, start)
        if markup is None:
            position = start
            break
        position = markup.end()
        name = (markup["name"] or "").lower()
        if markup["sign"]:
            tree.written.append("&lt;")
        elif name in DROPPED and not markup["end"] and not markup["empty"]:
            position = tree.drop(name, html, markup)
        elif name in TAGS and markup["end"]:
            tree.end(name)
        elif name in TAGS:
            tree.start(name, markup["attributes"], whole=bool(markup["empty"]))
    tree.written.append(html[position:].replace("<", "&lt;"))
    tree.close(0)
    return "".join(tree.written)


class _Tree:
    """Writes HTML in which each element ends inside the one that it began in, by the rules of browsers or stricter."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.open: list[str] = []
        self.unended: set[str] = set()

    def start(self, name: str, attributes: str, whole: bool) -> None:
        if parents := _PARENTS.get(name):
            parent = self._innermost(parents)
            if parent < 0:
                return
            self.close(parent + 1)
        elif self.open and self.open[-1] in _GRID:
            return
        elif name in BLOCKS:
            self._close_before_block(name)
        elif name == "a" and _ANCHOR.search(attributes) and "href" not in attributes.lower():
            name, attributes, whole = "span", _ANCHOR.sub("id", attributes), True  # marks a place: nothing is in it
        elif name == "a" and (outer := self._innermost({"a"})) >= 0:
            if not BLOCKS.isdisjoint(self.open[outer:]):
                return
            self.close(outer)
        if name in _VOID:
            self.written.append(f"<{name}{attributes}>")
        elif whole:
            self.written.append(f"<{name}{attributes}></{name}>")
        elif len(self.open) < MAX_DEPTH:
            self.written.append(f"<{name}{attributes}>")
            self.open.append(name)

    def end(self, name: str) -> None:
        if (index := self._innermost({name})) >= 0:
            self.close(index)

    def drop(self, name: str, html: str, tag: re.Match[str]) -> int:
        """Where to go on after an element that goes with all that is in it."""
        if name not in self.unended:
            if end := re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(html, tag.end()):
                return end.start()
            self.unended.add(name)  # nor is there an end for those that follow
        self.written.append(tag[0].replace("<", "&lt;"))
        return tag.end()

    def close(self, index: int) -> None:
        """End the elements from this one of the open ones on."""
        self.written.extend(f"</{name}>" for name in reversed(self.open[index:]))
        del self.open[index:]

    def _close_before_block(self, name: str) -> None:
        if (paragraph := self._innermost({"p"})) >= 0:
            self.close(paragraph)
        if name in HEADINGS and (headings := [index for index, name in enumerate(self.open) if name in HEADINGS]):
            self.close(headings[0])

    def _innermost(self, names: set[str]) -> int:
        """The index of the innermost open element of these, -1 for none. Only parts of tables look out of a cell."""
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index] in names:
                return index
            if self.open[index] in _CELLS and names.isdisjoint(_GRID):
                return -1
        return -1


# ── after nh3: what it has no option for ─────────────────────────────────────────────────────────────────────────────
# nh3 writes attributes in one form only, ` name="value"` without a quotation mark in the value.

_FINISHED = re.compile(r'<(a|input|pre)((?: [a-z-]+="[^"]*")*)>(\n?)')
_FINISHED_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_EXTERNAL = re.compile(r"\s*(?:https?:|[/\\]{2})", re.IGNORECASE)
_RELATIONS = {"author", "external", "license", "me", "nofollow", "noopener", "noreferrer", "sponsored", "tag", "ugc"}


def _finish(tag: re.Match[str]) -> str:
    name, attributes, newline = tag.groups()
    if name == "pre":  # browsers skip the first line break in it: keep the second
        return f"<pre{attributes}>{newline}{newline}"
    values: dict[str, str] = dict(_FINISHED_ATTRIBUTE.findall(attributes))
    if name == "input":  # nh3 adds attributes in an order that changes from process to process
        values = dict(sorted(values.items()))
    else:
        _finish_link(values)
    return f"<{name}" + "".join(f' {key}="{value}"' for key, value in values.items()) + f">{newline}"


def _finish_link(values: dict[str, str]) -> None:
    relations = [relation for relation in values.pop("rel", "").lower().split() if relation in _RELATIONS]
    if _EXTERNAL.match(values.get("href", "")):
        relations += ["noopener", "noreferrer"]
    if relations:
        values["rel"] = " ".join(dict.fromkeys(relations))
