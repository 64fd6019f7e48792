"""JSON of what our own statements have selected, in the shape of a model. It was checked when it was written; to check
it again takes longer than to read it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response

from byline.core.schemas import IS_PATH, public_address

Part = Callable[[Any, str], Any]
"""Makes of a value, and the site's address, what is shown."""


@dataclass(frozen=True, slots=True)
class _Shape:
    sources: list[tuple[str, str]]
    """What shows it, and what holds it."""
    defaults: dict[str, Any]
    parts: list[tuple[str, Part]]

    def of(self, row: Mapping[str, Any], site_url: str) -> dict[str, Any]:
        try:
            shown = {name: row[source] for name, source in self.sources}
        except KeyError:  # in what was stored as JSON
            shown = {name: row.get(source, self.defaults[name]) for name, source in self.sources}
        for name, part in self.parts:
            shown[name] = part(shown[name], site_url)
        return shown


def rendered(
    model: type[BaseModel], row: Mapping[str, Any], site_url: str, names: frozenset[str] | None = None
) -> dict[str, Any]:
    """The named fields of the model, or all: what `Output.of` and `model_dump` would make of the row."""
    return _shape(model, names).of(row, site_url)


@lru_cache(maxsize=1000)
def _shape(model: type[BaseModel], names: frozenset[str] | None = None) -> _Shape:
    fields = {
        name: field
        for name, field in model.model_fields.items()
        if not field.exclude and (names is None or name in names)
    }
    parts = {name: _part(field.annotation, field.metadata) for name, field in fields.items()}
    return _Shape(
        [(name, str(field.validation_alias or name)) for name, field in fields.items()],
        {name: field.get_default() for name, field in fields.items()},
        [(name, part) for name, part in parts.items() if part is not None],
    )


def _part(annotation: Any, metadata: list[Any]) -> Part | None:
    """None where a value is shown as it is."""
    if IS_PATH in metadata:
        return public_address
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _shape(annotation).of
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    inner = _part(kinds[0], []) if len(kinds) == 1 else None
    if inner is None:
        return None
    return partial(_array, inner) if get_origin(annotation) is list else partial(_optional, inner)


def _array(part: Part, values: list[Any], site_url: str) -> list[Any]:
    return [part(value, site_url) for value in values]


def _optional(part: Part, value: Any, site_url: str) -> Any:
    return None if value is None else part(value, site_url)


def json_response(content: dict[str, Any] | BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """The answer of a route that documents it by `response_model`: nothing checks it again."""
    return Response(to_json(content), headers=headers, media_type="application/json")
