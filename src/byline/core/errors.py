"""What can be wrong with a request, without a word about HTTP frameworks.

    BylineError
    ├── BadRequest 400
    ├── Unauthenticated 401
    ├── Forbidden 403
    ├── NotFound 404
    ├── Conflict 409
    ├── Gone 410
    ├── StaleVersion 412
    ├── ContentTooLarge 413
    ├── Invalid 422
    ├── VersionRequired 428
    └── TooManyRequests 429

A room subclasses these at the top of its `service.py`: the class is the kind of problem, with a `code` that clients
may rely on; the instance says what is wrong this time. `problems.py` renders them as RFC 9457 says.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class BylineError(Exception):
    """`status` is the HTTP status, `code` the stable name of the problem, `title` the same for people.

    `constraints` names the database constraints whose violation is this error. Keyword arguments of an instance
    are added to the problem as members of their own. What the request wrote before it failed is rolled back, unless
    `commits`: a wrong password is counted, although it is refused.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    constraints: ClassVar[tuple[str, ...]] = ()
    commits: ClassVar[bool] = False
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members


class BadRequest(BylineError):
    status = 400
    code = "bad_request"
    title = "The request is malformed"


class Unauthenticated(BylineError):
    status = 401
    code = "unauthenticated"
    title = "Sign in first"
    headers = {"WWW-Authenticate": "Bearer"}  # noqa: RUF012


class Forbidden(BylineError):
    status = 403
    code = "forbidden"
    title = "You may not do this"


class NotFound(BylineError):
    status = 404
    code = "not_found"
    title = "There is no such thing"


class Conflict(BylineError):
    status = 409
    code = "conflict"
    title = "This conflicts with what is there"


class Gone(BylineError):
    status = 410
    code = "gone"
    title = "It was here, and is gone for good"


class StaleVersion(BylineError):
    """Raised with `current_version` and, where they are known, `changed_fields` since the version that was named; of a
    post also `changes`: what each of them was then, and is now.
    """

    status = 412
    code = "stale_version"
    title = "It was changed since you read it"


class ContentTooLarge(BylineError):
    status = 413
    code = "content_too_large"
    title = "The body of the request is too large"


class Invalid(BylineError):
    """Well-formed, but not acceptable. `pointer` is a JSON Pointer (RFC 6901) to the member at fault."""

    status = 422
    code = "invalid"
    title = "The request is not valid"

    def __init__(self, detail: str | None = None, *, pointer: str | None = None, **members: Any) -> None:
        if pointer is not None:
            members["errors"] = [{"pointer": pointer, "detail": detail or self.title}]
        super().__init__(detail, **members)


class VersionRequired(BylineError):
    status = 428
    code = "version_required"
    title = "Send If-Match with the version that you read"


class TooManyRequests(BylineError):
    """`retry_after` is the number of seconds to wait, told in the header of that name."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1, **members: Any) -> None:
        super().__init__(detail, **members)
        self.headers = {"Retry-After": str(retry_after)}


def by_constraint(name: str) -> type[BylineError] | None:
    """The error that stands for a violation of the named constraint."""
    pending = [BylineError]
    while pending:
        error = pending.pop()
        if name in error.constraints:
            return error
        pending.extend(error.__subclasses__())
    return None
