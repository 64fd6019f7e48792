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

from sqlalchemy import ColumnElement, Select, func, select, tuple_
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
    id_column: InstrumentedAttribute[Any],
    secret: str,
) -> Rows[R]:
    """One page of the rows that `statement` selects, in the order of `sort`: a key of `sorts`, with `-` to descend.

    `id_column` decides between equal values; where single columns are selected, both are among them. Raises
    InvalidCursor.
    """
    column, descending = sorts[sort.removeprefix("-")], sort.startswith("-")
    page = statement
    if query.cursor is not None:
        value, row_id = decode_cursor(query.cursor, sort, secret)
        last = _parse(column, value), _parse(id_column, row_id)
        page = page.where(_after(column, id_column, descending, last))
    order = (column.desc(), id_column.desc()) if descending else (column.asc(), id_column.asc())
    result = await session.execute(page.order_by(*order).limit(query.limit + 1))
    found: Sequence[Any] = result.all() if len(result.keys()) > 1 else result.scalars().all()
    rows = found[: query.limit]
    next_cursor = None
    if len(found) > query.limit:
        next_cursor = encode_cursor(sort, getattr(rows[-1], column.key), getattr(rows[-1], id_column.key), secret)
    total = None
    if query.count:
        counted = statement.with_only_columns(id_column).order_by(None).subquery()
        total = await session.scalar(select(func.count()).select_from(counted))
    return Rows(rows, next_cursor, total)


def _after(
    column: InstrumentedAttribute[Any], id_column: InstrumentedAttribute[Any], descending: bool, last: tuple[Any, Any]
) -> ColumnElement[bool]:
    here, there = tuple_(column, id_column), tuple_(*last)
    return here < there if descending else here > there


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
