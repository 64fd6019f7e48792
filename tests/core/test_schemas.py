import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from byline.core.schemas import MAX_DEPTH, Input, LanguageTag, Moment, Output, Page, Slug, WebAddress


class Anything(Input):
    value: Any = None


def loc(value: Any) -> tuple[Any, ...]:
    """Where `Anything` finds something unfit in a value."""
    with pytest.raises(ValidationError) as caught:
        Anything.model_validate({"value": value})
    [error] = caught.value.errors()
    assert error["type"] == "unfit"
    return tuple(error["ctx"]["loc"])


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        ("\x00", ("value",)),
        ("a\ud800", ("value",)),
        (math.nan, ("value",)),
        ([1, {"a/b": math.inf}], ("value", 1, "a/b")),
        ({"a": {"\x00": 1}}, ("value", "a")),
        ({"a": ["\udfff"]}, ("value", "a", 0)),
    ],
)
def test_the_unstorable_is_found(value: Any, steps: tuple[Any, ...]) -> None:
    assert loc(value) == steps


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_depth_has_a_bound(kind: str) -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value] if kind == "list" else {"a": value}
        return value

    assert Anything.model_validate({"value": nested(MAX_DEPTH)}).value == nested(MAX_DEPTH)
    assert loc(nested(MAX_DEPTH + 1)) == ("value",)
    assert loc(nested(100_000 if kind == "list" else 5000)) == ("value",)


TEXT = st.text(st.characters(exclude_categories=()))  # with surrogates


@settings(max_examples=50)
@given(st.lists(st.floats() | TEXT | st.lists(st.floats() | TEXT, max_size=3), max_size=3))
def test_what_is_let_through_is_text_and_finite(value: Any) -> None:
    try:
        Anything.model_validate({"value": value})
    except ValidationError:
        return
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text:
                assert "\x00" not in text and text.encode().decode() == text
            case float() as number:
                assert math.isfinite(number)
            case list() as items:
                pending.extend(items)


@pytest.mark.parametrize(
    "address",
    [
        *[
            "https://example.com",
            "http://example.com:8080/a?b#c",
            "HTTPS://EXAMPLE.COM",
            "/a.png",
            "a/b.png",
            "?a",
            "#a",
        ],
        *["https://пример.рф/путь", "/javascript:x"],
    ],
)
def test_addresses(address: str) -> None:
    assert TypeAdapter[str](WebAddress).validate_python(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:x",
        " javascript:x",
        "\x01javascript:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:a@b",
        "https:",
        "https:/a",
        "https://",
        "http://[x",
        "/a b",
        "/a\nb",
        "\\\\evil",
        "/\\evil",
        "x" * 2001,
    ],
)
def test_what_is_no_address_of_the_web(address: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[str](WebAddress).validate_python(address)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T09:00:00Z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01T09:00:00+02:00", datetime(2026, 3, 1, 7, tzinfo=UTC)),
        ("2026-03-01T09:00:00.123456-11:30", datetime(2026, 3, 1, 20, 30, 0, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:01Z", datetime(1, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_moments_are_kept_in_utc(text: str, moment: datetime) -> None:
    found = TypeAdapter[datetime](Moment).validate_python(text)
    assert (found, found.tzinfo) == (moment, UTC)


@pytest.mark.parametrize(
    "text",
    [
        *["", "now", "2026-03-01", "2026-03-01T09:00:00", "2026-13-01T09:00:00Z", 0, 1.5, "0", True, None],
        *[
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59.999999Z",
            "9999-12-31T23:59:59-01:00",
        ],
    ],
)
def test_what_is_no_moment(text: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[datetime](Moment).validate_python(text)


@pytest.mark.parametrize(
    ("tag", "fits"), [("en", True), ("pt-BR", True), ("zh-Hant-TW", True), ("e", False), ("", False)]
)
def test_languages(tag: str, fits: bool) -> None:
    try:
        assert TypeAdapter[str](LanguageTag).validate_python(tag) == tag
    except ValidationError:
        assert not fits
    else:
        assert fits


def test_slugs_are_composed() -> None:
    assert TypeAdapter[str](Slug).validate_python("cafe\u0301") == "café"


class Row(Output):
    a: int
    b: str | None
    c: list[int]


def test_a_page_has_a_total_only_where_it_was_counted() -> None:
    page = Page[Row](data=[], next_cursor=None)
    assert page.model_dump() == {"data": [], "next_cursor": None}
    assert Page[Row](data=[], next_cursor=None, total=0).model_dump()["total"] == 0
    assert Page[Row].__name__ == "RowPage"
