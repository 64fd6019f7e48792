"""Wall-clock times: what the clocks in the zone of the site show, and which moment that is."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from byline.core.errors import Invalid


class NoSuchTime(Invalid):
    code = "no_such_time"
    title = "Clocks never show this time: they are put forward over it"


def zone_of(name: str) -> ZoneInfo:
    """Raises ValueError, where it is not the name of a zone or the machine knows none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            "is no time zone such as Europe/Berlin, or this machine has no data about them: "
            "`pip install tzdata` brings it"
        ) from error


def moment(time: datetime, zone: tzinfo, *, pointer: str) -> datetime:
    """In UTC. A time without an offset is read in the zone: of the two moments at which clocks show it, the first one.

    Raises NoSuchTime, Invalid.
    """
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    try:
        found = time.replace(tzinfo=zone, fold=0).astimezone(UTC)
        shown = found.astimezone(zone).replace(tzinfo=None)
    except OverflowError as error:
        raise Invalid("is out of range", pointer=pointer) from error
    if found.replace(tzinfo=None) in {datetime.min, datetime.max}:  # for asyncpg minus and plus infinity
        raise Invalid("is out of range", pointer=pointer)
    if shown != time:
        raise NoSuchTime(f"{time.isoformat()} is skipped in {zone}: clocks are put forward over it", pointer=pointer)
    return found
