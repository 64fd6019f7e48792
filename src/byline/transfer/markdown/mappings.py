"""YAML, TOML and JSON mappings, read as JSON and as they were written.

Dates stay text, `1.10` stays `"1.10"` (it may be a version), `yes` stays `"yes"`: who needs a date, a number or a flag
knows better what was meant.
"""

import binascii
import json
import math
import re
import tomllib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from datetime import date, time
from typing import Any, Literal

import yaml
from pydantic import JsonValue

from byline.transfer.documents import CannotRead

MAX_LENGTH = 100_000
"""Characters, also once YAML's aliases are expanded."""
MAX_DEPTH = 50

NULLS = {"", "~", "null", "Null", "NULL"}
FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")

PLAIN_TAGS = {None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "timestamp"))}
TEXT_TAG = "tag:yaml.org,2002:str"
BINARY_TAGS = {"!binary", "tag:yaml.org,2002:binary"}
COLLECTION_TAGS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}

LONG_DOTTED_KEY = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){50}")  # tomllib's time grows with its square
TOML_PLACE = re.compile(r"(.*) \(at line (\d+), column \d+\)", re.DOTALL)
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def parse_mapping(text: str, language: Literal["yaml", "toml", "json"]) -> tuple[dict[str, JsonValue], list[str]]:
    """The mapping that a text is, and notes on it; an empty text is an empty mapping.

    Raises CannotRead, with the line where there is one: broken, no mapping, too long, too deep, or holding what
    PostgreSQL cannot (a NUL character, half of a surrogate pair).
    """
    if len(text.strip()) > MAX_LENGTH:
        raise CannotRead(f"more than {MAX_LENGTH:,} characters")
    _storable(text)
    notes: list[str] = []
    try:
        value = {"yaml": _from_yaml, "toml": _from_toml, "json": _from_json}[language](text, notes)
    except RecursionError:
        raise CannotRead(f"more than {MAX_DEPTH} levels deep") from None
    if value is None:
        return {}, notes
    if not isinstance(value, dict):
        raise CannotRead("no mapping of keys to values")
    return {_storable(key): _as_json(item, 1) for key, item in value.items()}, notes


def number(text: str) -> int | float | str:
    """The number, if writing it again gives the same text; else the text, as for `1.10`, `007`, `1e3` and `.inf`."""
    if INTEGER.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return text


