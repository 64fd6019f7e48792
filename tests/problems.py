"""One way to look at a failure."""

from typing import Any

import httpx

from byline.core.errors import BylineError

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


def assert_problem(response: httpx.Response, error: type[BylineError], pointer: str | None = None) -> dict[str, Any]:
    """The response is this error as RFC 9457 has it, about `pointer` where one is given; its body."""
    problem: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem.keys() >= MEMBERS
    assert (response.status_code, problem["status"], problem["code"]) == (error.status, error.status, error.code)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["instance"] == response.request.url.path
    if pointer is not None:
        assert pointer in [found["pointer"] for found in problem["errors"]]
    return problem
