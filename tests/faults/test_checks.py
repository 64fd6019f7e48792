"""The checks of a run find what they are for."""

import random
from typing import Any
from uuid import UUID, uuid4

import pytest

from byline.core.jobs import Job, Sessions, Status, Task, enqueue
from byline.posts import service as posts
from byline.posts.schemas import PostUpdate
from tests import make
from tests.faults import checks
from tests.faults.receiver import Inbox
from tests.faults.writers import Book
from tests.webhooks.conftest import Receiver

POST = str(uuid4())
TYPES = ["post.published", "post.updated", "post.trashed"]
CHANGES: list[dict[str, Any]] = [
    {"status": "draft", "live_version": None},
    {"status": "published", "live_version": 2},
    {"title": "Another"},
    {"live_version": 4},
    {"deleted_at": "2026-01-01T00:00:05Z"},
]


def moment(sequence: int) -> str:
    return f"2026-01-01T00:00:0{sequence}Z"


def events() -> list[dict[str, Any]]:
    return [
        {
            "sequence": sequence,
            "subject": {"type": "post", "id": POST},
            "changes": {name: {"before": None, "after": value} for name, value in changed.items()},
            "occurred_at": moment(sequence),
        }
        for sequence, changed in enumerate(CHANGES, start=1)
    ]


@pytest.mark.parametrize("kept", [[0, 1, 2], [0, 1], [0, 2], [1, 0, 2], []])
def test_what_was_not_told_or_not_in_order(kept: list[int]) -> None:
    inbox = Inbox(Receiver(), random.Random(1))
    messages = [{"type": type, "timestamp": moment(at)} for type, at in zip(TYPES, (2, 4, 5), strict=True)]
    inbox.firsts[UUID(POST)] = [messages[number] for number in kept]
    assert bool(checks.untold_events(events(), inbox)) == (kept != [0, 1, 2])


def test_a_gap_and_a_forgery() -> None:
    inbox = Inbox(Receiver(), random.Random(1), forged=["one"])
    assert checks.untold_events(events()[:1], inbox) == ["one"]
    assert "the events have gaps" in checks.untold_events(events()[1:], inbox)


async def test_a_save_that_is_gone_or_another(sessions: Sessions) -> None:
    book = Book()
    async with sessions.begin() as session:
        post = await make.draft(session, "One", markdown="a")
        await posts.update(session, post, PostUpdate(title="Two"), caller=None)
    book.saves = {(post.id, 1): ("One", "a"), (post.id, 2): ("Two", "a")}
    assert await checks.lost_saves(sessions, book) == []
    book.saves |= {(post.id, 2): ("Two", "b"), (post.id, 3): ("Three", "a")}
    assert len(await checks.lost_saves(sessions, book)) == 2


async def test_a_job_that_is_stuck(sessions: Sessions) -> None:
    async def nothing(*_: object) -> None:
        pass

    assert await checks.is_at_rest(sessions) and await checks.jobs_that_did_not_succeed(sessions) == []
    async with sessions.begin() as session:
        job_id = await enqueue(session, Task("test.stuck", nothing, 1, 1, 1, None))
        (await session.get_one(Job, job_id)).status = Status.DOING
    assert not await checks.is_at_rest(sessions)
    assert len(await checks.jobs_that_did_not_succeed(sessions)) == 1
