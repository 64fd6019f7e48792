"""What readers get of a post as JSON that PostgreSQL has put together: to make objects of the rows, and JSON of these,
takes longer than the database does for all of it.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Label, Select, Text, bindparam, case, cast, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, join

from byline.core.schemas import Output
from byline.posts.columns import COMPUTED, authors, column, said
from byline.posts.models import Post

SITE_URL = bindparam("site_url", type_=Text())
"""What addresses begin with."""

_UNRESERVED = "[A-Za-z0-9/._~-]"


def documented(
    statement: Select[Any], model: type[Output], names: frozenset[str] | None, columns: Iterable[Label[Any]]
) -> Select[Any]:
    """In place of what it selects, `document`: the JSON of the model, or of the named fields of it, as the model itself
    would write it; and these columns. What is JSON in the row is shown as it stands.
    """
    fields = {name: field for name, field in model.model_fields.items() if names is None or name in names}
    shown = select(*(_shown(str(field.validation_alias or name)).label(name) for name, field in fields.items()))
    row = shown.correlate(Post).lateral("shown")
    document = cast(func.row_to_json(row.table_valued()), Text).label("document")
    return statement.with_only_columns(document, *columns).select_from(join(Post, row, true()))


def _shown(name: str) -> ColumnElement[Any] | InstrumentedAttribute[Any]:
    match name:
        case "path":
            return SITE_URL.concat(escaped(COMPUTED["path"]))
        case "authors":
            return authors()
    found = column(name)
    return _moment(found) if isinstance(found.type, DateTime) else found


def _moment(time: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """As Pydantic writes it (RFC 3339): in UTC, with microseconds where there are any."""
    written = func.to_char(func.timezone(said("UTC"), time), said('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    return func.replace(written, said(".000000Z"), said("Z"), type_=Text())


def escaped(path: ColumnElement[str]) -> ColumnElement[str]:
    """As `urllib.parse.quote` does it: percent-encoded (RFC 3986 §2.1), if need be, which is seldom."""
    letter = func.regexp_split_to_table(path, said("")).table_valued("text", with_ordinality="place").render_derived()
    octets = func.encode(func.convert_to(letter.c.text, said("UTF8")), said("hex"))
    encoded = func.regexp_replace(func.upper(octets), said("(..)"), said(r"%\1"), said("g"))
    written = case((letter.c.text.op("~")(said(_UNRESERVED)), letter.c.text), else_=encoded)
    whole = select(func.string_agg(written, aggregate_order_by(said(""), letter.c.place))).scalar_subquery()
    return case((path.op("~")(said(f"^{_UNRESERVED}*$")), path), else_=whole)
