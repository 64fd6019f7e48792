"""What must hold when all is quiet again."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import func, select

from byline.core.jobs import Job, Sessions, Status
from byline.posts.models import Revision
from byline.webhooks.models import Delivery, State, Untold
from tests.changes.replica import Replica
from tests.faults.receiver import Inbox, happened
from tests.faults.writers import Book, Kept


async def is_at_rest(sessions: Sessions) -> bool:
    """Nothing waits, nothing runs, nothing is to be told."""
    async with sessions.begin() as session:
        open_jobs = select(func.count()).select_from(Job).where(Job.status.in_([Status.TODO, Status.DOING]))
        waiting = select(func.count()).select_from(Delivery).where(Delivery.state == State.PENDING)
        untold = select(func.count()).select_from(Untold)
        return [await session.scalar(one) for one in (untold, waiting, open_jobs)] == [0, 0, 0]


async def jobs_that_did_not_succeed(sessions: Sessions) -> list[str]:
    async with sessions.begin() as session:
        found = await session.scalars(select(Job).where(Job.status != Status.SUCCEEDED))
        return [f"job {job.id} {job.task_name} is {job.status} after {job.attempts} tries" for job in found]


async def lost_saves(sessions: Sessions, book: Book) -> list[str]:
    """Also: the numbers of revisions have no gaps."""
    async with sessions.begin() as session:
        columns = Revision.post_id, Revision.number, Revision.content
        rows = (await session.execute(select(*columns))).all()
    there = {(row[0], row[1]): (row[2]["title"], row[2]["markdown"]) for row in rows}
    wrongs = [f"{key} is not as it was acknowledged" for key, save in book.saves.items() if there.get(key) != save]
    numbers: dict[UUID, list[int]] = defaultdict(list)
    for post_id, number in there:
        numbers[post_id].append(number)
    gaps = [post_id for post_id, given in numbers.items() if sorted(given) != list(range(1, len(given) + 1))]
    return wrongs + [f"the revisions of {post_id} have a gap" for post_id in gaps]


async def all_events(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        query = {"after": found[-1]["sequence"] if found else 0, "limit": 100}
        page = (await client.get("/v1/manage/events", params=query)).raise_for_status().json()["data"]
        if not page:
            return found
        found += page


def untold_events(events: Sequence[dict[str, Any]], inbox: Inbox) -> list[str]:
    """The messages about each post, at their first arrival, are those of its events: all of them, in order."""
    wrongs = list(inbox.forged)
    expected: dict[UUID, list[tuple[str, datetime]]] = defaultdict(list)
    standing: dict[str, dict[str, Any]] = defaultdict(dict)
    if [event["sequence"] for event in events] != list(range(1, len(events) + 1)):
        wrongs.append("the events have gaps")
    for event in events:
        if event["subject"]["type"] == "post":
            before = dict(standing[event["subject"]["id"]])
            after = standing[event["subject"]["id"]]
            after |= {name: change["after"] for name, change in event["changes"].items()}
            type = message_type(before, after)
            if type is not None:
                when = datetime.fromisoformat(event["occurred_at"])
                expected[UUID(event["subject"]["id"])].append((type, when))
    for post_id in expected.keys() | inbox.firsts.keys():
        got = [happened(message) for message in inbox.firsts[post_id]]
        if got != expected[post_id]:
            wrongs.append(f"of {post_id} was told {got}, and happened {expected[post_id]}")
    return wrongs


def message_type(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    was, is_ = (one.get("status") == "published" and not one.get("deleted_at") for one in (before, after))
    if is_:
        return "post.published" if not was else "post.updated" if _live(before) != _live(after) else None
    if was:
        return "post.trashed" if after.get("deleted_at") else "post.unpublished"
    return None


def _live(standing: dict[str, Any]) -> object:
    return standing.get("live_version")


async def wrongly_shown(followers: Sequence[Replica], posts: Sequence[Kept], book: Book) -> list[str]:
    """Who has followed the changes, through it all or from the start now, has what the writers have published."""
    expected = {
        f"/posts/{post.draft['slug']}": book.saves[post.id, post.draft["live_version"]][0]
        for post in posts
        if post.live
    }
    wrongs = []
    for number, follower in enumerate(followers):
        await follower.pull_all()
        if follower.paths != expected:
            wrong = follower.paths.items() ^ expected.items()
            wrongs.append(f"follower {number}: {sorted(wrong)}")
    return wrongs
