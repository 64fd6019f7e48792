"""The workflow by its endpoints, in any order, against a model of a few lines: readers see what was published, for as
long as it was to be, and where approval is required nothing that was not approved.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr
from sqlalchemy import text, update

from byline.accounts.caller import Scope
from byline.app import create_app
from byline.core.embedded import EmbeddedPostgres
from byline.core.jobs import TaskContext
from byline.core.migrations import migrate
from byline.core.settings import Settings
from byline.models import Base
from byline.posts import tasks
from byline.posts.models import Post
from tests import make
from tests.changes.replica import Replica
from tests.conftest import close, create_database

T = TypeVar("T")

POSTS = "/v1/manage/posts"
HOUR = timedelta(hours=1)
NUMBERS = st.sampled_from([0, 0, 1])
KEPT = "kept"


class Site:
    """A server of its own, called from code that is not async; what it writes is committed."""

    def __init__(self, postgres: EmbeddedPostgres, name: str, opened: ExitStack) -> None:
        self.runner = opened.enter_context(asyncio.Runner(loop_factory=asyncio.new_event_loop))
        url = self.run(create_database(postgres, name))
        self.settings = Settings(_env_file=None, database_url=SecretStr(url), site_url="https://blog.example")
        self.app = create_app(self.settings)
        opened.callback(lambda: self.run(close(self.app)))
        self.run(migrate(self.app.state.database.engine))
        transport = httpx.ASGITransport(self.app)
        self.readers = httpx.AsyncClient(transport=transport, base_url="https://blog.example")
        self.desk = httpx.AsyncClient(transport=transport, base_url="https://blog.example")

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(doing)

    async def begin(self, *, approval_required: bool) -> None:
        self.app.state.settings = self.settings.model_copy(update={"approval_required": approval_required})
        async with self.app.state.sessions.begin() as session:
            await session.execute(text("set local byline.erasing = 'on'"))
            await session.execute(text("delete from procrastinate_jobs"))
            for table in reversed(Base.metadata.sorted_tables):
                await session.execute(table.delete())
            token = await make.token(session, scopes=Scope)
        self.desk.headers.update({"Authorization": f"Bearer {token}", "If-Match": "*"})

    async def let_pass(self, time: timedelta) -> None:
        """As if it were that much later: everything is that much longer ago."""
        async with self.app.state.sessions.begin() as session:
            earlier = {"published_at": Post.published_at - time, "expires_at": Post.expires_at - time}
            await session.execute(update(Post).values(earlier))

    async def work(self) -> None:
        await tasks.announce(TaskContext(self.app.state.sessions, self.settings, self.app.state.mailer))


@pytest.fixture(scope="module")
def site(postgres: EmbeddedPostgres, worker_id: str) -> Iterator[Site]:
    with ExitStack() as opened:
        yield Site(postgres, f"byline_{worker_id}_workflow", opened)


@dataclass
class Modelled:
    """Times are in hours; `live` is the title that readers see from `since` and until `until`."""

    id: str
    written: str
    begun_as: str
    stands: str = "draft"  # where it is not live
    review: str | None = None
    live: str | None = None
    since: int | None = None
    until: int | None = None
    is_newest_live: bool = False
    is_in_trash: bool = False

    @property
    def slug(self) -> str:
        return self.begun_as.lower()

    def is_over(self, now: int) -> bool:
        return self.live is not None and self.until is not None and self.until <= now

    def seen(self, now: int) -> str | None:
        is_here = self.since is not None and self.since <= now and not self.is_over(now)
        return self.live if is_here and not self.is_in_trash else None

    def status(self, now: int) -> str:
        if self.live is not None and not self.is_over(now):
            return "published" if self.seen(now) else "scheduled"
        if self.review in {"in_review", "approved"}:
            return self.review
        return "unpublished" if self.live is not None else self.stands

    def write(self, title: str) -> None:
        self.written, self.is_newest_live = title, False
        self.review = "in_review" if self.review == "approved" else self.review

    def times(self, now: int, at: int | None, lasts: int | str | None) -> tuple[int, int | None]:
        since = at if at is not None else now if self.since is None else min(self.since, now)
        if lasts == KEPT:
            return since, self.until if self.until is not None and self.until > now else None
        return since, None if lasts is None else now + int(lasts)


class Workflow(RuleBasedStateMachine):
    """A site with a few posts, an editor who tries everything, and somebody who follows the changes."""

    site: Site

    @initialize(approval_required=st.sampled_from([True, True, False]))
    def begin(self, approval_required: bool) -> None:
        self.run = self.site.run
        self.run(self.site.begin(approval_required=approval_required))
        self.approval_required = approval_required
        self.now = self.titles = 0
        self.posts: list[Modelled] = []
        self.approved: set[str] = set()
        self.replica = Replica(self.site.readers)
        self.create()

    def title(self) -> str:
        self.titles += 1
        return f"T{self.titles}"

    def one(self, number: int, *, in_trash: bool = False) -> Modelled | None:
        there = [post for post in self.posts if post.is_in_trash == in_trash]
        return there[number % len(there)] if there else None

    def act(self, post: Modelled, verb: str, expected: int, body: Any = None) -> bool:
        """Whether it was done, as the model expects."""
        answer = self.run(self.site.desk.post(f"{POSTS}/{post.id}/{verb}", json=body))
        assert answer.status_code == expected, (verb, body, post, answer.text)
        return expected == 200

    @precondition(lambda self: len(self.posts) < 2)
    @rule()
    def create(self) -> None:
        title = self.title()
        made = self.run(self.site.desk.post(POSTS, json={"title": title}))
        self.posts.append(Modelled(made.json()["id"], title, title))

    @rule(number=NUMBERS)
    def save(self, number: int) -> None:
        if (post := self.one(number)) is not None:
            post.write(self.title())
            assert self.run(self.site.desk.patch(f"{POSTS}/{post.id}", json={"title": post.written})).status_code == 200

    @rule(number=NUMBERS)
    def restore_revision(self, number: int) -> None:
        if (post := self.one(number)) is not None:
            post.write(post.begun_as)
            self.act(post, "revisions/1/restore", 200)

    @rule(number=NUMBERS)
    def submit(self, number: int) -> None:
        if (post := self.one(number)) is not None:
            is_live = post.is_newest_live and not post.is_over(self.now)
            refused = post.review in {"in_review", "approved"} or is_live
            if self.act(post, "submit", 409 if refused else 200):
                post.review, post.is_newest_live = "in_review", False

    @rule(number=NUMBERS)
    def approve(self, number: int) -> None:
        if (post := self.one(number)) is not None and self.act(
            post, "approve", 200 if post.review == "in_review" else 409
        ):
            post.review = "approved"
            self.approved.add(post.written)

    @rule(number=NUMBERS)
    def have_approved(self, number: int) -> None:
        """Both steps, for else few walks come to what follows."""
        post = self.one(number)
        if post is not None and post.review in {None, "changes_requested"} and not post.is_newest_live:
            self.submit(number)
            self.approve(number)

    @rule(number=NUMBERS)
    def request_changes(self, number: int) -> None:
        if (post := self.one(number)) is not None:
            expected = 200 if post.review in {"in_review", "approved"} else 409
            if self.act(post, "request-changes", expected, {"comments": [{"text": "x", "quote": post.written}]}):
                post.review = "changes_requested"

    @rule(
        number=NUMBERS,
        at=st.sampled_from([None, None, -1, 1, 2]),
        lasts=st.sampled_from([KEPT, KEPT, None, -1, 1, 2, 4]),
    )
    def publish(self, number: int, at: int | None, lasts: int | str | None) -> None:
        post = self.one(number)
        if post is None:
            return
        now = datetime.now(UTC)
        body: dict[str, Any] = {"at": None if at is None else (now + at * HOUR).isoformat()}
        if lasts != KEPT:
            body["expires_at"] = None if lasts is None else (now + int(lasts) * HOUR).isoformat()
        since, until = post.times(self.now, None if at is None else self.now + at, lasts)
        may = post.review == "approved" or (post.is_newest_live and not post.is_over(self.now))
        if self.approval_required and not may:
            expected = 409
        else:
            expected = 422 if until is not None and until <= max(since, self.now) else 200
        if self.act(post, "publish", expected, body):
            post.live, post.since, post.until = post.written, since, until
            post.is_newest_live, post.review = True, None

    @rule(number=NUMBERS)
    def unpublish(self, number: int) -> None:
        if (post := self.one(number)) is not None:
            is_live = post.live is not None and not post.is_over(self.now)
            if self.act(post, "unpublish", 200 if is_live else 409):
                post.live, post.stands = None, "unpublished"
                post.write(post.written)

    @rule(number=NUMBERS)
    def trash(self, number: int) -> None:
        if (post := self.one(number)) is not None:
            assert self.run(self.site.desk.delete(f"{POSTS}/{post.id}")).status_code == 204
            post.is_in_trash = True

    @rule(number=NUMBERS)
    def restore(self, number: int) -> None:
        if (post := self.one(number, in_trash=True)) is not None:
            self.act(post, "restore", 200)
            post.stands = "unpublished" if post.live is not None else post.stands
            post.live, post.review, post.is_in_trash, post.is_newest_live = None, None, False, False

    @rule(hours=st.sampled_from([1, 1, 2]))
    def time_passes(self, hours: int) -> None:
        self.run(self.site.let_pass(hours * HOUR))
        self.now += hours

    @rule()
    def jobs_run(self) -> None:
        """Who follows the changes has then what is there."""
        self.run(self.site.work())
        self.run(self.replica.pull_all())
        assert self.replica.paths == {f"/posts/{slug}": title for slug, title in self.seen().items()}

    def seen(self) -> dict[str, str]:
        titles = {post.slug: post.seen(self.now) for post in self.posts}
        return {slug: title for slug, title in titles.items() if title is not None}

    @invariant()
    def readers_see_what_was_published(self) -> None:
        seen = self.seen()
        listed = self.run(self.site.readers.get("/v1/posts")).json()["data"]
        assert {post["slug"]: post["title"] for post in listed} == seen
        feed = self.run(self.site.readers.get("/feed.json")).json()["items"]
        assert sorted(item["title"] for item in feed) == sorted(seen.values())
        for post in self.posts:
            answer = self.run(self.site.readers.get(f"/v1/posts/{post.slug}"))
            assert (answer.json()["title"] if answer.status_code == 200 else None) == seen.get(post.slug)
        if self.approval_required:
            assert set(seen.values()) <= self.approved

    @invariant()
    def the_desk_knows_where_each_stands(self) -> None:
        desk = self.run(self.site.desk.get(POSTS)).json()["data"]
        stands = {post.id: post.status(self.now) for post in self.posts if not post.is_in_trash}
        assert {post["id"]: post["status"] for post in desk} == stands


APPROVED: list[tuple[str, dict[str, Any]]] = [("have_approved", {})]
HISTORIES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "expires": [
        *APPROVED,
        ("publish", {"lasts": 1}),
        ("jobs_run", {}),
        ("time_passes", {"hours": 1}),
        ("jobs_run", {}),
    ],
    "comes and goes while no job runs": [
        *[*APPROVED, ("publish", {"at": 1, "lasts": 2}), ("jobs_run", {}), ("time_passes", {"hours": 1})],
        *[("time_passes", {"hours": 1}), ("jobs_run", {})],
    ],
    "approved, then saved": [*APPROVED, ("save", {}), ("publish", {}), ("approve", {}), ("publish", {})],
    "approved, then restored from before": [*APPROVED, ("restore_revision", {}), ("publish", {})],
    "scheduled, then saved": [
        *APPROVED,
        ("publish", {"at": 1}),
        ("save", {}),
        ("publish", {}),
        ("time_passes", {"hours": 1}),
    ],
    "live, and its next version under review": [
        *[
            *APPROVED,
            ("publish", {}),
            ("save", {}),
            ("have_approved", {}),
            ("jobs_run", {}),
            ("publish", {}),
            ("jobs_run", {}),
        ],
    ],
    "approved, then trashed": [*APPROVED, ("trash", {}), ("restore", {}), ("publish", {})],
    "unpublished needs to be approved again": [
        *APPROVED,
        ("publish", {}),
        ("unpublish", {}),
        ("publish", {}),
        *APPROVED,
    ],
    "expired while its next version waits": [
        *[*APPROVED, ("publish", {"lasts": 1}), ("save", {}), ("time_passes", {"hours": 1}), ("publish", {})],
        *[("have_approved", {}), ("jobs_run", {}), ("publish", {}), ("jobs_run", {})],
    ],
    "put back to a schedule": [
        *[*APPROVED, ("publish", {"lasts": 4}), ("jobs_run", {}), ("publish", {"at": 1}), ("jobs_run", {})],
        *[("time_passes", {"hours": 2}), ("jobs_run", {}), ("time_passes", {"hours": 2}), ("jobs_run", {})],
    ],
}
DEFAULTS: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("jobs_run", "time_passes")},
    "publish": {"number": 0, "at": None, "lasts": KEPT},
}


@pytest.mark.parametrize("history", HISTORIES)
def test_what_is_told_of_a_history(site: Site, history: str) -> None:
    """Walks that chance would seldom take, by the same model."""
    machine = type("Workflow", (Workflow,), {"site": site})()
    machine.begin(approval_required=True)
    for name, arguments in HISTORIES[history]:
        getattr(machine, name)(**{**DEFAULTS.get(name, {"number": 0}), **arguments})
        machine.readers_see_what_was_published()
        machine.the_desk_knows_where_each_stands()


def test_readers_see_what_was_published_and_approved(site: Site, thorough: bool) -> None:
    machine = type("Workflow", (Workflow,), {"site": site})
    examples, steps = (150, 50) if thorough else (6, 20)
    tried = hypothesis.settings(
        max_examples=examples, stateful_step_count=steps, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=tried)
