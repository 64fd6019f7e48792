"""What the index holds of each thing that is published, and how it is cut into terms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from uuid import UUID
from zlib import crc32

import tantivy

from byline.search.analysis import VERSION, single_characters, stems, words

FORMAT = f"{VERSION}.2"
"""Of the index: one of another format is made anew."""

STATE = "state"

PAIRS = 2**18
"""As many kinds of two words that follow one another are told apart: with fewer, more look the same."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANALYZER = "spaced"


@cache
def schema() -> tantivy.Schema:
    """One field for all languages: each text is stemmed by its own before it comes here.

    key: what it is and its id, by which it is replaced. pairs: of words that follow one another, for phrases. words: as
    they are written, for what is spelled wrongly, and single characters of scripts that are cut into pairs. names: the
    whole names of a tag or an author. suggest: the words of a title or a name.
    """
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("names", stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("kind", "series"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("tags", "authors", "language", "year"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("title", "body"):
        builder.add_text_field(name, tokenizer_name=_ANALYZER, index_option="position")
    for name in ("headings", "words"):  # of those without frequencies tantivy cannot skip what is not among the best
        builder.add_text_field(name, tokenizer_name=_ANALYZER, index_option="freq")
    for name in ("pairs", "suggest"):
        builder.add_text_field(name, tokenizer_name=_ANALYZER, index_option="basic")
    builder.add_integer_field("published_at", indexed=True, fast=True)
    builder.add_text_field("state", stored=True, tokenizer_name="raw", index_option="basic")
    return builder.build()


def prepare(index: tantivy.Index) -> tantivy.Index:
    """Tells the index how its fields are cut; to be called for each that is opened."""
    index.register_tokenizer(_ANALYZER, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    return index


@dataclass(frozen=True, slots=True)
class Article:
    id: UUID
    kind: str
    title: str
    subtitle: str | None
    text: str
    toc: list[dict[str, Any]]
    language: str
    published_at: datetime
    series_id: UUID | None
    tags: Sequence[UUID]
    authors: Sequence[UUID]

    def document(self) -> tantivy.Document:
        headings = " ".join(entry["text"] for entry in self.toc)
        shown = f"{self.title}\n{self.subtitle or ''}"
        whole = f"{shown}\n{self.text}"
        title, body = words(shown), words(whole)
        stemmed = stems(body, self.language)
        document = tantivy.Document()
        document.add_text("key", key(self.kind, self.id))
        document.add_text("kind", self.kind)
        document.add_text("title", " ".join(stems(title, self.language)))
        document.add_text("headings", " ".join(stems(words(headings), self.language)))
        document.add_text("body", " ".join(stemmed))
        document.add_text("pairs", " ".join(pairs(stemmed)))
        document.add_text("words", " ".join({*body, *single_characters(whole)}))
        document.add_text("suggest", " ".join({*words(self.title), *single_characters(self.title)}))
        document.add_text("language", self.language.lower())
        document.add_integer("published_at", moment(self.published_at))
        document.add_text("year", str(self.published_at.year))
        for tag_id in self.tags:
            document.add_text("tags", tag_id.hex)
        for author_id in self.authors:
            document.add_text("authors", author_id.hex)
        if self.series_id is not None:
            document.add_text("series", self.series_id.hex)
        return document


@dataclass(frozen=True, slots=True)
class Name:
    """A tag or an author, under all its names."""

    id: UUID
    kind: str
    names: Sequence[str]

    def document(self) -> tantivy.Document:
        document = tantivy.Document()
        document.add_text("key", key(self.kind, self.id))
        document.add_text("kind", self.kind)
        for name in self.names:
            document.add_text("names", " ".join(words(name)))
            document.add_text("suggest", " ".join({*words(name), *single_characters(name)}))
        return document


def pairs(stemmed: Iterable[str]) -> set[str]:
    """What stands for each two words that follow one another; for some others, too."""
    numbers = [crc32(word.encode()) for word in stemmed]
    return {f"{(31 * first + second) % PAIRS:x}" for first, second in pairwise(numbers)}


def moment(time: datetime) -> int:
    """In microseconds since 1970, as exact as the database has it."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def key(kind: str, id: UUID) -> str:
    return f"{kind}:{id}"


def read_key(document: tantivy.Document) -> tuple[Any, UUID]:
    kind, _, id = document["key"][0].partition(":")
    return kind, UUID(id)
