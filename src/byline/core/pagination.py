"""Keyset pages: the next page begins after the last row of this one, so depth costs nothing and rows never repeat.

A cursor holds the sort, the last row's value and its id, as JSON with a signature, in base64url. It is opaque to
clients and good for any filter.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from byline.core.errors import Invalid
from byline.core.schemas import PageQuery

Sorts = Mapping[str, InstrumentedAttribute[Any]]
"""The columns a list may be sorted by, under the names that clients use. None of them may be null."""


# How what JSON does not know is read again.
_PARSERS: dict[type, Callable[[str], Any]] = {datetime: datetime.fromisoformat, UUID: UUID, int: int}


class InvalidCursor(Invalid):
    code = "invalid_cursor"
    title = "The cursor is not one of ours, or belongs to another sort order"


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Rows(Generic[R]):
    data: Sequence[R]
    next_cursor: str | None
    total: int | None


async def paginate(
    session: AsyncSession,
    statement: Select[R],
    query: PageQuery,
    *,
    sort: str,
    sorts: Sorts,
    secret: str,
) -> Rows[R]:
    """One page of the rows that `statement` selects, in the order of `sort`: a key of `sorts`, with `-` to descend.

    The id decides between equal values; where single columns are selected, both are among them. Raises InvalidCursor.
    """
    last = None if query.cursor is None else last_of(query.cursor, sort, sorts, secret)
    page = ordered(statement, sort, sorts, last).limit(query.limit + 1)
    result = await session.execute(page)
    found: Sequence[Any] = result.all() if len(result.keys()) > 1 else result.scalars().all()
    total = await session.scalar(counted(statement, sort, sorts)) if query.count else None
    return cut(found, query, sort, sorts, secret, total)


def column_of(sort: str, sorts: Sorts) -> InstrumentedAttribute[Any]:
    """That of a key, with `-` or without."""
    return sorts[sort.removeprefix("-")]


def cut(
    found: Sequence[R],
    query: PageQuery,
    sort: str,
    sorts: Sorts,
    secret: str,
    total: int | None,
    *,
    value: Callable[[R, str], Any] = getattr,
) -> Rows[R]:
    """The page, of what was found for it and the next row, if there is one. `value` reads a column of a row."""
    rows, next_cursor = found[: query.limit], None
    if len(found) > query.limit:
        last = value(rows[-1], column_of(sort, sorts).key), value(rows[-1], "id")
        next_cursor = encode_cursor(sort, *last, secret)
    return Rows(rows, next_cursor, total)


def ordered(statement: Select[R], sort: str, sorts: Sorts, last: tuple[Any, Any] | None) -> Select[R]:
    """In the order of `sort`, after the row that has these two values: that of the order, and the id."""
    column, descending = column_of(sort, sorts), sort.startswith("-")
    id_column = column.class_.id
    if last is not None:
        here, there = tuple_(column, id_column), tuple_(*last)
        statement = statement.where(here < there if descending else here > there)
    return statement.order_by(*((column.desc(), id_column.desc()) if descending else (column, id_column)))


def counted(statement: Select[Any], sort: str, sorts: Sorts) -> Select[int]:
    """How many rows the statement has."""
    ids = statement.with_only_columns(column_of(sort, sorts).class_.id).order_by(None).subquery()
    return select(func.count().label("total")).select_from(ids)


def last_of(cursor: str, sort: str, sorts: Sorts, secret: str) -> tuple[Any, Any]:
    """The two values that the page ended with which the cursor follows. Raises InvalidCursor."""
    value, row_id = decode_cursor(cursor, sort, secret)
    column = column_of(sort, sorts)
    return _parse(column, value), _parse(column.class_.id, row_id)


def _parse(column: InstrumentedAttribute[Any], value: Any) -> Any:
    parser = _PARSERS.get(column.type.python_type)
    return value if parser is None else parser(value)


def encode_cursor(sort: str, value: Any, row_id: UUID | int, secret: str) -> str:
    payload = json.dumps([sort, value, str(row_id)], default=str, ensure_ascii=False, separators=(",", ":")).encode()
    return _base64(_signature(payload, secret) + payload)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_cursor(cursor: str, sort: str, secret: str, *, pointer: str = "/query/cursor") -> tuple[Any, str]:
    """The value and the id that a cursor of this sort was made of. Raises InvalidCursor."""
    try:
        signed = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor(pointer=pointer) from error
    signature, payload = signed[:12], signed[12:]
    # The decoder skips what is no base64, so more than one text would stand for the same bytes.
    if _base64(signed) != cursor or not hmac.compare_digest(signature, _signature(payload, secret)):
        raise InvalidCursor(pointer=pointer)
    made_for, value, row_id = json.loads(payload)
    if made_for != sort:
        raise InvalidCursor("this cursor was made for another sort order", pointer=pointer)
    return value, row_id


def _signature(payload: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"cursor:" + payload, hashlib.sha256)[:12]
