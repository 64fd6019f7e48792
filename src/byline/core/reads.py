"""Which tables a request reads, told by the statements that it sends: no query has to declare anything.

The compiler notes each table that it writes into a statement. What is SQL already (`text(…)`) or changes anything tells
nothing that could be relied upon: a request that sends such is not known.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(slots=True)
class Reads:
    tables: set[str] = field(default_factory=set)
    is_known: bool = True
    is_delivery: bool = False
    """Whether the answer is one that `delivered` marks."""


_reads: ContextVar[Reads | None] = ContextVar("reads", default=None)


class Compiler(PGCompiler_asyncpg):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.tables: set[str] = set()
        self.is_known = True
        super().__init__(*args, **kwargs)  # which compiles

    def visit_table(self, table: Any, *args: Any, **kwargs: Any) -> str:
        self.tables.add(table.name)
        written: str = super().visit_table(table, *args, **kwargs)  # type: ignore[no-untyped-call]
        return written

    def visit_textclause(self, *args: Any, **kwargs: Any) -> str:
        self.is_known = False
        written: str = super().visit_textclause(*args, **kwargs)  # type: ignore[no-untyped-call]
        return written


def note_reads(engine: AsyncEngine) -> None:
    """From now on the statements of the engine are noted."""
    engine.dialect.statement_compiler = Compiler
    event.listen(engine.sync_engine, "before_cursor_execute", _note)


def _note(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: bool) -> None:
    reads = _reads.get()
    if reads is None:
        return
    compiled = context.compiled
    if isinstance(compiled, Compiler) and compiled.is_known and not compiled.dml_compile_state:
        reads.tables |= compiled.tables
    else:
        reads.is_known = False


@contextmanager
def noting() -> Iterator[Reads]:
    """What is read within this."""
    reads = Reads()
    token = _reads.set(reads)
    try:
        yield reads
    finally:
        _reads.reset(token)


def note(tables: frozenset[str]) -> None:
    """For what sends a statement past the engine."""
    reads = _reads.get()
    if reads is not None:
        reads.tables |= tables


async def delivered() -> None:
    """A dependency of what is the same for all readers until a table changes, that it has read, or the time comes for
    which something is scheduled. Only this is answered from memory.
    """
    reads = _reads.get()
    if reads is not None:
        reads.is_delivery = True
