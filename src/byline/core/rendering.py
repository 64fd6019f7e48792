"""JSON that is sent as it is: nothing checks it again, for it was checked when it was written."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response


def json_response(content: str | BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """The answer of a route that documents it by `response_model`. A text is JSON already."""
    body = content if isinstance(content, str) else to_json(content)
    return Response(body, headers=headers, media_type="application/json")


def page_of(documents: Iterable[str], next_cursor: str | None, total: int | None) -> str:
    """A `Page` of what is JSON already."""
    counted = "" if total is None else f',"total":{total}'
    return f'{{"data":[{",".join(documents)}],"next_cursor":{to_json(next_cursor).decode()}{counted}}}'
