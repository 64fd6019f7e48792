"""What is rendered without being checked is what the model would make of it."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import Field, JsonValue

from byline.core.rendering import json_response, rendered
from byline.core.schemas import Output, SiteUrl
from byline.posts.models import Kind


class Inner(Output):
    name: str
    url: SiteUrl = Field(validation_alias="path")
    note: str | None = None


class Outer(Output):
    id: UUID
    kind: Kind
    url: SiteUrl = Field(validation_alias="path")
    at: datetime
    names: list[str]
    custom: dict[str, JsonValue]
    first: Inner | None = Field(validation_alias="one")
    others: list[Inner]
    hidden: bool = Field(exclude=True)


ROW: dict[str, Any] = {
    "id": UUID("00000000-0000-7000-8000-000000000001"),
    "kind": "post",
    "path": "/posts/Привет мир",
    "at": datetime(2026, 3, 1, 9, 0, 0, 120, tzinfo=UTC),
    "names": ["a", "b"],
    "custom": {"path": "/x", "deep": [{"very": 1.5}]},
    "one": {"name": "One", "path": "/one", "besides": True},
    "others": [{"name": "Two", "path": "/two", "note": "here"}, {"name": "\u2028</script>", "path": "/three"}],
    "hidden": True,
    "unasked": object(),
}


@pytest.mark.parametrize("changes", [{}, {"one": None}, {"others": [], "names": [], "custom": {}}])
def test_it_is_what_the_model_would_make_of_it(changes: dict[str, Any]) -> None:
    row = {**ROW, **changes}
    expected = Outer.of(row, site_url="https://blog.example").model_dump_json()
    assert bytes(json_response(rendered(Outer, row, "https://blog.example")).body) == expected.encode()


def test_only_the_named_fields_are_read() -> None:
    shown = rendered(Outer, {"path": "/a", "names": []}, "https://blog.example", frozenset({"names", "url"}))
    assert json.dumps(shown) == '{"url": "https://blog.example/a", "names": []}'