def _as_json(value: Any, depth: int) -> JsonValue:
    """A value as the parsers give it, checked and made JSON."""
    if depth > MAX_DEPTH:
        raise CannotRead(f"more than {MAX_DEPTH} levels deep")
    match value:
        case str():
            return _storable(value)
        case bool() | None:
            return value
        case int():
            return value if abs(value) < 10**18 else str(value) if value.bit_length() < 10_000 else hex(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case date() | time():
            return value.isoformat()
        case list():
            return [_as_json(item, depth + 1) for item in value]
    return {_storable(key): _as_json(item, depth + 1) for key, item in value.items()}


def _storable(text: str) -> str:
    found = UNSTORABLE.search(text)
    if found:
        raise CannotRead("a NUL character" if found[0] == "\0" else "half of a surrogate pair")
    return text


def _from_json(text: str, notes: list[str]) -> Any:
    def no_key_lost(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        notes.extend(_twice(key) for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return dict(pairs)

    decoder = json.JSONDecoder(
        object_pairs_hook=no_key_lost, parse_int=number, parse_float=number, parse_constant=lambda name: name
    )
    if not text.strip():
        return None
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        raise CannotRead(f"line {error.lineno}: {error.msg}") from None


def _from_toml(text: str, notes: list[str]) -> Any:
    if LONG_DOTTED_KEY.search(text):
        raise CannotRead(f"more than {MAX_DEPTH} levels deep")
    try:
        return tomllib.loads(text, parse_float=number)
    except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
        message = str(error)
        place = TOML_PLACE.fullmatch(message)
        raise CannotRead(f"line {place[2]}: {place[1]}" if place else message) from None


def _from_yaml(text: str, notes: list[str]) -> Any:
    try:
        return _YamlReader(text, notes).document()
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        raise CannotRead(f"line {line}: {error.reason}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = error.problem or "not understood"
        if mark and problem == "found character that cannot start any token":
            character = text[mark.index : mark.index + 1]
            tab = character == "\t"
            problem = (
                "a tab, where YAML wants spaces" if tab else f"no value starts with {character!r}: put it in quotes"
            )
        raise CannotRead(f"line {line}: {problem}") from None


def _twice(key: str, line: int | None = None) -> str:
    return f"{f'line {line}: ' if line else ''}the key {key[:50]!r} is there twice, the last one counts"


_Node = yaml.ScalarEvent | yaml.CollectionStartEvent | yaml.AliasEvent


class _YamlReader:
    """Makes JSON of libyaml's events: scalars by YAML 1.2's rules, no object of Python's, no blow-up by aliases."""

    def __init__(self, text: str, notes: list[str]) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, tuple[JsonValue, int]] = {}  # with the size it adds wherever it is named
        self._size = 0
        self._notes = notes

    def document(self) -> JsonValue:
        next(self._events)  # the stream starts
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        next(self._events)  # the document ends
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise _failed("a second document starts", following)
        return value

    def _value(self, event: _Node, depth: int) -> JsonValue:
        if depth > MAX_DEPTH:
            raise _failed(f"more than {MAX_DEPTH} levels deep", event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._size
        value: JsonValue
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
            self._grow(len(event.value), event)
        elif event.tag not in COLLECTION_TAGS:
            raise _failed(f"the tag {event.tag} is not supported", event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(depth)
        else:
            value = self._mapping(depth)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._size - before)
        return value

    def _sequence(self, depth: int) -> list[JsonValue]:
        items: list[JsonValue] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, JsonValue]:
        own: dict[str, JsonValue] = {}
        merged: dict[str, JsonValue] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            value = self._value(next(self._events), depth + 1)
            if key == "<<" and isinstance(value, dict | list):
                for source in reversed(value if isinstance(value, list) else [value]):
                    merged.update(source if isinstance(source, dict) else {})
                continue
            if key in own:
                self._notes.append(_twice(key, _line(event)))
            own[key] = value
        return merged | own

    def _key(self, event: _Node) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.tag not in BINARY_TAGS:
            self._grow(len(event.value), event)
            if event.anchor:
                self._anchors[event.anchor] = (event.value, len(event.value))
            return str(event.value)
        value = None if isinstance(event, yaml.CollectionStartEvent) else self._value(event, 0)
        if not isinstance(value, str):
            raise _failed("a key that is no text", event)
        return value

    def _alias(self, event: yaml.AliasEvent) -> JsonValue:
        if event.anchor not in self._anchors:
            raise _failed(f"*{event.anchor} stands for nothing: put it in quotes", event)
        value, size = self._anchors[event.anchor]
        self._grow(size, event)
        return value

    def _grow(self, size: int, event: yaml.Event) -> None:
        self._size += size + 1
        if self._size > 2 * MAX_LENGTH:
            raise _failed("aliases blow it up beyond all measure", event)


def _scalar(event: yaml.ScalarEvent) -> JsonValue:
    text: str = event.value
    if event.tag in BINARY_TAGS:  # old exporters wrote every title that is not ASCII so
        try:
            return b64decode(text).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _failed("binary data that is no text", event) from None
    if event.tag == TEXT_TAG or (event.tag is None and event.style):
        return text
    if event.tag not in PLAIN_TAGS:
        raise _failed(f"the tag {event.tag} is not supported", event)
    return None if text in NULLS else FLAGS[text] if text in FLAGS else number(text)


def _failed(problem: str, event: yaml.Event) -> CannotRead:
    return CannotRead(f"line {_line(event)}: {problem}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
