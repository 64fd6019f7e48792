"""Users and API keys."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from byline.accounts import keys, queries, service, sessions, totp
from byline.accounts.deps import (
    EditableApiKey,
    EditableUser,
    FreshFactorRequired,
    FreshPerson,
    KeyManager,
    LifetimeDep,
    ManagedApiKey,
    ManagedUser,
    SessionRequired,
    UserManager,
)
from byline.accounts.idempotency import IdempotentRoute
from byline.accounts.schemas import (
    ApiKeyCreate,
    ApiKeyOut,
    ApiKeyRotate,
    ManagedApiKeyQuery,
    NewApiKey,
    SessionOut,
    SessionQuery,
    UserOut,
    UserQuery,
    UserUpdate,
)
from byline.core.deps import PaginatorDep, SessionDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page

users = APIRouter(prefix="/users", tags=["Manage users"], route_class=IdempotentRoute)
api_keys = APIRouter(prefix="/api-keys", tags=["Manage API keys"], route_class=IdempotentRoute)

_SENSITIVE = (SessionRequired, FreshFactorRequired)


@users.get("", responses=problems(InvalidCursor))
async def list_users(
    query: Annotated[UserQuery, Query()], caller: UserManager, paginator: PaginatorDep
) -> Page[UserOut]:
    """Everybody who can sign in."""
    page = await paginator.page(queries.users(query), query, query.sort, queries.USER_SORTS)
    return Page[UserOut].model_validate(page)


@users.get("/{user_id}", responses=problems(service.UserNotFound))
async def get_user(user: ManagedUser, response: Response) -> UserOut:
    """One user."""
    response.headers["ETag"] = version_etag(user.version)
    return UserOut.model_validate(user)


@users.patch(
    "/{user_id}",
    responses=problems(
        service.UserNotFound, service.LastOwner, service.RoleAboveYours, StaleVersion, VersionRequired, *_SENSITIVE
    ),
)
async def update_user(
    user: EditableUser,
    changes: UserUpdate,
    caller: FreshPerson,
    session: SessionDep,
    response: Response,
) -> UserOut:
    """Change a user's name or role, or shut them out. Their sessions end with their role."""
    user = await service.update_user(session, user, changes, caller)
    response.headers["ETag"] = version_etag(user.version)
    return UserOut.model_validate(user)


@users.get("/{user_id}/sessions", responses=problems(service.UserNotFound, InvalidCursor))
async def list_sessions_of_user(
    user: ManagedUser, query: Annotated[SessionQuery, Query()], lifetime: LifetimeDep, paginator: PaginatorDep
) -> Page[SessionOut]:
    """Where a user is signed in."""
    statement = queries.sessions_of(user.id, datetime.now(UTC), lifetime.idle)
    page = await paginator.page(statement, query, query.sort, queries.SESSION_SORTS)
    return Page[SessionOut].model_validate(page)


@users.delete(
    "/{user_id}/sessions",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(service.UserNotFound, service.RoleAboveYours),
)
async def end_sessions_of_user(user: ManagedUser, caller: UserManager, session: SessionDep) -> None:
    """Sign a user out everywhere."""
    service.require_may_manage(caller, user)
    await sessions.end_all(session, user)


@users.delete(
    "/{user_id}/totp",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(service.UserNotFound, service.RoleAboveYours, StaleVersion, VersionRequired, *_SENSITIVE),
)
async def reset_totp_of_user(user: EditableUser, caller: FreshPerson, session: SessionDep) -> None:
    """Take the second factor of a user who lost the app and the recovery codes; their sessions end."""
    service.require_may_manage(caller, user)
    await totp.disable(session, user)
    await sessions.end_all(session, user)


@api_keys.get("", responses=problems(InvalidCursor))
async def list_api_keys(
    query: Annotated[ManagedApiKeyQuery, Query()], caller: KeyManager, paginator: PaginatorDep
) -> Page[ApiKeyOut]:
    """All keys, with their last use; never the keys themselves."""
    page = await paginator.page(queries.api_keys(query), query, query.sort, queries.KEY_SORTS)
    return Page[ApiKeyOut].model_validate(page)


@api_keys.post("", status_code=status.HTTP_201_CREATED, responses=problems(keys.ScopeNotHeld, *_SENSITIVE))
async def create_api_key(
    new: ApiKeyCreate, manager: KeyManager, caller: FreshPerson, session: SessionDep, response: Response
) -> NewApiKey:
    """Make a key for a service. It acts as you, with no more than the scopes you give it; it is shown only now."""
    token, key = await keys.create(session, new, caller)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/v1/manage/api-keys/{key.id}"
    return NewApiKey.made(token, key)


@api_keys.get("/{key_id}", responses=problems(keys.ApiKeyNotFound))
async def get_managed_api_key(key: ManagedApiKey) -> ApiKeyOut:
    """One key, without the key itself."""
    return ApiKeyOut.model_validate(key)


@api_keys.post(
    "/{key_id}/rotate",
    status_code=status.HTTP_201_CREATED,
    responses=problems(keys.ApiKeyNotFound, keys.ApiKeyEnded, keys.NotYourApiKey, *_SENSITIVE),
)
async def rotate_api_key(
    key: EditableApiKey, wish: ApiKeyRotate, caller: FreshPerson, session: SessionDep, response: Response
) -> NewApiKey:
    """Make a key to take the place of one of yours, which stays good for the overlap."""
    token, successor = await keys.rotate(session, key, timedelta(seconds=wish.overlap_seconds), caller)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/v1/manage/api-keys/{successor.id}"
    return NewApiKey.made(token, successor)


@api_keys.delete(
    "/{key_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(keys.ApiKeyNotFound),
)
async def revoke_api_key(key: EditableApiKey, session: SessionDep) -> None:
    """Revoke a key: its next request is a 401. It stays in the list."""
    await keys.revoke(session, key)
