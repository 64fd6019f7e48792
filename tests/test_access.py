"""Who may do what: every operation that is not for anybody, tried by each kind of caller."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import keys
from byline.accounts.caller import Caller, Role, Scope
from byline.accounts.models import Session, User
from byline.posts import publishing
from byline.posts import service as posts
from byline.posts.schemas import PostCreate, PostPublish
from tests import make
from tests.conftest import Sessions
from tests.test_openapi import DOCUMENT, OPERATIONS

# The status that answers a request which is right but for who sends it. `key` is an owner's API key with no scope but
# the one that is asked for, `other` has another one; `gone`, `late` and `away` have the right one, but were revoked,
# have run out, or are used from another network. What is reached belongs to somebody else; to the caller where the
# line says `own`. Where a right request costs a second (a password is hashed), a wrong body is sent: 422.
MATRIX = """
operation                                         anybody owner admin editor author contributor reader  key other gone late away
"""

BODIES: dict[str, Any] = {
    "POST /v1/account/password": {},
    "POST /v1/auth/confirm": {},
    "PATCH /v1/account": {"name": "New"},
    "POST /v1/manage/posts": {"title": "New"},
    "PATCH /v1/manage/posts/{post_id}": {"title": "New"},
    "POST /v1/manage/authors": {"name": "New"},
    "PATCH /v1/manage/authors/{author_id}": {"name": "New"},
    "POST /v1/manage/tags": {"name": "New"},
    "PATCH /v1/manage/tags/{tag_id}": {"name": "New"},
    "POST /v1/manage/series": {"title": "New"},
    "PATCH /v1/manage/series/{series_id}": {"title": "New"},
    "PATCH /v1/manage/users/{user_id}": {"name": "New"},
    "POST /v1/manage/api-keys": {"name": "New", "scopes": ["keys:manage"]},
    "POST /v1/manage/api-keys/{key_id}/rotate": {},
}

Make = Callable[[AsyncSession, User], Awaitable[UUID]]


async def _post(session: AsyncSession, of: User) -> UUID:
    caller = Caller(of.id, of.name, Role(of.role), frozenset())
    post = await posts.create(session, PostCreate(title="A post"), caller=caller, language="en")
    return (await publishing.publish(session, post, PostPublish(), caller=caller)).id


async def _author(session: AsyncSession, of: User) -> UUID:
    author = await make.author(session)
    author.user_id = of.id
    return author.id


async def _tag(session: AsyncSession, of: User) -> UUID:
    return (await make.tag(session)).id


async def _series(session: AsyncSession, of: User) -> UUID:
    return (await make.series(session)).id


async def _user(session: AsyncSession, of: User) -> UUID:
    return of.id


async def _session(session: AsyncSession, of: User) -> UUID:
    await make.token(session, scopes=[], of=of)
    newest = select(Session.id).where(Session.user_id == of.id).order_by(Session.id.desc()).limit(1)
    return (await session.scalars(newest)).one()


async def _api_key(session: AsyncSession, of: User) -> UUID:
    return (await make.api_key(session, scopes=[Scope.TAGS_READ], of=of))[1].id


SUBJECTS: dict[str, Make] = {
    "post_id": _post,
    "author_id": _author,
    "tag_id": _tag,
    "series_id": _series,
    "user_id": _user,
    "session_id": _session,
    "key_id": _api_key,
}

LINES = [line for line in MATRIX.splitlines() if line][1:]
KINDS = MATRIX.split()[1:13]


def _scopes(operation: str) -> set[Scope]:
    method, path = operation.split()
    return {
        Scope(scope) for way in DOCUMENT["paths"][path][method.lower()]["security"] for scope in sum(way.values(), [])
    }


def _parse(line: str) -> tuple[str, bool, list[str]]:
    method, path, *rest = line.split()
    own = rest[0] == "own"
    return f"{method} {path}", own, rest[own:]


async def _authorization(session: AsyncSession, kind: str, scopes: set[Scope]) -> tuple[User, dict[str, str]]:
    """A user and what a caller of this kind sends."""
    if kind == "anybody":
        return await make.user(session), {}
    if kind in list(Role):
        user = await make.user(session, role=Role(kind))
        return user, {"Authorization": f"Bearer {await make.token(session, scopes=list(Scope), of=user)}"}
    user = await make.user(session, role=Role.OWNER)
    if kind == "other":
        scopes = {next(scope for scope in Scope if scope not in scopes)}
    networks = ["192.0.2.0/24"] if kind == "away" else []
    token, key = await make.api_key(session, scopes=scopes or {Scope.TAGS_READ}, of=user, networks=networks)
    if kind == "gone":
        await keys.revoke(session, key)
    if kind == "late":
        key.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    return user, {"Authorization": f"Bearer {token}"}


async def _try(client: httpx.AsyncClient, sessions: Sessions, operation: str, own: bool, kind: str) -> httpx.Response:
    async with sessions.begin() as session:
        caller, headers = await _authorization(session, kind, _scopes(operation))
        await make.user(session, role=Role.OWNER)  # nobody here is the last one
        of = caller if own else await make.user(session, role=Role.EDITOR)
        method, path = operation.split()
        for name in re.findall(r"\{(\w+)\}", path):
            path = path.replace(f"{{{name}}}", str(await SUBJECTS[name](session, of)))
    if "ifMatch" in str(DOCUMENT["paths"][operation.split()[1]][method.lower()]) or "if-match" in str(
        DOCUMENT["paths"][operation.split()[1]][method.lower()]
    ):
        headers["If-Match"] = "*"
    return await client.request(method, path, headers=headers, json=BODIES.get(operation))


def test_every_operation_stands_in_the_table() -> None:
    protected = [
        f"{method.upper()} {path}" for method, path in OPERATIONS if "security" in DOCUMENT["paths"][path][method]
    ]
    assert sorted({_parse(line)[0] for line in LINES}) == sorted(protected)


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line.split()[:2]))
async def test_who_may(client: httpx.AsyncClient, sessions: Sessions, line: str) -> None:
    operation, own, expected = _parse(line)
    found = {kind: (await _try(client, sessions, operation, own, kind)).status_code for kind in KINDS}
    assert found == dict(zip(KINDS, map(int, expected), strict=True))
