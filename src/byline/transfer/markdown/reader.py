"""Reading a folder of Markdown: of Jekyll, Hugo, Zola, Docusaurus, or of nobody in particular.

    folder = find_sources(Path("blog"))        # fast: `len(folder.entries)` is how many results there will be
    for entry in folder.entries:
        result = read(entry, folder.site)      # a Document, Skipped or Unreadable; it never raises

Bodies are kept byte for byte: Liquid, shortcodes and MDX are the renderer's business. Values that a generator's
configuration gives to documents (Jekyll's `defaults`, Hugo's `cascade`) are not theirs, and are not read.
"""

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from byline.transfer.documents import CannotRead, Document, Skipped, Unreadable
from byline.transfer.markdown.articles import document
from byline.transfer.markdown.front_matter import read_front_matter
from byline.transfer.markdown.site import Site
from byline.transfer.markdown.sources import Source, find_sources

MAX_FILE = 5_000_000
"""Bytes."""
MAX_BODY = 1_000_000
"""Characters."""

MARKS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16-LE"), (codecs.BOM_UTF16_BE, "UTF-16-BE"))


def read_folder(folder: Path) -> Iterator[Document | Skipped | Unreadable]:
    """All of it, in the order of the paths. Raises FileNotFoundError or NotADirectoryError for what is no folder."""
    found = find_sources(folder)
    return (read(entry, found.site) for entry in found.entries)


def read(entry: Source | Skipped | Unreadable, site: Site) -> Document | Skipped | Unreadable:
    """What one file gives; what is no Source is its own result."""
    if not isinstance(entry, Source):
        return entry
    if entry.is_html and not entry.starts_with_front_matter():
        return Skipped(entry.path, "HTML without front matter")
    try:
        text, encoding = _decoded(_contents(entry.file))
        matter = read_front_matter(text)
        if len(matter.body) > MAX_BODY:
            raise CannotRead(f"the text has {len(matter.body):,} characters, and {MAX_BODY:,} is the most")
        notes = [*matter.notes, *([f"read as {encoding}"] if encoding != "UTF-8" else [])]
        return document(entry, matter, site, notes)
    except CannotRead as error:
        return Unreadable(entry.path, str(error))


def _contents(file: Path) -> bytes:
    try:
        size = os.stat(file).st_size
        if size > MAX_FILE:
            raise CannotRead(f"the file has {size / 1e6:.1f} MB, and {MAX_FILE / 1e6:.0f} MB is the most")
        with file.open("rb") as stream:
            return stream.read(MAX_FILE + 1)  # it may have grown since
    except OSError as error:
        raise CannotRead(f"cannot be opened: {error.strerror}") from None


def _decoded(data: bytes) -> tuple[str, str]:
    """The text without its byte order mark, and the encoding."""
    mark, encoding = next(((mark, encoding) for mark, encoding in MARKS if data.startswith(mark)), (b"", "UTF-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        offset = len(mark) + error.start
        raise CannotRead(f"not {encoding}: byte 0x{data[offset]:02x} at offset {offset:,}") from None
    if "\0" in text:
        offset = len(mark) + len(text[: text.index("\0")].encode(encoding))
        raise CannotRead(f"a NUL character at offset {offset:,}")
    return text, encoding
