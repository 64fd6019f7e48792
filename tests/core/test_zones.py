"""Which moment it is when the clocks of a place show a time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from byline.core.errors import Invalid
from byline.core.settings import Settings
from byline.core.zones import NoSuchTime, moment, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
PLACES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]


@pytest.mark.parametrize(
    ("zone", "shown", "is_"),
    [
        ("Europe/Berlin", "2027-01-15T09:00:00", "2027-01-15T08:00:00"),
        ("Europe/Berlin", "2027-03-28T01:59:59", "2027-03-28T00:59:59"),
        ("Europe/Berlin", "2027-03-28T03:00:00", "2027-03-28T01:00:00"),  # a second later
        ("Europe/Berlin", "2027-03-28T09:00:00", "2027-03-28T07:00:00"),
        ("Europe/Berlin", "2027-10-31T02:30:00", "2027-10-31T00:30:00"),  # twice: the first
        ("Europe/Berlin", "2027-10-31T03:00:00", "2027-10-31T02:00:00"),
        ("America/New_York", "2027-11-07T01:30:00", "2027-11-07T05:30:00"),
        ("Australia/Lord_Howe", "2027-04-04T01:45:00", "2027-04-03T14:45:00"),  # half an hour back
        ("Asia/Kathmandu", "2027-01-01T00:00:00.5", "2026-12-31T18:15:00.5"),
        ("Europe/Berlin", "2027-10-31T02:30:00+01:00", "2027-10-31T01:30:00"),  # the second, for it says so
    ],
)
def test_what_clocks_show(zone: str, shown: str, is_: str) -> None:
    found = moment(datetime.fromisoformat(shown), ZoneInfo(zone), pointer="/at")
    assert found == datetime.fromisoformat(is_).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "2027-03-28T02:00:00"),
        ("Europe/Berlin", "2027-03-28T02:59:59.999999"),
        ("America/New_York", "2027-03-14T02:30:00"),
        ("Australia/Lord_Howe", "2027-10-03T02:15:00"),
        ("Pacific/Apia", "2011-12-30T12:00:00"),  # a whole day that there was not
    ],
)
def test_what_clocks_never_show(zone: str, shown: str) -> None:
    with pytest.raises(NoSuchTime) as refused:
        moment(datetime.fromisoformat(shown), ZoneInfo(zone), pointer="/at")
    assert shown.removesuffix(".999999") in str(refused.value) and zone in str(refused.value)


@given(st.datetimes(), st.sampled_from(PLACES))
def test_a_clock_shows_it_at_that_moment_and_never_before(shown: datetime, place: str) -> None:
    zone = ZoneInfo(place)
    try:
        found = moment(shown, zone, pointer="/at")
    except Invalid:
        return
    assert found.astimezone(zone).replace(tzinfo=None) == shown
    for earlier in (timedelta(minutes=30), timedelta(hours=1)):
        if found > datetime.min.replace(tzinfo=UTC) + timedelta(days=2):
            assert (found - earlier).astimezone(zone).replace(tzinfo=None) != shown


@pytest.mark.parametrize("shown", ["0001-01-01T00:30:00", "0001-01-01T00:53:28"])
def test_what_is_out_of_range(shown: str) -> None:
    with pytest.raises(Invalid, match="out of range"):
        moment(datetime.fromisoformat(shown), BERLIN, pointer="/at")


@pytest.mark.parametrize("name", ["Europe/Nowhere", "Europe", "", "../etc/passwd", "/etc/localtime", "+02:00", "\0"])
def test_a_zone_that_there_is_not_stops_the_start(name: str) -> None:
    with pytest.raises(ValidationError, match="is no time zone such as Europe/Berlin"):
        Settings(_env_file=None, site_time_zone=name)
    assert Settings(_env_file=None, site_time_zone="Europe/Berlin").zone is zone_of("Europe/Berlin")
