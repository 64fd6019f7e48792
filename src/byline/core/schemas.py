"""The bases of what goes over the wire, and the types that several rooms share."""

import math
import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Generic, Self, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from byline.core.slugs import MAX_LENGTH, is_slug

MAX_DEPTH = 100
"""How deep arrays and objects may be nested in what clients send."""

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class Input(BaseModel):
    """What clients send. Unknown members are refused, and so is what PostgreSQL cannot hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unstorable(cls, data: Any) -> Any:
        _check_storable(data)
        return data


def _check_storable(value: Any, *steps: str | int) -> None:
    """JSON allows what PostgreSQL's text and jsonb do not: NUL, lone surrogates, and (in Python) NaN and Infinity.

    `steps` lead to the value; the context of the error has them as `loc`.
    """
    match value:
        case str() if _UNSTORABLE.search(value):
            raise _unfit("holds a NUL character or half a surrogate pair", *steps)
        case float() if not math.isfinite(value):
            raise _unfit("is not a finite number", *steps)
        case dict() | list() if len(steps) > MAX_DEPTH:
            raise _unfit(f"is nested more than {MAX_DEPTH} levels deep", *steps[:1])
        case dict():
            for key, item in value.items():
                if isinstance(key, str) and _UNSTORABLE.search(key):
                    raise _unfit(f"has the key {key!a}, with a NUL character or half a surrogate pair", *steps)
                _check_storable(item, *steps, key)
        case list():
            for position, item in enumerate(value):
                _check_storable(item, *steps, position)
        case _:
            pass


def _unfit(message: str, *steps: str | int) -> PydanticCustomError:
    return PydanticCustomError("unfit", "{reason}", {"reason": message, "loc": steps})


class Output(BaseModel):
    """What Byline answers. Every key is always there; null stands for nothing."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    @classmethod
    def of(cls, row: object, *, site_url: str) -> Self:
        """Made from a row; `site_url` turns its paths into addresses."""
        return cls.model_validate(row, context={"site_url": site_url})


@lru_cache(10_000)
def public_address(path: str, site_url: str) -> str:
    return f"{site_url}{quote(path)}"


def _absolute(path: str, info: ValidationInfo) -> str:
    # Only `Output.of` passes a context; an address that is validated again is complete already.
    return public_address(path, info.context["site_url"]) if info.context else path


IS_PATH = BeforeValidator(_absolute)
SiteUrl = Annotated[str, IS_PATH, Field(json_schema_extra={"format": "uri"})]
"""The public address of a row, made from its `path` by `Output.of`."""


def _check_slug(value: str) -> str:
    slug = unicodedata.normalize("NFC", value)
    if not is_slug(slug):
        raise ValueError("must be letters and digits of any script, with - _ ~ and dots inside")
    return slug


Slug = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_LENGTH),
    AfterValidator(_check_slug),
    Field(examples=["how-to-measure"]),
]
"""One segment of an address, as `core.slugs.is_slug` has it."""


def _check_web_address(value: str) -> str:
    """Refuses what is not http(s) or a path of the site: `javascript:`, `data:` and the rest."""
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise ValueError("is not an address") from error
    if any(character.isspace() or ord(character) < 32 for character in value) or "\\" in value:
        raise ValueError("is not an address")
    if parts.scheme not in {"", "http", "https"} or (parts.scheme and not parts.netloc):
        raise ValueError("must be an http or https address, or a path of the site")
    return value


WebAddress = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    AfterValidator(_check_web_address),
    Field(examples=["https://example.com/picture.jpg"]),
]
"""An http(s) address, or a path of the site itself."""

LanguageTag = Annotated[
    str,
    StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"),
    Field(examples=["en", "pt-BR"]),
]
"""A language as BCP 47 writes it."""


def _check_rfc3339(value: Any) -> Any:
    # Pydantic alone would take "0.5", and numbers, for seconds since 1970.
    if not isinstance(value, datetime) and not (
        isinstance(value, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)
    ):
        raise ValueError("must be a time such as 2026-03-01T09:00:00Z")
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error
    if moment.replace(tzinfo=None) in {datetime.min, datetime.max}:  # asyncpg takes these for minus and plus infinity
        raise ValueError("is out of range")
    return moment


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_check_rfc3339),
    AfterValidator(_to_utc),
    Field(examples=["2026-03-01T09:00:00Z"]),
]
"""A point in time (RFC 3339), with its zone; kept in UTC."""


def _check_time_of_day(value: Any) -> Any:
    # Pydantic alone would take a date for its midnight.
    if isinstance(value, str) and len(value) < len("2026-03-01T09:00"):
        raise ValueError("must be a time such as 2026-03-01T09:00:00Z, or 2026-03-01T09:00:00 in the zone of the site")
    return _check_rfc3339(value)


def _check_wall_clock(value: datetime) -> datetime:
    if value.tzinfo is not None:
        return _to_utc(value)
    _to_utc(value.replace(tzinfo=UTC))
    return value


WallClock = Annotated[
    datetime,
    BeforeValidator(_check_time_of_day),
    AfterValidator(_check_wall_clock),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [
                {"format": "date-time"},
                {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?$"},
            ],
            "examples": ["2026-03-01T09:00:00Z", "2026-03-01T09:00:00"],
        }
    ),
]
"""A `Moment`; or without an offset what clocks show in the site's zone, of which `core.zones.moment` makes one."""

ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
LongText = Annotated[str, StringConstraints(max_length=10_000)]


T = TypeVar("T")


class Page(Output, Generic[T]):
    """One page of a list. `next_cursor` is null on the last one; `total` is there when `count=true` asked for it."""

    data: list[T]
    next_cursor: str | None
    total: Annotated[int | None, Field(exclude_if=lambda value: value is None)] = None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__}Page"


class PageQuery(Input):
    """The parameters that every list takes."""

    limit: int = Field(20, ge=1, le=100, description="How many, at most.")
    # A title of 500 characters that JSON escapes, each with six, makes a cursor of 4,200.
    cursor: str | None = Field(None, max_length=5000, description="`next_cursor` of the page before.")
    count: bool = Field(False, description="Add `total`, the number of all that match.")
