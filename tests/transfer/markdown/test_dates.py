from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from byline.transfer.markdown.dates import is_ambiguous, read_date

OSLO = ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("2021-08-26", "2021-08-26T00:00:00+02:00"),
        ("2021-1-6", "2021-01-06T00:00:00+01:00"),
        ("2021/08/26", "2021-08-26T00:00:00+02:00"),
        ("2021-08-26 10:15", "2021-08-26T10:15:00+02:00"),
        ("2021-8-26 9:05:07", "2021-08-26T09:05:07+02:00"),
        ("2021-08-26T10:15:00Z", "2021-08-26T10:15:00+00:00"),
        ("2021-08-26 10:15:00 -0700", "2021-08-26T10:15:00-07:00"),
        ("2021-08-26 10:15:00 +05:30", "2021-08-26T10:15:00+05:30"),
        ("2021-08-26 10:15 PM", "2021-08-26T22:15:00+02:00"),
        ("2021-08-26 10:15:00 UTC", "2021-08-26T10:15:00+00:00"),
        ("2021-08-26 10:15:00 PST", "2021-08-26T10:15:00-08:00"),
        ("2021-08-26 10:15:00 XYZ", "2021-08-26T10:15:00+02:00"),
        ("2023-01-29 18:30:22 2023 -0800", "2023-01-29T18:30:22-08:00"),
        ("2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02T15:04:05.999999-07:00"),
        ("Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05+00:00"),
        ("Mon Jan  2 15:04:05 2006", "2006-01-02T15:04:05+01:00"),
        ("May 3rd, 2015", "2015-05-03T00:00:00+02:00"),
        ("March 2015", "2015-03-01T00:00:00+01:00"),
        (2015, "2015-01-01T00:00:00+01:00"),
        (20210826, "2021-08-26T00:00:00+02:00"),
        (1630000000, "2021-08-26T17:46:40+00:00"),
        (1630000000000, "2021-08-26T17:46:40+00:00"),
        ("26.08.2021", "2021-08-26T00:00:00+02:00"),
        ("06.05.2014", "2014-05-06T00:00:00+02:00"),
        ("06-05-2014", "2014-05-06T00:00:00+02:00"),
        ("06/05/2014", "2014-06-05T00:00:00+02:00"),
        ("26/08/2021", "2021-08-26T00:00:00+02:00"),
    ],
)
def test_dates_as_they_are_written(written: JsonValue, iso: str) -> None:
    moment = read_date(written, OSLO)
    assert moment is not None and moment.isoformat() == iso


@pytest.mark.parametrize(
    "written",
    [
        *("2021-13-45", "2021-02-30", "tomorrow", "12:30", "Jan 2", "10", "", "9" * 50, "5 mai 2015", "2015年5月6日"),
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-08:00", "2021-08-26 10:15:00 +9999", "Jan 2 10:30 +0200"),
        *(None, True, False, 7, 1.5, 1e300, ["2021-08-26"], {"date": "2021-08-26"}),
    ],
)
def test_what_is_no_date(written: JsonValue) -> None:
    assert read_date(written, UTC) is None


def test_jekyll_reads_the_day_first() -> None:
    moment = read_date("01/02/2015", UTC, day_first=True)
    assert moment == datetime(2015, 2, 1, tzinfo=UTC)
    assert read_date("2015/02/01", UTC, day_first=True) == moment


@pytest.mark.parametrize(
    ("written", "ambiguous"),
    [
        ("01/02/2015", True),
        ("01-02-2015 10:00", True),
        ("13/02/2015", False),
        ("02/02/2015", False),
        ("2015-01-02", False),
    ],
)
def test_ambiguous_dates_are_known(written: str, ambiguous: bool) -> None:
    assert is_ambiguous(written) is ambiguous


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_every_rfc_3339_time_is_read(moment: datetime, minutes: int) -> None:
    written = f"{moment.isoformat()}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    assert read_date(written, OSLO) == moment.replace(tzinfo=UTC) - timedelta(minutes=minutes)


@given(st.one_of(st.text(alphabet="0123456789-/.:TZ +apmJanMonGMT,", max_size=40), st.integers(), st.floats()))
def test_anything_else_is_a_date_or_none(written: str | int | float) -> None:
    moment = read_date(written, OSLO)
    assert moment is None or moment.astimezone(UTC).year > 1
