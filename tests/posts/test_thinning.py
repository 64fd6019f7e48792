"""Thinning: off unless it is set; then by day and by week, and never what anybody may look for."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update

from byline.core.events import Event
from byline.core.jobs import TASKS, TaskContext
from byline.core.mail import LoggingMailer
from byline.core.settings import Settings
from byline.posts import revisions, service
from byline.posts.models import Post, Revision, Status
from byline.posts.schemas import PostUpdate
from byline.posts.tasks import thin_revisions
from tests import make
from tests.conftest import Sessions

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)  # a Tuesday
ANY = {"If-Match": "*"}


def ago(days: int, hour: int = 0) -> datetime:
    return NOW.replace(hour=hour) - timedelta(days=days)


async def saved(sessions: Sessions, *times: datetime) -> UUID:
    """A draft with a revision of each of these times, and after them one of now."""
    async with sessions.begin() as session:
        post = await make.draft(session)
        for number in range(2, len(times) + 2):
            await service.update(session, post, PostUpdate(title=f"{number}"), caller=None)
    await date(sessions, post.id, *times, NOW)
    return post.id


async def date(sessions: Sessions, post_id: UUID, *times: datetime) -> None:
    async with sessions.begin() as session:
        for number, at in enumerate(times, start=1):
            this = (Revision.post_id == post_id, Revision.number == number)
            await session.execute(update(Revision).where(*this).values(created_at=at))


async def kept(sessions: Sessions, post_id: UUID) -> list[int]:
    async with sessions.begin() as session:
        return sorted(await session.scalars(select(Revision.number).where(Revision.post_id == post_id)))


async def test_one_a_day_and_then_one_a_week_stays(sessions: Sessions) -> None:
    times = [
        *(ago(800, 8), ago(800, 9)),  # 1, 2: the first one stays, and the last of its week
        *(ago(414, 8), ago(413, 8), ago(412, 8)),  # 3, 4, 5: Monday to Wednesday of one week
        *(ago(40, 8), ago(40, 9), ago(40, 23)),  # 6, 7, 8: one day
        ago(39, 0),  # 9: alone
        *(ago(30, 1), ago(30, 2)),  # 10, 11: of thirty days ago all are kept
        *(ago(1, 1), ago(1, 2)),  # 12, 13
    ]
    assert ago(414).isoweekday() == 1
    post_id = await saved(sessions, *times)
    for _ in range(2):  # a second time there is nothing left to do
        await revisions.thin(sessions, 30, NOW)
        assert await kept(sessions, post_id) == [1, 2, 5, 8, 9, 10, 11, 12, 13, 14]
    async with sessions.begin() as session:
        [event] = await session.scalars(select(Event).where(Event.type == "post.revisions_thinned"))
        assert (event.subject_id, event.changes) == (post_id, {"revisions": {"before": [3, 4, 6, 7], "after": []}})


async def test_what_is_kept_by_day_is_thinned_by_week_later(sessions: Sessions) -> None:
    post_id = await saved(sessions, ago(414), ago(50), ago(50, 9), ago(49), ago(48))
    for later in range(0, 400, 20):
        await revisions.thin(sessions, 30, NOW + timedelta(days=later))
        assert {1, 5, 6} <= set(await kept(sessions, post_id))
    assert await kept(sessions, post_id) == [1, 5, 6]


async def test_what_is_never_dropped(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    url = (await desk.post("/v1/manage/posts", json={"title": "x"})).headers["location"]
    for step in ("", "", "/publish", "", "/unpublish", "", "/publish", "", ""):
        send = desk.post if step else desk.patch
        assert (await send(f"{url}{step}", json={}, headers=ANY)).status_code == 200
    await desk.patch(f"{url}/revisions/3", json={"name": "before the lawyers"})
    post_id = UUID(url.rpartition("/")[2])
    await date(sessions, post_id, *[ago(1000)] * 10)
    await revisions.thin(sessions, 1, NOW)
    # The first, a named one, two publications, of which the second is live, and the newest; all are of one day.
    assert await kept(sessions, post_id) == [1, 3, 4, 8, 10]
    assert (await desk.get(f"{url}?live=true")).json()["live_version"] == 8
    assert (await desk.patch(url, json={"title": "y"}, headers=ANY)).json()["version"] == 11


async def test_of_older_revisions_the_status_says_what_was_published(sessions: Sessions) -> None:
    """Those that are older than the column."""
    post_id = await saved(sessions, *[ago(1000)] * 5)
    async with sessions.begin() as session:
        await session.execute(update(Revision).values(published=None))
        await session.execute(update(Revision).where(Revision.number == 3).values(status=Status.PUBLISHED))
    await revisions.thin(sessions, 1, NOW)
    assert await kept(sessions, post_id) == [1, 3, 5, 6]


async def test_a_post_that_is_in_use_is_left_for_the_next_time(committing: Sessions) -> None:
    busy, idle = [await saved(committing, *[ago(1000)] * 3) for _ in range(2)]
    async with committing.begin() as session:
        await session.get(Post, busy, with_for_update=True)
        await revisions.thin(committing, 1, NOW)
    assert (await kept(committing, busy), await kept(committing, idle)) == ([1, 2, 3, 4], [1, 3, 4])
    await revisions.thin(committing, 1, NOW)
    assert await kept(committing, busy) == [1, 3, 4]


@pytest.mark.parametrize(("days", "left"), [(None, [1, 2, 3, 4]), (30, [1, 3, 4])])
async def test_it_is_off_unless_it_is_set(
    sessions: Sessions, settings: Settings, days: int | None, left: list[int]
) -> None:
    post_id = await saved(sessions, *[datetime.now(UTC) - timedelta(days=40)] * 3)
    context = TaskContext(sessions, settings.model_copy(update={"revisions_keep_days": days}), LoggingMailer())
    assert settings.revisions_keep_days is None and TASKS["posts.thin_revisions"].cron is not None
    await thin_revisions(context)
    assert await kept(sessions, post_id) == left
