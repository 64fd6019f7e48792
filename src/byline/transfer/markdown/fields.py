"""Front matter by the names that generators and themes give to the same thing."""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import JsonValue, TypeAdapter, ValidationError

from byline.core.schemas import WebAddress

T = TypeVar("T")
WEB_ADDRESS = TypeAdapter(WebAddress)
FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
EMPTY: tuple[JsonValue, ...] = (None, "", [], {})
MAX_TEXT = 500


class Fields:
    """Front matter being emptied: what nobody takes is `left`, so that nothing is lost.

    Names are given in lower case without `-` and `_`, and stand for any way of writing: `metatitle` finds `meta_title`
    and `metaTitle`. `seo.title` is the key `title` of the mapping `seo`.
    """

    def __init__(self, values: dict[str, JsonValue], notes: list[str]) -> None:
        self.notes = notes
        self._given = values
        self._values = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
        self._places: dict[str, tuple[dict[str, JsonValue], str]] = {}
        for key, value in self._values.items():
            self._places.setdefault(bare(key), (self._values, key))
            if isinstance(value, dict):
                for inner in value:
                    self._places.setdefault(f"{bare(key)}.{bare(inner)}", (value, inner))

    @property
    def left(self) -> dict[str, JsonValue]:
        return {key: value for key, value in self._values.items() if value != {} or self._given[key] == {}}

    def see(self, read: Callable[[JsonValue], T | None], *names: str) -> T | None:
        """What the first of the names says that `read` makes something of. The key stays."""
        return next((value for _, value in self._read(read, names)), None)

    def take(self, read: Callable[[JsonValue], T | None], *names: str) -> T | None:
        """What the first of the names says that `read` makes something of. That key is gone."""
        for name, value in self._read(read, names):
            holder, key = self._places.pop(name)
            del holder[key]
            return value
        return None

    def raw(self, *names: str) -> JsonValue:
        """What the first of the names says that is not empty, as it is. The key stays."""
        values = (holder[key] for name in names if name in self._places for holder, key in [self._places[name]])
        return next((value for value in values if value not in EMPTY), None)

    def drop(self, *names: str) -> None:
        """Remove what `raw` gives."""
        self.take(lambda value: None if value in EMPTY else [value], *names)

    def text(self, *names: str, limit: int = MAX_TEXT) -> str | None:
        """A text of at most `limit` characters; a longer one stays, with a note."""
        taken = self.take(lambda value: found if (found := text(value)) and len(found) <= limit else None, *names)
        there = (name for name in names if name in self._places)
        if taken is None and (over := next((name for name in there if len(self.see(text, name) or "") > limit), None)):
            self.notes.append(f"{self._places[over][1]} has more than {limit:,} characters: kept in custom only")
        return taken

    def _read(self, read: Callable[[JsonValue], T | None], names: tuple[str, ...]) -> Iterator[tuple[str, T]]:
        for name in names:
            if name in self._places:
                holder, key = self._places[name]
                value = read(holder[key])
                if value is not None:
                    yield name, value


def anywhere(*names: str) -> tuple[str, ...]:
    """The names, and the same in the mappings where Zola and Hugo put what is a theme's own."""
    return (*names, *(f"extra.{name}" for name in names), *(f"params.{name}" for name in names))


def bare(key: str) -> str:
    return re.sub(r"[-_ ]", "", key).lower()


def text(value: JsonValue) -> str | None:
    """A text that says something; a number as it was written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def flag(value: JsonValue) -> bool | None:
    return value if isinstance(value, bool) else FLAGS.get((text(value) or "").lower())


def address(value: JsonValue) -> str | None:
    """An http(s) address or a path, with its spaces escaped."""
    written = text(value)
    if not written:
        return None
    try:
        return WEB_ADDRESS.validate_python(written.replace(" ", "%20"))
    except ValidationError:
        return None


def absolute(value: JsonValue) -> str | None:
    """An http(s) address."""
    found = address(value)
    return found if found and urlsplit(found).scheme else None


def texts(value: JsonValue) -> list[str]:
    """The texts in a value: itself, or the items of a list at any depth."""
    if isinstance(value, list):
        return [item for part in value for item in texts(part)]
    found = text(value)
    return [found] if found else []
