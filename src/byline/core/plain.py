"""Selects that are compiled once and sent by the driver itself: for the few reads that most requests are.

A session takes longer than the database does: it puts the statement together, looks up what it compiled, and opens a
transaction of its own. Here nothing is left of that but the pool (`Readers.rows`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from byline.core.reads import Compiler, note

Row = dict[str, Any]

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_DIALECT.statement_compiler = Compiler


@dataclass(frozen=True, slots=True)
class Query:
    sql: str
    values: Mapping[str, Any]
    """By name, in the order of the placeholders; what a request says takes the place of what is there, or is not needed
    here.
    """
    tables: frozenset[str]

    async def rows(self, connection: asyncpg.Connection, values: Mapping[str, Any]) -> list[Row]:
        note(self.tables)
        found = await connection.fetch(self.sql, *(values.get(name, own) for name, own in self.values.items()))
        return [dict(record) for record in found]


def compiled(statement: Select[Any]) -> Query:
    """Of a statement whose values are bound by name, without an `IN` of many of them."""
    written = statement.compile(dialect=_DIALECT)
    assert isinstance(written, Compiler)
    assert written.positiontup is not None
    values = {name: written.params[name] for name in written.positiontup}
    return Query(written.string, values, frozenset(written.tables))
