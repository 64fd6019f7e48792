"""People at their desks, whose server dies now and then: they ask again, and remember what they were promised."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

PAUSE = 0.1  # seconds before a request whose answer did not come is sent again
LATER = 2.0  # seconds until what is scheduled is live


@dataclass
class Book:
    """What was acknowledged, by all writers."""

    saves: dict[tuple[UUID, int], tuple[str, str]] = field(default_factory=dict)  # title and text, by post and version
    answers: int = 0
    repeats: int = 0
    wrongs: list[str] = field(default_factory=list)


@dataclass
class Kept:
    """A post as its writer has it."""

    id: UUID
    draft: dict[str, Any] = field(default_factory=dict)
    in_trash: bool = False
    busy_until: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def url(self) -> str:
        return f"/v1/manage/{'trash' if self.in_trash else 'posts'}/{self.id}"

    @property
    def if_match(self) -> dict[str, str]:
        return {"If-Match": f'"{self.draft["version"]}"'}

    @property
    def live(self) -> bool:
        return not self.in_trash and self.draft["live_version"] is not None


class Writer:
    """Alone with their posts, so what they find there that they did not write is an error."""

    def __init__(self, client: httpx.AsyncClient, name: str, dice: random.Random, book: Book) -> None:
        self.client = client
        self.name = name
        self.dice = dice
        self.book = book
        self.posts: list[Kept] = []
        self.number = 0

    async def work(self, enough: Callable[[], bool]) -> None:
        await self.create()
        for post in self.posts:
            await self.publish(post)
        while not enough():
            await self.step()
            await asyncio.sleep(self.dice.uniform(0, 0.3))

    async def step(self) -> None:
        free = [post for post in self.posts if post.busy_until < datetime.now(UTC)]
        if not free or (len(self.posts) < 12 and self.dice.random() < 0.1):
            await self.create()
            return
        post = self.dice.choice(free)
        if post.in_trash:
            await self.post(post, f"/v1/manage/posts/{post.id}/restore")
            post.in_trash = False
            return
        [deed] = self.dice.choices(
            [self.save, self.publish, self.schedule, self.unpublish, self.trash], [10, 5, 1, 2 if post.live else 0, 1]
        )
        await deed(post)

    async def create(self) -> None:
        answer = await self.insist("POST", "/v1/manage/posts", json=self.words())
        if answer.status_code != 201:
            self.book.wrongs.append(f"{self.name}: create: {answer.status_code} {answer.text[:300]}")
            return
        made = Kept(UUID(answer.json()["id"]))
        self.posts.append(made)
        self.keep(made, answer.json())

    async def save(self, post: Kept) -> None:
        """A PATCH knows no key. The 412 of one that is sent again says that the first one did it, or that nobody knows
        what happened: then the post tells.
        """
        words = self.words()
        repeats = self.book.repeats
        answer = await self.insist("PATCH", post.url, json=words, headers=post.if_match)
        if answer.status_code == 412 and self.book.repeats > repeats:
            base = post.draft["version"]
            answer = await self.insist("GET", post.url)
            found = answer.json()
            if found["version"] != base + 1 or found["markdown"] != words["markdown"]:
                self.book.wrongs.append(f"{post.id}: a 412 of version {base}, and {found['version']} is not ours")
        self.done(post, answer, "save")

    async def publish(self, post: Kept) -> None:
        await self.post(post, f"{post.url}/publish")

    async def schedule(self, post: Kept) -> None:
        at = datetime.now(UTC) + timedelta(seconds=LATER)
        await self.post(post, f"{post.url}/publish", json={"at": at.isoformat()})
        post.busy_until = at + timedelta(seconds=LATER)

    async def unpublish(self, post: Kept) -> None:
        await self.post(post, f"{post.url}/unpublish")

    async def trash(self, post: Kept) -> None:
        answer = await self.insist("DELETE", post.url, headers=post.if_match)
        post.in_trash = True
        if answer.status_code not in {204, 404, 412}:
            self.book.wrongs.append(f"{post.id}: trash: {answer.status_code} {answer.text[:300]}")
        self.done(post, await self.insist("GET", post.url), "look into the trash")

    async def post(self, post: Kept, url: str, json: dict[str, Any] | None = None) -> None:
        self.done(post, await self.insist("POST", url, json=json, headers=post.if_match), url.rpartition("/")[2])

    async def insist(self, method: str, url: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Asks until there is an answer; a POST with one key all the while."""
        headers = dict(headers or {})
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        while True:
            try:
                answer = await self.client.request(method, url, headers=headers, **body)
            except httpx.TransportError:
                answer = None
            if answer is not None and not _is_passing(answer):
                self.book.answers += 1
                return answer
            self.book.repeats += 1
            await asyncio.sleep(PAUSE)

    def done(self, post: Kept, answer: httpx.Response, deed: str) -> None:
        if answer.is_success:
            self.keep(post, answer.json())
        else:
            self.book.wrongs.append(f"{post.id}: {deed}: {answer.status_code} {answer.text[:300]}")

    def keep(self, post: Kept, draft: dict[str, Any]) -> None:
        if post.draft and draft["version"] < post.draft["version"]:
            self.book.wrongs.append(f"{post.id}: version {draft['version']} after {post.draft['version']}")
        post.draft = draft
        self.book.saves[post.id, draft["version"]] = draft["title"], draft["markdown"]

    def words(self) -> dict[str, Any]:
        self.number += 1
        return {"title": f"{self.name} {self.number}", "markdown": f"Said by {self.name}: {self.number}.\n" * 20}


def _is_passing(answer: httpx.Response) -> bool:
    """The server's connection to the database is new, or the request that was cut off is still being rolled back."""
    in_progress = answer.status_code == 409 and answer.json()["code"] == "idempotency_key_in_use"
    return answer.status_code == 503 or in_progress
