"""Dates as people and generators write them in front matter and in names of files."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from dateutil import parser
from pydantic import JsonValue

ISO_START = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:[T\s]+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?(?!\d)")
OFFSET = re.compile(r"\s*([+-]\d{2}:?\d{2})\b")
MERIDIEM = re.compile(r"[ap]\.?m\b", re.IGNORECASE)
YEAR = re.compile(r"\d{4}")
DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([-./])(\d{1,2})\2\d{4}(?!\d)")

# RFC 5322 §4.3, and what `date` prints in Europe. Other names say nothing: half of them mean several zones.
ZONES = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT", "WET"), 0),
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3},
}


def read_date(value: JsonValue, zone: tzinfo, *, day_first: bool = False) -> datetime | None:
    """The moment a value names, or None. A date without a time is its midnight; without a zone it is in `zone`.

    A number is a Unix time, or eight digits such as 20210826. `day_first` reads 01/02/2015 as Ruby does, the first of
    February; with dots or hyphens the day always comes first.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    if not text.isascii() or len(text) > 60:
        return None
    try:
        moment = _timestamp(value) or _parse(text, day_first)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if in_utc.year > 1 else None  # year 1: Go's zero time, or no year at all


def is_ambiguous(value: JsonValue) -> bool:
    """Whether a value such as 01/02/2015 can be read as two dates."""
    found = DAY_OR_MONTH_FIRST.match(value.strip()) if isinstance(value, str) else None
    return bool(found and max(int(found[1]), int(found[3])) <= 12 and found[1] != found[3])


def _timestamp(value: JsonValue) -> datetime | None:
    if isinstance(value, str) or not isinstance(value, int | float) or abs(value) < 100_000_000:
        return None
    seconds = value / 1000 if abs(value) >= 100_000_000_000 else value
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _parse(text: str, day_first: bool) -> datetime:
    """Raises ValueError or OverflowError."""
    try:
        return datetime.fromisoformat(OFFSET.sub(r"\1", text))
    except ValueError:
        pass
    written = DAY_OR_MONTH_FIRST.match(text)
    day_first = bool(written) and (day_first or written[2] != "/") if written else False
    try:
        if not YEAR.search(text):
            raise ValueError("no year")
        return parser.parse(text, default=datetime(1, 1, 1), tzinfos=_zone, dayfirst=day_first)
    except ValueError:
        return _lenient(text)


def _lenient(text: str) -> datetime:
    """An ISO date and time with something odd between it and the offset, as in "2023-01-29 18:30:22 2023 -0800"."""
    start = ISO_START.match(text)
    if not start or MERIDIEM.search(text):
        raise ValueError(text)
    day = "-".join(part.zfill(2) for part in start[1].split("-"))
    offset = OFFSET.search(text, start.end())
    return datetime.fromisoformat(f"{day}T{start[2].zfill(5) if start[2] else '00:00'}{offset[1] if offset else ''}")


def _zone(name: str | None, offset: int | None) -> tzinfo | None:
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    hours = ZONES.get(name or "")
    return None if hours is None else timezone(timedelta(hours=hours))
