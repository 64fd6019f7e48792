"""Several changes in one request: by the rules of each alone, all of them or as many as succeed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from byline.accounts.caller import ROLES, Role, Scope
from byline.accounts.deps import ScopeMissing
from byline.core.errors import Invalid
from byline.core.events import Event
from byline.posts.batch import BatchFailed
from byline.posts.models import Post, Revision
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
BATCH = f"{POSTS}/batch"

Operation = dict[str, Any]


def create(title: str = "New", **fields: Any) -> Operation:
    return {"op": "create", "body": {"title": title, **fields}}


def update(post_id: Any, if_match: str | None = "*", **fields: Any) -> Operation:
    return {"op": "update", "id": str(post_id), "if_match": if_match, "body": fields or {"title": "Changed"}}


def change(op: str, post_id: Any, if_match: str | None = "*", **members: Any) -> Operation:
    return {"op": op, "id": str(post_id), "if_match": if_match, **members}


async def batch(
    client: httpx.AsyncClient, *operations: Operation, atomic: bool = True, **options: Any
) -> httpx.Response:
    return await client.post(BATCH, json={"atomic": atomic, "operations": operations}, **options)


def statuses(results: list[dict[str, Any]]) -> list[int]:
    assert [result["index"] for result in results] == list(range(len(results)))
    return [result["status"] for result in results]


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [result["problem"] and result["problem"]["code"] for result in results]


async def drafts(sessions: Sessions, number: int) -> list[Post]:
    async with sessions.begin() as session:
        return [await make.draft(session, f"Draft {n}") for n in range(number)]


async def titles(sessions: Sessions) -> dict[str, int]:
    """The titles of what is not in the trash, and the versions."""
    async with sessions.begin() as session:
        rows = await session.execute(select(Post.title, Post.version).where(Post.deleted_at.is_(None)))
        return {title: version for title, version in rows}


async def test_each_is_done_as_it_would_be_alone(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    changed, published, taken, trashed = [post.id for post in await drafts(sessions, 4)]
    await batch(desk, change("publish", taken))
    response = await batch(
        desk,
        create("Made", slug="made", markdown="*x*"),
        update(changed, '"1"', title="Changed", message="A note"),
        change("publish", published, '"1"', body={"at": "2020-01-01T00:00:00Z"}),
        change("unpublish", taken, '"2"'),
        change("delete", trashed, '"1"'),
    )
    assert response.status_code == 200
    results = response.json()["results"]
    assert statuses(results) == [201, 200, 200, 200, 204]
    assert [result["op"] for result in results] == ["create", "update", "publish", "unpublish", "delete"]
    assert [result["version"] for result in results] == [1, 2, 2, 3, 2]
    assert [result["etag"] for result in results] == ['"1"', '"2"', '"2"', '"3"', '"2"']
    assert [result["problem"] for result in results] == [None] * 5
    read = [(await desk.get(f"{POSTS}/{result['id']}")) for result in results[:4]]
    assert [post.json()["status"] for post in read] == ["draft", "draft", "published", "unpublished"]
    assert [post.headers["etag"] for post in read] == [result["etag"] for result in results[:4]]
    assert (read[0].json()["html"], read[1].json()["title"]) == ("<p><em>x</em></p>\n", "Changed")
    assert read[2].json()["published_at"] == "2020-01-01T00:00:00Z"
    assert (await desk.get(f"{POSTS}/{trashed}")).status_code == 404


async def test_later_operations_see_earlier_ones(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    [post] = await drafts(sessions, 1)
    response = await batch(
        desk,
        update(post.id, '"1"', slug="moved"),
        create("A", slug="draft-0"),
        update(post.id, '"1"', title="Stale"),
        update(post.id, '"2"', title="Twice"),
        create("Same"),
        create("Same"),
        change("delete", post.id, '"3"'),
        update(post.id),
        atomic=False,
    )
    results = response.json()["results"]
    assert statuses(results) == [200, 201, 412, 200, 201, 201, 204, 404]
    assert results[2]["problem"]["changed_fields"] == ["slug"]
    slugs = [(await desk.get(f"{POSTS}/{results[index]['id']}")).json()["slug"] for index in (4, 5)]
    assert slugs == ["same", "same-2"]


async def test_of_an_atomic_one_that_fails_nothing_is_left(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    first, second = await drafts(sessions, 2)
    before = await titles(sessions)
    async with sessions.begin() as session:
        events = await session.scalar(select(func.count()).select_from(Event))
    response = await batch(
        desk, create(), update(first.id), change("publish", second.id), update(first.id, '"1"'), create("Never")
    )
    problem = assert_problem(response, BatchFailed)
    assert problem["failed"] == 3
    assert statuses(problem["results"]) == [424, 424, 424, 412, 424]
    assert codes(problem["results"]) == [None, None, None, "stale_version", None]
    failed = problem["results"][3]["problem"]
    assert (failed["status"], failed["current_version"], failed["changed_fields"]) == (412, 2, ["title"])
    assert [result["id"] for result in problem["results"]][1:4] == [str(first.id), str(second.id), str(first.id)]
    assert await titles(sessions) == before
    async with sessions.begin() as session:
        assert await session.scalar(select(func.count()).select_from(Event)) == events
        assert await session.scalar(select(func.count()).select_from(Revision)) == 2


async def test_others_go_on_where_it_is_not_atomic(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    first, second = await drafts(sessions, 2)
    response = await batch(
        desk,
        create("Made", tags=["nowhere"]),
        create("Rival", slug="draft-1"),
        update(first.id, title="Changed", authors=["nobody"]),
        update(first.id, None),
        update(first.id, "nonsense"),
        update(first.id, '"9"'),
        update(uuid4()),
        change("unpublish", second.id),
        update(first.id, '"1"', title="Done"),
        change("publish", second.id, '"1"'),
        atomic=False,
    )
    assert response.status_code == 200
    results = response.json()["results"]
    assert statuses(results) == [422, 409, 422, 428, 422, 412, 404, 409, 200, 200]
    assert codes(results)[:8] == [
        "unknown_reference",
        "slug_taken",
        "unknown_reference",
        "version_required",
        "invalid",
        "stale_version",
        "post_not_found",
        "not_published",
    ]
    pointers = {
        result["index"]: found["pointer"]
        for result in results
        if result["problem"]
        for found in result["problem"]["errors"]
    }
    assert pointers == {
        0: "/operations/0/body/tags/0",
        2: "/operations/2/body/authors/0",
        4: "/operations/4/if_match",
    }
    assert all(result["problem"]["instance"] == BATCH for result in results[:8])
    assert await titles(sessions) == {"Done": 2, "Draft 1": 2}


async def test_each_tells_what_happened(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    first, second = await drafts(sessions, 2)
    async with sessions.begin() as session:
        known = set(await session.scalars(select(Event.id)))
    await batch(desk, create(), update(first.id, '"7"'), update(first.id), change("publish", second.id), atomic=False)
    async with sessions.begin() as session:
        rows = await session.scalars(select(Event).where(Event.id.not_in(known)).order_by(Event.id))
        found = [(row.type, row.subject_id) for row in rows]
    assert [type for type, _ in found] == ["post.created", "post.updated", "post.published"]
    assert [subject for _, subject in found][1:] == [first.id, second.id]


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", list(Role))
async def test_reach_is_that_of_the_role(client: httpx.AsyncClient, sessions: Sessions, role: Role) -> None:
    async with sessions.begin() as session:
        _, byline, headers = await make.writer(session, role=role)
        others = await make.draft(session, "Of others")
        own = await make.draft(session, "Own", authors=[byline.slug])
    response = await batch(
        client, create(), update(others.id), update(own.id), change("delete", others.id), atomic=False, headers=headers
    )
    if Scope.POSTS_WRITE not in ROLES[role].scopes:
        assert_problem(response, ScopeMissing)
        return
    expected = [201, 404, 200, 404] if ROLES[role].own_only else [201, 200, 200, 204]
    assert statuses(response.json()["results"]) == expected


async def test_what_readers_see_is_taken_from_them_by_who_may_publish(
    client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        _, byline, headers = await make.writer(session, role=Role.CONTRIBUTOR)
        own = await make.post(session, "Own", authors=[byline.slug])
    response = await batch(client, change("delete", own.id), update(own.id), atomic=False, headers=headers)
    assert codes(response.json()["results"]) == ["published_by_others", None]


@pytest.mark.parametrize(
    ("scopes", "op", "allowed"),
    [
        ({Scope.POSTS_WRITE}, "update", True),
        ({Scope.POSTS_WRITE}, "delete", True),
        ({Scope.POSTS_WRITE}, "publish", False),
        ({Scope.POSTS_WRITE}, "unpublish", False),
        ({Scope.POSTS_PUBLISH}, "publish", True),
        ({Scope.POSTS_PUBLISH}, "unpublish", True),
        ({Scope.POSTS_PUBLISH}, "update", False),
        ({Scope.POSTS_READ}, "delete", False),
    ],
)
async def test_scopes_are_those_of_each_operation(
    client: httpx.AsyncClient, sessions: Sessions, scopes: set[Scope], op: str, allowed: bool
) -> None:
    """Where one is missing nothing is begun, whatever else the batch holds."""
    async with sessions.begin() as session:
        post = await make.post(session)
        key, _ = await make.api_key(session, scopes=scopes)
    headers = {"Authorization": f"Bearer {key}"}
    operation = update(post.id) if op == "update" else change(op, post.id)
    response = await batch(client, operation, atomic=False, headers=headers)
    if allowed:
        assert statuses(response.json()["results"]) in ([200], [204])
    else:
        assert_problem(response, ScopeMissing)
    both = await batch(client, create(), change("publish", post.id), atomic=False, headers=headers)
    assert_problem(both, ScopeMissing)
    assert "New" not in await titles(sessions)


# ── what it takes ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("operations", "pointer"),
    [
        ([], "/operations"),
        ([create()] * 101, "/operations"),
        ([create(), create("")], "/operations/1/body/title"),
        ([{"op": "create"}], "/operations/0/body"),
        ([create(nonsense=1)], "/operations/0/body/nonsense"),
        ([create(tags=["x", 7])], "/operations/0/body/tags/1"),
        ([create("a\x00b")], "/operations/0/body/title"),
        ([{"op": "update", "id": "x", "body": {}}], "/operations/0/id"),
        ([{"op": "delete", "id": str(uuid4()), "body": {}}], "/operations/0/body"),
        ([{"op": "burn", "id": str(uuid4())}], "/operations/0"),
        ([{}], "/operations/0"),
        (["create"], "/operations/0"),
        ([{"op": ["create"]}], "/operations/0"),
    ],
    ids=range(13),
)
async def test_a_request_that_is_not_valid_does_nothing(
    desk: httpx.AsyncClient, sessions: Sessions, operations: list[Any], pointer: str
) -> None:
    for atomic in (True, False):
        assert_problem(await batch(desk, *operations, atomic=atomic), Invalid, pointer)
    assert await titles(sessions) == {}


async def test_a_hundred_are_done(
    desk: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int]
) -> None:
    count_queries()
    made = await batch(desk, *(create(f"Title {n}") for n in range(100)))
    assert statuses(made.json()["results"]) == [201] * 100
    assert count_queries() <= 100 * 12
    ids = [result["id"] for result in made.json()["results"]]
    changed = await batch(desk, *(update(post_id, '"1"', subtitle="x") for post_id in ids))
    assert statuses(changed.json()["results"]) == [200] * 100
    assert count_queries() <= 100 * 12
    published = await batch(desk, *(change("publish", post_id, '"2"') for post_id in ids))
    assert statuses(published.json()["results"]) == [200] * 100
    assert count_queries() <= 100 * 12
    assert set((await titles(sessions)).values()) == {3}


async def test_it_takes_an_idempotency_key(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    headers = {"Idempotency-Key": "batch"}
    operations = [create("One"), update(uuid4())]
    assert_problem(await batch(desk, *operations, headers=headers), BatchFailed)
    first = await batch(desk, *operations, atomic=False, headers=headers)
    again = await batch(desk, *operations, atomic=False, headers=headers)
    assert again.headers["idempotent-replayed"] == "true" and again.content == first.content
    assert await titles(sessions) == {"One": 1}


# ── several at once ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def owner(app: FastAPI, committing: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    """The owner, whose requests commit."""
    async with committing.begin() as session:
        token = await make.token(session, scopes=list(Scope))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="https://blog.example", headers=headers) as client:
        yield client


@pytest.mark.parametrize("atomic", [True, False])
async def test_two_that_overlap_wait_for_one_another(
    owner: httpx.AsyncClient, committing: Sessions, atomic: bool
) -> None:
    """In whichever order they name posts and slugs: neither is undone to let the other go on."""
    ids = [post.id for post in await drafts(committing, 6)]
    there = [update(post_id, subtitle="there") for post_id in ids] + [create("One"), create("x", slug="two")]
    back = [update(post_id, subtitle="back") for post_id in reversed(ids)] + [create("Two"), create("One")]
    answers = await asyncio.gather(*(batch(owner, *wish, atomic=atomic) for wish in [there, back] * 3))
    if not atomic:
        found = Counter(status for answer in answers for status in statuses(answer.json()["results"]))
        assert found[200] == 36 and found[201] + found[409] == 12 and found[409] >= 2
        assert (await titles(committing))["Draft 0"] == 7
    else:
        done = [answer for answer in answers if answer.status_code == 200]
        assert done and all(answer.status_code in {200, 409} for answer in answers)
        assert (await titles(committing))["Draft 0"] == 1 + len(done)


async def test_of_two_with_one_version_one_is_done(owner: httpx.AsyncClient, committing: Sessions) -> None:
    ids = [post.id for post in await drafts(committing, 3)]
    wishes = [[update(post_id, '"1"') for post_id in order] for order in (ids, ids[::-1])]
    answers = await asyncio.gather(*(batch(owner, *wish) for wish in wishes))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert set((await titles(committing)).values()) == {2}


async def test_two_that_want_the_same_slugs_wait_for_one_another(
    owner: httpx.AsyncClient, committing: Sessions
) -> None:
    wishes = [create(f"Same {n}") for n in range(8)] + [create("x", slug=f"own-{n}") for n in range(8)]
    answers = await asyncio.gather(*(batch(owner, *wish, atomic=False) for wish in [wishes, wishes[::-1]] * 2))
    found = Counter(status for answer in answers for status in statuses(answer.json()["results"]))
    assert found == {201: 4 * 8 + 8, 409: 3 * 8}
