"""Front matter: what a text says about itself before it begins."""

import json
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from byline.transfer.documents import CannotRead
from byline.transfer.markdown.mappings import parse_mapping

BLANK = re.compile(r"\s*")
LINE_END = re.compile(r"\r\n?|\n")
OPENING = re.compile(r"(---|\+\+\+|;;;)[ \t]*(?:\r\n?|\n|\Z)")
CLOSING = {
    "---": re.compile(r"(?<![^\r\n])(?:---|\.\.\.)[ \t]*(?:\r\n?|\n|\Z)"),  # Jekyll takes `...` too, as YAML does
    "+++": re.compile(r"(?<![^\r\n])\+\+\+[ \t]*(?:\r\n?|\n|\Z)"),
    ";;;": re.compile(r"(?<![^\r\n]);;;[ \t]*(?:\r\n?|\n|\Z)"),
}
LANGUAGES: dict[str, Literal["yaml", "toml", "json"]] = {"---": "yaml", "+++": "toml", ";;;": "json"}
JSON_OPENING = re.compile(r'\{\s*["}]')  # and not `{% liquid`, `{{< shortcode`, `{/* MDX`
KEY = re.compile(r"\s*[\"']?[\w-]+[\"']?\s*[:=]")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    values: dict[str, JsonValue]
    body: str
    """What follows the front matter, unchanged: always the end of the text."""
    found: bool
    """Whether there was front matter at all."""
    notes: tuple[str, ...] = ()


def has_front_matter(text: str) -> bool:
    """Whether a text, or the start of one, begins as front matter does."""
    start = _blank(text)
    return bool(JSON_OPENING.match(text, start) or OPENING.match(text, start))


def read_front_matter(text: str) -> FrontMatter:
    """Split a text and parse its front matter. Raises CannotRead for front matter that is broken or never closed."""
    start = _blank(text)
    if JSON_OPENING.match(text, start):
        return _json_object(text, start)
    opening = OPENING.match(text, start)
    if not opening:
        return FrontMatter({}, text, found=False)
    fence = opening[1]
    closing = CLOSING[fence].search(text, opening.end())
    if closing:
        return _parsed(text, opening.end(), closing.start(), closing.end(), LANGUAGES[fence])
    if KEY.match(text, opening.end()):
        raise CannotRead(f"the front matter opens with {fence} and is never closed")
    return FrontMatter({}, text, found=False)  # a line across the page


def _parsed(text: str, start: int, end: int, body: int, language: Literal["yaml", "toml", "json"]) -> FrontMatter:
    inside = text[start:end]
    if language == "json" and not inside.lstrip().startswith("{"):
        inside = f"{{{inside}}}"  # Middleman leaves the braces out
    # As many lines before it as in the file: so the parsers name the lines of the file.
    inside = "\n" * len(LINE_END.findall(text, 0, start)) + inside
    try:
        values, notes = parse_mapping(inside, language)
    except CannotRead as error:
        raise CannotRead(f"broken front matter ({language.upper()}): {error}") from None
    return FrontMatter(values, text[body:], found=True, notes=tuple(f"front matter: {note}" for note in notes))


def _json_object(text: str, start: int) -> FrontMatter:
    """Hugo's JSON front matter: an object, without fences."""
    try:
        _, end = json.JSONDecoder(parse_int=str).raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise CannotRead(f"broken front matter (JSON): line {error.lineno}: {error.msg}") from None
    except RecursionError:
        raise CannotRead("broken front matter (JSON): too many levels deep") from None
    rest = re.compile(r"[ \t]*(?:\r\n?|\n)?").match(text, end)
    return _parsed(text, start, end, rest.end() if rest else end, "json")


def _blank(text: str) -> int:
    """How many characters of white space a text begins with: Hugo and Zola allow them before front matter."""
    blank = BLANK.match(text)
    return blank.end() if blank else 0
