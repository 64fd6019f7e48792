"""Every kind of failure, as one kind of answer."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel
from sqlalchemy import text

from byline.app import MAX_BODY_BYTES, create_app
from byline.core.deps import SessionDep
from byline.core.errors import (
    BylineError,
    Conflict,
    ContentTooLarge,
    Forbidden,
    Invalid,
    NotFound,
)
from byline.core.problems import Problem, ServiceUnavailable, problems
from byline.core.settings import Settings
from byline.posts.service import PostNotFound, SlugTaken
from byline.tags.service import TagSlugTaken
from tests.conftest import close
from tests.problems import MEMBERS, assert_problem


class Nested(BaseModel):
    numbers: list[int] = []


async def fail_at_the_database(sqlstate: str, session: SessionDep, constraint: str = "") -> None:
    """The database itself raises what is asked for."""
    raising = f"raise exception 'hush' using errcode = '{sqlstate}', constraint = '{constraint}'"
    await session.execute(text(f"do $$ begin {raising}; end $$"))


async def fail() -> None:
    raise RuntimeError("hush")


async def lose_the_network() -> None:
    raise TimeoutError("hush")


async def take(nested: Nested, number: int = Query(0, alias="a/b~c")) -> None:
    pass


@pytest.fixture(scope="module")
async def failing(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, with a few endpoints that only fail."""
    app = create_app(settings)
    app.get("/database/{sqlstate}")(fail_at_the_database)
    app.get("/bug")(fail)
    app.get("/network")(lose_the_network)
    app.post("/take")(take)
    yield app
    await close(app)


@pytest.fixture
async def http(failing: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(failing, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://blog.example") as client:
        yield client


@pytest.mark.parametrize(
    ("sqlstate", "error"),
    [
        ("40001", ServiceUnavailable),  # serialization failure
        ("40P01", ServiceUnavailable),  # deadlock
        ("53300", ServiceUnavailable),  # too many connections
        ("57P01", ServiceUnavailable),  # the server shuts down
        ("57014", ServiceUnavailable),  # cancelled
        ("08006", ServiceUnavailable),  # connection failure
        ("22003", Invalid),  # out of range
        ("22P05", Invalid),  # untranslatable character
        ("23503", Conflict),  # a foreign key that no error names
        ("23505", Conflict),
    ],
)
async def test_what_the_database_says(http: httpx.AsyncClient, sqlstate: str, error: type[BylineError]) -> None:
    response = await http.get(f"/database/{sqlstate}")
    problem = assert_problem(response, error)
    assert "hush" not in str(problem)
    assert ("retry-after" in response.headers) == (error is ServiceUnavailable)


@pytest.mark.parametrize(
    ("constraint", "error"), [("uq_tags_slug", TagSlugTaken), ("uq_posts_kind_slug", SlugTaken), ("uq_x", Conflict)]
)
async def test_a_constraint_has_an_error_of_its_own(
    http: httpx.AsyncClient, constraint: str, error: type[BylineError]
) -> None:
    assert_problem(await http.get(f"/database/23505?constraint={constraint}"), error)


@pytest.mark.parametrize("path", ["/bug", "/database/42P01", "/database/23514", "/database/XX000", "/database/P0001"])
async def test_our_own_mistakes_tell_nothing(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.ERROR):
        response = await http.get(path, headers={"X-Request-ID": "the-request-id"})
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert problem.keys() == MEMBERS
    assert (problem["status"], problem["code"], problem["detail"]) == (500, "internal_error", None)
    assert problem["request_id"] == response.headers["x-request-id"] == "the-request-id"
    assert "hush" not in response.text
    assert "the-request-id" in caplog.text and "hush" in caplog.text  # the log has it all


async def test_a_network_that_is_gone(http: httpx.AsyncClient) -> None:
    assert_problem(await http.get("/network"), ServiceUnavailable)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/posts/a/b", 404, "not_found"),
        ("GET", "/v1/manage", 404, "not_found"),
        ("PUT", "/v1/posts", 405, "method_not_allowed"),
        ("DELETE", "/v1/site", 405, "method_not_allowed"),
        ("POST", "/livez", 405, "method_not_allowed"),
    ],
)
async def test_what_the_framework_refuses(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    response = await http.request(method, path)
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["code"], problem["instance"]) == (status, code, path)
    assert problem.keys() == MEMBERS
    assert response.headers["cache-control"] == "no-store"
    assert problem["request_id"] == response.headers["x-request-id"]
    if status == 405:
        assert "GET" in response.headers["allow"]


async def some(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("told", [True, False], ids=["with its length", "in chunks"])
async def test_a_body_has_a_limit(http: httpx.AsyncClient, told: bool) -> None:
    headers = {"Content-Type": "application/json"}
    large = b" " * (MAX_BODY_BYTES + 1) if told else some(MAX_BODY_BYTES + 1024)
    assert_problem(await http.post("/take", content=large, headers=headers), ContentTooLarge)
    fits = b"{}" + b" " * (MAX_BODY_BYTES - 2) if told else some(MAX_BODY_BYTES)
    assert (await http.post("/take", content=fits, headers=headers)).status_code in {200, 422}


async def test_what_is_allowed_is_all_that_the_path_has(http: httpx.AsyncClient) -> None:
    response = await http.put("/v1/manage/tags/0196f0f0-0000-7000-8000-000000000000")
    assert response.headers["allow"] == "GET, PATCH, DELETE"


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/take", '{"numbers": [1, "x", 3, "y"]}', ["/numbers/1", "/numbers/3"]),
        ("/take", "[]", [""]),
        ("/take", "", [""]),
        ("/take", '{"numbers": [1,', [""]),
        ("/take?a/b~c=x", "{}", ["/query/a~1b~0c"]),
        ("/take?a/b~c=x", '{"numbers": 1}', ["/query/a~1b~0c", "/numbers"]),
    ],
)
async def test_pointers(http: httpx.AsyncClient, path: str, body: str, pointers: list[str]) -> None:
    response = await http.post(path, content=body, headers={"Content-Type": "application/json"})
    problem = assert_problem(response, Invalid)
    assert [found["pointer"] for found in problem["errors"]] == pointers
    assert all(found["detail"] for found in problem["errors"])


async def test_hostile_paths_are_told_back_as_data(http: httpx.AsyncClient) -> None:
    response = await http.get("/%3Cscript%3E%22%00%e2%80%ae%ff")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.json()["instance"] == '/<script>"\x00\u202e\ufffd'


def test_a_body_that_is_a_problem_fits_its_schema() -> None:
    assert Problem.model_fields.keys() == MEMBERS


def test_responses_of_one_status_share_a_description() -> None:
    documented = problems(PostNotFound, NotFound, Forbidden, PostNotFound)
    assert documented.keys() == {403, 404}
    assert documented[404]["description"] == "There is no such post; or: There is no such thing"
    examples = documented[404]["content"]["application/problem+json"]["examples"]
    assert examples.keys() == {"post_not_found", "not_found"}
    for example in examples.values():
        Problem.model_validate(example["value"])
    assert problems() == {}
