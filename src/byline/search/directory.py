"""The index on disk: a folder of its own for each time it was made, and a file that names the one that answers.

search/
├── lock          held by the process of this node that writes
├── current       the name of the folder that answers
├── rebuild       there while somebody wants it to be made anew
├── rebuilding    what `rebuild` becomes when that is begun: who asks later is not served by it
└── <format>-…/   an index
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import tantivy

from byline.search.analysis import stemmer_of
from byline.search.documents import FORMAT, prepare, schema


class Unreadable(Exception):
    """The index is damaged."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The index as it was at a moment."""

    name: str
    stamp: tuple[int, int]
    index: tantivy.Index
    searcher: tantivy.Searcher
    languages: Sequence[str]  # one for each way of stemming, the most frequent first
    answers: dict[Any, Any] = field(default_factory=dict)  # what was found in it


class IndexDirectory:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: Opened | None = None
        self._wanted = folder / "rebuild"
        self._begun = folder / "rebuilding"

    def open(self) -> Opened | None:
        """The newest state of the index that answers; None where there is none. Raises Unreadable."""
        name = self.current()
        if name is None:
            self._opened = None
            return None
        try:
            stamp = _stamp(self.folder / name)
            opened = self._opened
            if opened is None or opened.name != name or opened.stamp != stamp:
                index = opened.index if opened is not None and opened.name == name else open_index(self.folder / name)
                index.reload()
                if opened is not None:
                    opened.answers.clear()  # they refer to it, and would keep its files open
                self._opened = opened = _look(name, stamp, index)
        except (OSError, ValueError) as error:
            raise Unreadable(str(error)) from error
        return opened

    def current(self) -> str | None:
        """The name of the folder that answers, if it is of this format."""
        try:
            name = (self.folder / "current").read_text()
        except FileNotFoundError:
            return None
        return name if name.startswith(f"{FORMAT}-") else None

    def begin(self) -> str:
        """A new folder, for an index that does not answer yet; what earlier tries left behind is removed."""
        if self._wanted.exists():
            self._wanted.replace(self._begun)
        kept = self.current()
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name != kept:
                shutil.rmtree(folder)
        name = f"{FORMAT}-{uuid4().hex}"
        (self.folder / name).mkdir()
        prepare(tantivy.Index(schema(), path=str(self.folder / name)))
        return name

    def let_answer(self, name: str) -> None:
        """From now on this one does; the one before is removed, and with it the wish for another that it answers."""
        new = self.folder / f"current.{os.getpid()}"
        before = self.current()
        new.write_text(name)
        new.replace(self.folder / "current")
        if before is not None and before != name:
            shutil.rmtree(self.folder / before, ignore_errors=True)
        self._begun.unlink(missing_ok=True)

    @property
    def is_rebuild_wanted(self) -> bool:
        return self._wanted.exists() or self._begun.exists()

    def want_rebuild(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._wanted.touch()

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Whether this process may write: of those on this folder, one at a time may."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as file:
            yield _try(file)


def _look(name: str, stamp: tuple[int, int], index: tantivy.Index) -> Opened:
    searcher = index.searcher()
    counted = searcher.aggregate(tantivy.Query.all_query(), {"by": {"terms": {"field": "language", "size": 50}}})
    languages = {stemmer_of(bucket["key"]): bucket["key"] for bucket in reversed(counted["by"]["buckets"])}
    return Opened(name, stamp, index, searcher, list(reversed(languages.values())))


def _try(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_index(folder: Path) -> tantivy.Index:
    return prepare(tantivy.Index.open(str(folder)))


def _stamp(folder: Path) -> tuple[int, int]:
    found = (folder / "meta.json").stat()
    return found.st_mtime_ns, found.st_ino
