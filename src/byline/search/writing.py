"""Writing the index. All of it blocks; one process of a node may, at a time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

import tantivy

from byline.search.documents import STATE, Article, Name, schema

MEMORY = 50_000_000  # bytes that wait to be written


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be replaced, by keys, and what is there in its place."""

    keys: Sequence[str]
    documents: Sequence[Article | Name]


class Writer:
    def __init__(self, index: tantivy.Index) -> None:
        self._writer = index.writer(MEMORY, 1)
        self._busy = Lock()  # whoever is cancelled closes it, while its thread may still be writing

    def apply(self, changed: Changed) -> None:
        with self._busy:
            for found in changed.keys:
                self._writer.delete_documents_by_term("key", found)
            for document in changed.documents:
                self._writer.add_document(document.document())

    def save(self, position: int, event: UUID | None) -> None:
        """`position` in the feed, up to which all is written."""
        state = json.dumps([position, None if event is None else str(event)])
        with self._busy:
            self._writer.delete_documents_by_term("key", STATE)
            self._writer.add_document(tantivy.Document(key=STATE, kind=STATE, state=state))
            self._writer.commit()

    def close(self) -> None:
        with self._busy:
            self._writer.wait_merging_threads()


def state_of(index: tantivy.Index) -> tuple[int, UUID | None] | None:
    """The position that was committed, and the event that was there."""
    searcher = index.searcher()
    found = searcher.search(tantivy.Query.term_query(schema(), "key", STATE), limit=1).hits
    if not found:
        return None
    position, event = json.loads(searcher.doc(found[0][1])["state"][0])
    return position, None if event is None else UUID(event)
