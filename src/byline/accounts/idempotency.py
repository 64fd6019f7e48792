"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent twice is done once.

Routers whose POSTs take it are made with `route_class=IdempotentRoute`. `get_caller` claims the key, once it is known
whose it is and before anything else is looked at: so who has done something gets the same answer, though it could not
be done again. What is refused or fails is rolled back, with its claim; sent again, it is tried again.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import ClientDisconnect

from byline.accounts import answers
from byline.accounts.answers import Answer, AnswerNotKept, IdempotencyKeyInUse, IdempotencyKeyReused
from byline.accounts.caller import Caller
from byline.core.errors import BadRequest, Invalid
from byline.core.problems import MEDIA_TYPE, problems

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Responses = dict[int | str, dict[str, Any]]

REPLAYED = "Idempotent-Replayed"


class Replay(Exception):
    """Ends a request that was answered already."""

    def __init__(self, answer: Answer) -> None:
        self.response = Response(answer.body, answer.status, {**answer.headers, REPLAYED: "true"})


class Claim:
    """A request under a key. It is `made` once it is known whose key it is; only then is there anything to keep."""

    def __init__(self, key: str, message: bytes) -> None:
        self.key = key
        self.message = message
        self.made: tuple[AsyncSession, UUID, bytes, bytes] | None = None

    async def make(self, session: AsyncSession, caller: Caller, secret: str) -> None:
        """Raises Replay, IdempotencyKeyInUse, IdempotencyKeyReused, AnswerNotKept."""
        if self.made is not None:
            return
        owner = caller.api_key_id or caller.user_id
        key_hash = hashlib.sha256(f"{owner} {self.key}".encode()).digest()
        # Bodies hold passwords: a plain hash of one would let who reads the table guess them.
        request_hash = hmac.digest(f"idempotency {secret} {self.key}".encode(), self.message, "sha256")
        answer = await answers.earlier(session, key_hash, request_hash)
        if answer is not None:
            raise Replay(answer)
        self.made = session, caller.user_id, key_hash, request_hash

    async def keep(self, response: Response) -> None:
        """In the transaction of the request, which has not ended yet. What `no-store` marks as secret is left out."""
        if self.made is None or response.status_code >= 400:
            return
        told_a_secret = "no-store" in response.headers.get("cache-control", "") or "set-cookie" in response.headers
        headers = {
            name: value for name, value in response.headers.items() if name not in {"content-length", "set-cookie"}
        }
        body = None if told_a_secret else bytes(response.body)
        await answers.keep(*self.made, Answer(response.status_code, headers, body))


async def take_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=r"^[!-~]([ -~]{0,253}[!-~])?$",
            description="A name of your choice for this request, such as a UUID. Sent again within 24 hours, the "
            f"request is not done again: you get the first answer, with `{REPLAYED}: true`. Only what succeeded is "
            "kept, and no secret.",
            examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
        ),
    ] = None,
) -> None:
    """Documents and validates the header; `IdempotentRoute` reads it."""


class IdempotentRoute(APIRoute):
    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: set[str] | list[str] | None = None,
        dependencies: Sequence[Dependency] | None = None,
        responses: Responses | None = None,
        **options: Any,
    ) -> None:
        if "POST" in (methods or ()):
            dependencies = [*(dependencies or ()), Depends(take_key)]
            responses = _with_errors(responses or {})
        super().__init__(path, endpoint, methods=methods, dependencies=dependencies, responses=responses, **options)

    def get_route_handler(self) -> Handler:
        """FastAPI's makes the whole response; the transaction ends after that, and before it is sent."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if key is None or request.method != "POST":
                return await handle(request)
            request.state.claim = claim = Claim(key, await _message(request))
            try:
                response = await handle(request)
            except Replay as replay:
                return replay.response
            await claim.keep(response)
            return response

        return handle_once


async def claim(request: Request, session: AsyncSession, caller: Caller, secret: str) -> None:
    """Of a request without a key, or to an endpoint that takes none, nothing.

    Raises Replay, IdempotencyKeyInUse, IdempotencyKeyReused, AnswerNotKept.
    """
    made: Claim | None = getattr(request.state, "claim", None)
    if made is not None:
        await made.make(session, caller, secret)


async def _message(request: Request) -> bytes:
    """All that makes it another request. Raises BadRequest."""
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise BadRequest("the request ended before its body") from error
    head = [request.method, request.url.path, request.url.query, request.headers.get("content-type")]
    return json.dumps([*head, hashlib.sha256(body).hexdigest()]).encode()


def _with_errors(responses: Responses) -> Responses:
    """The route's own, and what its key may be refused for."""
    merged = {**responses}
    for status, ours in problems(Invalid, IdempotencyKeyReused, IdempotencyKeyInUse, AnswerNotKept).items():
        theirs = merged.get(status)
        if theirs is not None:
            ours["description"] = f"{theirs['description']}; or: {ours['description']}"
            ours["content"][MEDIA_TYPE]["examples"] |= theirs["content"][MEDIA_TYPE]["examples"]
        merged[status] = ours
    return merged
