"""Every failure as `application/problem+json` (RFC 9457), and the same in the OpenAPI document."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from byline.core.errors import BylineError, Conflict, ContentTooLarge, Invalid, by_constraint
from byline.core.ids import request_id

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class ProblemError(BaseModel):
    pointer: str = Field(description="JSON Pointer (RFC 6901) into the body, or `/query/…`, `/path/…`, `/header/…`.")
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457). Rely on `code`; the texts are for people. Some problems have members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["There is no such post"])
    status: int = Field(examples=[404])
    detail: str | None
    instance: str = Field(description="The path that was asked for.", examples=["/v1/posts/no-such-post"])
    code: str = Field(description="The stable name of the problem.", examples=["post_not_found"])
    request_id: str
    errors: list[ProblemError] = Field(description="What is wrong where, for requests that are not valid.")


class ServiceUnavailable(BylineError):
    status = 503
    code = "service_unavailable"
    title = "The database cannot be reached"
    headers = {"Retry-After": "2"}  # noqa: RUF012


def problems(*errors: type[BylineError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may answer these errors."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        response = responses.setdefault(error.status, {"description": error.title, "content": {MEDIA_TYPE: {}}})
        content = response["content"][MEDIA_TYPE]
        content["schema"] = {"$ref": "#/components/schemas/Problem"}
        content.setdefault("examples", {})[error.code] = {"value": _example(error)}
        if error.title not in response["description"]:
            response["description"] += f"; or: {error.title}"
    return responses


def _example(error: type[BylineError]) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": None,
        "instance": "/v1/…",
        "code": error.code,
        "request_id": "4f9f1c8f6f1b4f0d8f3a6a4c2f1e7b1d",
        "errors": [],
    }


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(BylineError, _byline_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeout, _unavailable)
    app.add_exception_handler(OSError, _unavailable)  # refused, timed out, no such host: only the database is far
    app.add_exception_handler(Exception, _internal_error)  # only of the middleware around `unexpected`


def _render(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[dict[str, str]] = (),
    **members: Any,
) -> Response:
    problem = _problem(request.url.path, status, code, title, detail, errors=errors, **members)
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(problem, status, headers, media_type=MEDIA_TYPE)


def _problem(
    instance: str,
    status: int,
    code: str,
    title: str,
    detail: str | None,
    *,
    errors: Sequence[dict[str, str]] = (),
    **members: Any,
) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id.get(),
        "errors": list(errors),
        **members,
    }


def problem_of(error: BylineError, instance: str) -> dict[str, Any]:
    """The error as part of an answer to several things that were asked for at once."""
    return _problem(instance, error.status, error.code, error.title, error.detail, **error.members)


def render_error(request: Request, error: BylineError) -> Response:
    return _render(request, error.status, error.code, error.title, error.detail, headers=error.headers, **error.members)


async def _byline_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BylineError)
    return render_error(request, error)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"pointer": _pointer(found), "detail": found["msg"].removeprefix("Value error, ")} for found in error.errors()
    ]
    return _render(request, 422, Invalid.code, Invalid.title, errors=errors)


def _pointer(found: dict[str, Any]) -> str:
    """Where it is: what `core.schemas` looks at as a whole says by `loc` in the context where in there."""
    if found["type"] == "json_invalid":
        return ""  # it has an offset in place of the member's name
    loc = (*found["loc"], *found.get("ctx", {}).get("loc", ()))
    steps = loc[1:] if loc[0] == "body" else loc
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


async def _http_exception(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths, methods, unreadable or too large bodies."""
    assert isinstance(error, HTTPException)
    if error.status_code == ContentTooLarge.status:
        return render_error(request, ContentTooLarge())
    status = HTTPStatus(error.status_code)
    detail = error.detail if error.detail != status.phrase else None
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return _render(request, error.status_code, status.name.lower(), status.phrase, detail, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Of every route of this path: the framework names those of the first one only."""
    routes = request.app.router.routes
    return [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def _database_error(request: Request, error: Exception) -> Response:
    """By SQLSTATE (PostgreSQL, Appendix A): what the client sent, or what the database could not do just now."""
    assert isinstance(error, DBAPIError)
    refusal = refusal_of(error)
    if refusal is not None:
        return render_error(request, refusal)
    if _sqlstate(error).startswith(("08", "40", "53", "57")) or isinstance(error, InterfaceError | OperationalError):
        return await _unavailable(request, error)
    return await unexpected(request, error)


def refusal_of(error: DBAPIError) -> BylineError | None:
    """What the database refused because of what the client sent; None where it is not the client's fault."""
    sqlstate = _sqlstate(error)
    if isinstance(error, IntegrityError):
        cause = getattr(error.orig, "__cause__", None)
        known = by_constraint(getattr(cause, "constraint_name", None) or "")
        if known is not None:
            return known()
        if sqlstate in {"23503", "23505"}:  # a foreign key, a unique constraint
            return Conflict()
    if sqlstate.startswith("22"):  # a value that PostgreSQL cannot take
        return Invalid("a value in the request cannot be stored or compared")
    return None


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


async def _unavailable(request: Request, error: Exception) -> Response:
    logger.warning("%s %s: the database cannot be reached: %s", request.method, request.url.path, error)
    return render_error(request, ServiceUnavailable())


async def unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: the log has it all, the answer nothing."""
    logger.error("%s %s [%s] failed", request.method, request.url.path, request_id.get(), exc_info=error)
    return await _internal_error(request, error)


async def _internal_error(request: Request, error: Exception) -> Response:
    headers = {"X-Request-ID": request_id.get()}  # the middleware that sends it elsewhere may have been left behind
    return _render(request, 500, "internal_error", "Something went wrong on our side", headers=headers)
