"""All events in order, for who follows what happens at the desk."""

import httpx
import pytest
from sqlalchemy import text

from byline.core import events
from tests import make
from tests.conftest import Sessions

EVENTS = "/v1/manage/events"


@pytest.fixture
async def tag_id(sessions: Sessions) -> str:
    """That of a tag which two of four events are about."""
    async with sessions.begin() as session:
        tag = await make.tag(session, "One")
        await make.tag(session, "Two")
        await make.series(session)
        events.record(session, "tag.updated", tag, tag.change({"name": "Uno"}))
        await session.flush()
        await session.execute(text("set constraints all immediate"))  # as at the end of a transaction
    return str(tag.id)


async def listed(desk: httpx.AsyncClient, **parameters: str | int) -> list[tuple[int, str]]:
    response = await desk.get(EVENTS, params=parameters)
    assert response.status_code == 200, response.text
    return [(event["sequence"], event["type"]) for event in response.json()["data"]]


async def test_they_come_in_order_and_by_what_is_asked_for(desk: httpx.AsyncClient, tag_id: str) -> None:
    all_of_them = await listed(desk)
    first = all_of_them[0][0]
    assert all_of_them == [
        (first, "tag.created"),
        (first + 1, "tag.created"),
        (first + 2, "series.created"),
        (first + 3, "tag.updated"),
    ]
    assert await listed(desk, sort="-sequence") == all_of_them[::-1]
    assert await listed(desk, after=first + 1) == all_of_them[2:]
    assert await listed(desk, after=first + 3) == []
    assert await listed(desk, type="tag.created") == all_of_them[:2]
    assert await listed(desk, subject_type="series") == [all_of_them[2]]
    assert await listed(desk, subject=tag_id) == [all_of_them[0], all_of_them[3]]


@pytest.mark.parametrize("sort", ["sequence", "-sequence"])
@pytest.mark.usefixtures("tag_id")
async def test_pages_follow_on_one_another(desk: httpx.AsyncClient, sort: str) -> None:
    whole = await listed(desk, sort=sort)
    found, address = [], f"{EVENTS}?limit=3&count=true&sort={sort}"
    for _ in range(2):
        page = await desk.get(address)
        found += [(event["sequence"], event["type"]) for event in page.json()["data"]]
        address = page.links.get("next", {}).get("url", "")
        assert page.json()["total"] == len(whole)
    assert found == whole and not address


async def test_an_event_is_what_the_audit_log_has_and_its_number(desk: httpx.AsyncClient, tag_id: str) -> None:
    [*_, event] = (await desk.get(EVENTS, params={"subject": tag_id})).json()["data"]
    sequence = event.pop("sequence")
    assert sequence > 0
    assert (await desk.get(f"/v1/manage/audit-log/{event['id']}")).json() == event
    assert event["changes"] == {"name": {"before": "One", "after": "Uno"}}
