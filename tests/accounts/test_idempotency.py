"""A POST that is sent twice under one `Idempotency-Key` is done once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Form, Request, Response, UploadFile
from sqlalchemy import func, select, text, update

from byline.accounts.answers import LIFETIME, AnswerNotKept, IdempotencyKeyInUse, IdempotencyKeyReused
from byline.accounts.caller import Role, Scope
from byline.accounts.deps import AnyCaller, ScopeMissing
from byline.accounts.idempotency import IdempotentRoute
from byline.accounts.models import ApiKey, IdempotencyKey
from byline.accounts.tasks import prune_answers
from byline.app import create_app
from byline.core.deps import SessionDep
from byline.core.errors import Conflict, Invalid
from byline.core.jobs import TaskContext
from byline.core.settings import Settings
from byline.posts.models import Post
from byline.posts.service import SlugTaken
from byline.tags.models import Tag
from tests import make
from tests.conftest import Sessions, close
from tests.problems import assert_problem
from tests.test_openapi import DOCUMENT, OPERATIONS

POSTS, TAGS, API_KEYS = "/v1/manage/posts", "/v1/manage/tags", "/v1/manage/api-keys"
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
NEW = {"title": "How to measure", "markdown": "Measure *first*.", "tags": []}
REPLAYED = "idempotent-replayed"

# What the middleware around the routes says of this very request.
OF_THE_REQUEST = {"x-request-id", "ratelimit", "ratelimit-policy", REPLAYED}


def told(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name not in OF_THE_REQUEST}
    return response.status_code, response.content, headers


def assert_replay(response: httpx.Response, first: httpx.Response) -> None:
    assert response.headers.get(REPLAYED) == "true" and REPLAYED not in first.headers
    assert told(response) == told(first)


async def count(sessions: Sessions, model: type[Any]) -> int:
    async with sessions.begin() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def bearer(sessions: Sessions, **fields: Any) -> dict[str, str]:
    async with sessions.begin() as session:
        return {"Authorization": f"Bearer {await make.token(session, **{'scopes': list(Scope), **fields})}"}


# ── what a key is for ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_replay_is_the_first_answer_byte_for_byte(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    first = await desk.post(POSTS, json=NEW, headers=KEY)
    assert first.status_code == 201
    assert first.headers["location"] == f"{POSTS}/{first.json()['id']}" and first.headers["etag"] == '"1"'
    assert_replay(await desk.post(POSTS, json=NEW, headers=KEY), first)
    assert await count(sessions, Post) == 1
    assert (await desk.post(POSTS, json=NEW)).json()["slug"] == "how-to-measure-2"


async def test_a_replay_comes_before_the_precondition(desk: httpx.AsyncClient) -> None:
    """The client never heard that it was published, and repeats it with the version that it knows."""
    url = (await desk.post(POSTS, json=NEW)).headers["location"]
    headers = {**KEY, "If-Match": '"1"'}
    first = await desk.post(f"{url}/publish", json={}, headers=headers)
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    await desk.patch(url, json={"title": "Moved on"}, headers={"If-Match": '"2"'})
    assert_replay(await desk.post(f"{url}/publish", json={}, headers=headers), first)
    assert (await desk.post(f"{url}/publish", json={}, headers={"If-Match": '"1"'})).status_code == 412


async def test_a_replay_comes_though_what_it_was_about_is_gone(desk: httpx.AsyncClient) -> None:
    url = (await desk.post(POSTS, json=NEW)).headers["location"]
    first = await desk.post(f"{url}/publish", headers={**KEY, "If-Match": "*"})
    assert (await desk.delete(url, headers={"If-Match": "*"})).status_code == 204
    assert_replay(await desk.post(f"{url}/publish", headers={**KEY, "If-Match": "*"}), first)


@pytest.mark.parametrize(
    ("path", "content", "media_type"),
    [
        (POSTS, b'{"title": "Another"}', "application/json"),
        (POSTS, b'{"title":"One"}', "application/json"),  # the same, written otherwise
        (POSTS, b'{"title": "One"}', "application/json; charset=utf-8"),
        (f"{POSTS}?x=1", b'{"title": "One"}', "application/json"),
        ("/v1/manage/series", b'{"title": "One"}', "application/json"),
    ],
)
async def test_a_key_is_for_one_request(desk: httpx.AsyncClient, path: str, content: bytes, media_type: str) -> None:
    json = {"Content-Type": "application/json"}
    first = await desk.post(POSTS, content=b'{"title": "One"}', headers={**KEY, **json})
    other = await desk.post(path, content=content, headers={**KEY, "Content-Type": media_type})
    assert_problem(other, IdempotencyKeyReused)
    assert_replay(await desk.post(POSTS, content=b'{"title": "One"}', headers={**KEY, **json}), first)


async def test_a_key_is_its_callers_own(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        ada = await make.user(session, name="Ada")
        first_key, _ = await make.api_key(session, scopes=[Scope.POSTS_WRITE], of=ada)
        second_key, _ = await make.api_key(session, scopes=[Scope.POSTS_WRITE], of=ada)
    callers = [await bearer(sessions, of=ada), await bearer(sessions)]
    callers += [{"Authorization": f"Bearer {key}"} for key in (first_key, second_key)]
    answers = [await client.post(POSTS, json=NEW, headers={**KEY, **caller}) for caller in callers]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 4
    # Of one person, whichever session it is.
    assert_replay(await client.post(POSTS, json=NEW, headers={**KEY, **await bearer(sessions, of=ada)}), answers[0])


async def test_who_may_not_do_it_is_told_nothing(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        ada = await make.user(session, role=Role.OWNER)
    await client.post(POSTS, json=NEW, headers={**KEY, **await bearer(sessions, of=ada)})
    narrow = await bearer(sessions, of=ada, scopes=[Scope.POSTS_READ])
    assert_problem(await client.post(POSTS, json=NEW, headers={**KEY, **narrow}), ScopeMissing)
    assert (await client.post(POSTS, json=NEW, headers=KEY)).status_code == 401


async def test_it_costs_three_statements(desk: httpx.AsyncClient, count_queries: Callable[[], int]) -> None:
    async def cost(headers: dict[str, str]) -> int:
        count_queries()
        assert (await desk.post(TAGS, json={"name": headers.get("Idempotency-Key", "x")}, headers=headers)).is_success
        return count_queries()

    without = await cost({})
    assert await cost({"Idempotency-Key": "k"}) == without + 3
    assert await cost({"Idempotency-Key": "k"}) < without


# ── what is not kept ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_refused_is_tried_again(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    wanted = {"title": "One", "slug": "wanted"}
    rival = await desk.post(POSTS, json=wanted)
    assert_problem(await desk.post(POSTS, json=wanted, headers=KEY), SlugTaken)
    assert await count(sessions, IdempotencyKey) == 0
    await desk.delete(rival.headers["location"], headers={"If-Match": "*"})
    done = await desk.post(POSTS, json=wanted, headers=KEY)
    assert done.status_code == 201 and REPLAYED not in done.headers


async def test_a_body_that_was_not_valid_may_be_corrected(desk: httpx.AsyncClient) -> None:
    assert_problem(await desk.post(POSTS, json={}, headers=KEY), Invalid, "/title")
    assert (await desk.post(POSTS, json=NEW, headers=KEY)).status_code == 201


async def test_secrets_are_not_kept(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    body = {"name": "Import", "scopes": ["posts:read"]}
    made = await desk.post(API_KEYS, json=body, headers=KEY)
    again = assert_problem(await desk.post(API_KEYS, json=body, headers=KEY), AnswerNotKept)
    assert (again["first_status"], again["location"]) == (201, made.headers["location"])
    assert await count(sessions, ApiKey) == 1
    enrolled = await desk.post("/v1/account/totp", headers={"Idempotency-Key": "enrol"})
    assert enrolled.status_code == 201
    async with sessions.begin() as session:
        rows = (await session.scalars(select(IdempotencyKey))).all()
    assert [row.body for row in rows] == [None, None]
    kept = str([(row.headers, row.status) for row in rows])
    assert made.json()["key"] not in kept and enrolled.json()["secret"] not in kept


SECRET_FIELDS = {"access_token", "csrf_token", "key", "recovery_codes", "secret", "ticket", "token"}
TELLING = {
    "/v1/account/password",
    "/v1/account/passkeys/options",
    "/v1/account/recovery-codes",
    "/v1/account/totp",
    "/v1/account/totp/enable",
    API_KEYS,
    f"{API_KEYS}/{{key_id}}/rotate",
    "/v1/manage/posts/{post_id}/preview-links",
    "/v1/manage/webhooks",
    "/v1/manage/webhooks/{webhook_id}/rotate-secret",
}


def test_every_answer_with_a_secret_is_known() -> None:
    """A new one has to be `no-store`, which keeps it out of the table."""

    def fields(path: str) -> set[str]:
        answers = [answer for status, answer in DOCUMENT["paths"][path]["post"]["responses"].items() if status < "3"]
        schemas = [answer.get("content", {}).get("application/json", {}).get("schema", {}) for answer in answers]
        names = [schema.get("$ref", "").rpartition("/")[2] for schema in schemas]
        return {field for name in names if name for field in DOCUMENT["components"]["schemas"][name]["properties"]}

    assert {path for path in keyed() if fields(path) & SECRET_FIELDS} == TELLING


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/account/recovery-codes", None),
        ("/v1/account/totp", None),
        ("/v1/account/passkeys/options", None),
        ("/v1/manage/posts/{post_id}/preview-links", None),
        ("/v1/manage/webhooks", {"url": "https://hooks.example/byline", "event_types": ["post.published"]}),
        ("/v1/manage/webhooks/{webhook_id}/rotate-secret", None),
    ],
)
async def test_what_tells_secrets_is_no_store(
    desk: httpx.AsyncClient, sessions: Sessions, path: str, body: dict[str, object] | None
) -> None:
    async with sessions.begin() as session:
        post, webhook = await make.draft(session), await make.webhook(session)
        if path.endswith("codes"):
            await session.execute(text("update users set totp_enabled_at = now(), totp_secret = ''"))
    address = path.format(post_id=post.id, webhook_id=webhook.id)
    headers = KEY | {"If-Match": "*"}
    assert (await desk.post(address, json=body, headers=headers)).is_success
    assert_problem(await desk.post(address, json=body, headers=headers), AnswerNotKept)


async def test_nobody_can_tell_from_the_table_what_was_sent(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    """Bodies hold passwords: what is compared depends on the secret key, and on the key of the request."""
    for number in range(2):
        await desk.post(TAGS, json={"name": "x"}, headers={"Idempotency-Key": f"key {number}"})
    async with sessions.begin() as session:
        rows = (await session.scalars(select(IdempotencyKey))).all()
    assert len({row.request_hash for row in rows}) == 2
    assert all(b"key" not in row.key_hash for row in rows)


# ── 24 hours ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def age(sessions: Sessions, by: timedelta) -> None:
    async with sessions.begin() as session:
        await session.execute(update(IdempotencyKey).values(created_at=func.now() - by))


async def test_a_key_is_good_for_a_day(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    first = await desk.post(POSTS, json=NEW, headers=KEY)
    await age(sessions, LIFETIME - timedelta(minutes=1))
    assert_replay(await desk.post(POSTS, json=NEW, headers=KEY), first)
    await age(sessions, LIFETIME)
    other = {"title": "Another day"}
    second = await desk.post(POSTS, json=other, headers=KEY)
    assert second.status_code == 201
    assert_replay(await desk.post(POSTS, json=other, headers=KEY), second)
    assert await count(sessions, IdempotencyKey) == 1


async def test_what_is_older_is_removed(
    app: FastAPI, settings: Settings, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    await desk.post(TAGS, json={"name": "Old"}, headers={"Idempotency-Key": "old"})
    await age(sessions, LIFETIME)
    await desk.post(TAGS, json={"name": "New"}, headers=KEY)
    await prune_answers(TaskContext(sessions, settings, app.state.mailer))
    assert await count(sessions, IdempotencyKey) == 1
    assert (await desk.post(TAGS, json={"name": "New"}, headers=KEY)).headers[REPLAYED] == "true"


# ── the header ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", [b"", b"k" * 256, "schlüssel".encode(), b"a\tb", b"\x7f"])
async def test_a_key_is_1_to_255_printable_characters(desk: httpx.AsyncClient, sessions: Sessions, key: bytes) -> None:
    response = await desk.post(POSTS, json=NEW, headers={b"Idempotency-Key": key, **{b"Accept": b"*/*"}})
    assert_problem(response, Invalid, "/header/idempotency-key")
    assert await count(sessions, Post) == 0


@pytest.mark.parametrize("key", ["k", "k" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "with a space"])
async def test_keys_that_are_taken(desk: httpx.AsyncClient, key: str) -> None:
    first = await desk.post(TAGS, json={"name": "x"}, headers={"Idempotency-Key": key})
    assert_replay(await desk.post(TAGS, json={"name": "x"}, headers={"Idempotency-Key": key}), first)


def keyed() -> list[str]:
    """The POSTs of a caller. Proving who one is, is no such thing: each proof has to be judged."""
    posts = [path for method, path in OPERATIONS if method == "post"]
    return [path for path in posts if "security" in DOCUMENT["paths"][path]["post"] and "/auth/" not in path]


@pytest.mark.parametrize("path", keyed())
def test_every_post_of_a_caller_declares_it(path: str) -> None:
    """A router whose POSTs do not is made without `route_class=IdempotentRoute`."""
    operation = DOCUMENT["paths"][path]["post"]
    assert "idempotency-key" in [parameter["name"] for parameter in operation["parameters"]]
    codes = {
        status: operation["responses"][status]["content"]["application/problem+json"]["examples"].keys()
        for status in ("409", "422")
    }
    assert codes["409"] >= {"idempotency_key_in_use", "idempotency_answer_not_kept"}
    assert codes["422"] >= {"idempotency_key_reused", "invalid"}


def test_nothing_else_declares_it() -> None:
    declaring = {
        f"{method} {path}"
        for method, path in OPERATIONS
        for parameter in DOCUMENT["paths"][path][method].get("parameters", [])
        if parameter["name"] == "idempotency-key"
    }
    assert declaring == {f"post {path}" for path in keyed()}


async def test_nobody_in_particular_has_no_keys(client: httpx.AsyncClient, sessions: Sessions) -> None:
    form = {"username": "nobody@example.com", "password": "wrong"}
    answers = [await client.post("/v1/auth/token", data=form, headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert all(REPLAYED not in answer.headers for answer in answers)
    assert await count(sessions, IdempotencyKey) == 0


# ── many at once, and what breaks ────────────────────────────────────────────────────────────────────────────────────

router = APIRouter(prefix="/test", route_class=IdempotentRoute)


async def add(session: SessionDep, name: str) -> None:
    session.add(Tag(name=name, slug=name.lower()))
    await session.flush()


@router.post("/nothing", status_code=204, response_class=Response)
async def answer_nothing(caller: AnyCaller, session: SessionDep) -> None:
    await add(session, "Nothing")


@router.post("/form")
async def take_form(
    caller: AnyCaller, session: SessionDep, name: Annotated[str, Form()], file: UploadFile
) -> dict[str, int]:
    await add(session, name)
    return {"bytes": len(await file.read())}


@router.post("/failing")
async def fail_once(request: Request, caller: AnyCaller, session: SessionDep) -> str:
    await add(session, "Failing")
    failure = request.app.state.failure
    request.app.state.failure = None
    if isinstance(failure, Exception):
        raise failure
    if failure == "commit":
        await session.execute(
            text("create temp table late (n int unique deferrable initially deferred) on commit drop")
        )
        await session.execute(text("insert into late values (1), (1)"))
    return "done"


@router.post("/slow")
async def wait_to_be_told(request: Request, caller: AnyCaller, session: SessionDep) -> str:
    await add(session, "Slow")
    request.app.state.begun.set()
    await request.app.state.go_on.wait()
    return "done"


@pytest.fixture
async def other(app: FastAPI, settings: Settings) -> AsyncIterator[FastAPI]:
    """The application with the endpoints above, on the sessions of the test."""
    other = create_app(settings)
    other.include_router(router)
    other.state.begun, other.state.go_on = asyncio.Event(), asyncio.Event()
    yield other
    await close(other)


async def owner_of(app: FastAPI, sessions: Sessions) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = await bearer(sessions)
    return httpx.AsyncClient(transport=transport, base_url="https://blog.example", headers={**headers, **KEY})


async def test_an_answer_of_nothing_is_replayed_too(app: FastAPI, other: FastAPI, sessions: Sessions) -> None:
    other.state.sessions = app.state.sessions
    async with await owner_of(other, sessions) as client:
        first = await client.post("/test/nothing")
        assert (first.status_code, first.content) == (204, b"")
        assert_replay(await client.post("/test/nothing"), first)
    assert await count(sessions, Tag) == 1


async def test_a_form_with_a_file_takes_a_key_too(app: FastAPI, other: FastAPI, sessions: Sessions) -> None:
    other.state.sessions = app.state.sessions
    content_type = {"Content-Type": "multipart/form-data; boundary=b"}
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = (part.format("name", "Form") + part.format('file"; filename="x', "four") + "--b--\r\n").encode()
    async with await owner_of(other, sessions) as client:
        first = await client.post("/test/form", content=body, headers=content_type)
        assert (first.status_code, first.json()) == (200, {"bytes": 4})
        assert_replay(await client.post("/test/form", content=body, headers=content_type), first)


@pytest.mark.parametrize(("failure", "status"), [(RuntimeError("hush"), 500), (Conflict(), 409), ("commit", 409)])
async def test_what_fails_leaves_no_key(
    other: FastAPI, committing: Sessions, failure: Exception | str, status: int
) -> None:
    other.state.failure = failure
    async with await owner_of(other, committing) as client:
        assert (await client.post("/test/failing")).status_code == status
        assert (await count(committing, IdempotencyKey), await count(committing, Tag)) == (0, 0)
        again = await client.post("/test/failing")
        assert (again.status_code, again.headers.get(REPLAYED)) == (200, None)
        assert_replay(await client.post("/test/failing"), again)
    assert await count(committing, Tag) == 1


async def test_while_it_is_done_a_second_is_told_so_at_once(other: FastAPI, committing: Sessions) -> None:
    async with await owner_of(other, committing) as client:
        running = asyncio.create_task(client.post("/test/slow"))
        await other.state.begun.wait()
        refused = await client.post("/test/slow")
        assert_problem(refused, IdempotencyKeyInUse)
        assert refused.headers["retry-after"] == "1"
        other.state.go_on.set()
        first = await running
        assert first.status_code == 200
        assert_replay(await client.post("/test/slow"), first)


async def test_who_goes_away_meanwhile_leaves_no_key(other: FastAPI, committing: Sessions) -> None:
    """As a process that ends does: the database undoes what was not committed, and gives the key back."""
    async with await owner_of(other, committing) as client:
        running = asyncio.create_task(client.post("/test/slow"))
        await other.state.begun.wait()
        running.cancel()
        await asyncio.wait([running])
        assert await count(committing, IdempotencyKey) == 0
        other.state.go_on.set()
        assert (await client.post("/test/slow")).status_code == 200
    assert await count(committing, Tag) == 1


async def test_of_twenty_at_once_one_is_done(app: FastAPI, committing: Sessions) -> None:
    async with await owner_of(app, committing) as client:
        answers = await asyncio.gather(*(client.post(POSTS, json=NEW) for _ in range(20)))
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses[201] >= 1 and statuses[201] + statuses[409] == 20
        [first] = [answer for answer in answers if answer.status_code == 201 and REPLAYED not in answer.headers]
        for answer in answers:
            if answer.status_code == 409:
                assert_problem(answer, IdempotencyKeyInUse)
            elif answer is not first:
                assert_replay(answer, first)
        assert_replay(await client.post(POSTS, json=NEW), first)
    assert await count(committing, Post) == 1
