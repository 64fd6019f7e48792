"""Who is calling?"""

import hmac
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer, OAuth2PasswordBearer, SecurityScopes
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import idempotency, keys, sessions
from byline.accounts.caller import SCOPES, Caller, Scope
from byline.accounts.models import ApiKey, User
from byline.accounts.service import UserNotFound, lock_owners
from byline.accounts.sessions import Client, Lifetime
from byline.core.addresses import origin
from byline.core.deps import PreconditionDep, SessionDep, SettingsDep, by_id, current
from byline.core.errors import Forbidden, Unauthenticated
from byline.core.events import Actor
from byline.core.settings import Settings

COOKIE = "__Host-byline"
"""The prefix makes browsers insist: Secure, of this very host, for all of it (RFC 6265bis §4.1.3.2)."""

FRESH = timedelta(minutes=10)
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

_session = OAuth2PasswordBearer(
    tokenUrl="/v1/auth/token",
    scheme_name="Session",
    description="Sign in with e-mail address and password.",
    scopes={scope.value: description for scope, description in SCOPES.items()},
    auto_error=False,
)
_api_key = HTTPBearer(
    scheme_name="ApiKey", description="`Authorization: Bearer byl_…`, for services.", auto_error=False
)
_cookie = APIKeyCookie(
    name=COOKIE, scheme_name="Cookie", description="Set by `POST /v1/auth/session`.", auto_error=False
)


class ScopeMissing(Forbidden):
    code = "scope_missing"
    title = "This credential does not carry the scope that is needed"


class CrossSiteRequest(Forbidden):
    code = "cross_site_request"
    title = "A request with a cookie that changes anything has to come from the site itself"


class SessionRequired(Forbidden):
    code = "session_required"
    title = "This takes a person who has signed in, not an API key"


class FreshFactorRequired(Unauthenticated):
    """As RFC 9470 has it; `POST /v1/auth/confirm` answers it."""

    code = "fresh_factor_required"
    title = "Confirm that it is you, and try again"
    headers = {  # noqa: RUF012
        "WWW-Authenticate": f'Bearer error="insufficient_user_authentication", max_age={FRESH.total_seconds():.0f}'
    }


async def get_client(request: Request) -> Client:
    return Client(
        device=request.headers.get("user-agent"), address=request.client.host if request.client is not None else None
    )


ClientDep = Annotated[Client, Depends(get_client)]


async def get_lifetime(settings: SettingsDep) -> Lifetime:
    return Lifetime(
        absolute=timedelta(hours=settings.token_lifetime_hours), idle=timedelta(hours=settings.session_idle_hours)
    )


LifetimeDep = Annotated[Lifetime, Depends(get_lifetime)]


def check_same_site(request: Request, settings: Settings) -> None:
    """Refuses what another site makes a browser send: by `Sec-Fetch-Site`, else by `Origin`.

    Raises CrossSiteRequest. Gives nothing away where a browser sends neither: see `get_caller`.
    """
    sender = request.headers.get("origin")
    own = {origin(str(request.base_url)), origin(settings.site_url), *settings.cors_origins}
    fetched = request.headers.get("sec-fetch-site")
    if fetched in {"same-origin", "none"} or (fetched is None and sender is None) or sender in own:
        return
    raise CrossSiteRequest()


async def require_same_site(request: Request, settings: SettingsDep) -> None:
    """Raises CrossSiteRequest."""
    check_same_site(request, settings)


SameSite = Depends(require_same_site)


async def get_caller(
    required: SecurityScopes,
    request: Request,
    bearer: Annotated[str | None, Depends(_session)],
    api_key: Annotated[object, Depends(_api_key)],  # the same header: named here for the OpenAPI document
    cookie: Annotated[str | None, Depends(_cookie)],
    client: ClientDep,
    lifetime: LifetimeDep,
    settings: SettingsDep,
    session: SessionDep,
) -> Caller:
    """The caller, if they carry every required scope. Who that is, is found out once for a request."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        caller = await _authenticate(request, bearer, cookie, client, lifetime, settings, session)
        session.info["actor"] = Actor(caller.user_id, caller.session_id, caller.api_key_id, client.address)
        request.state.caller = caller
        request.state.principal = ("api_key", caller.api_key_id) if caller.api_key_id else ("user", caller.user_id)
    require_scopes(caller, required.scopes)
    await idempotency.claim(request, session, caller, settings.secret_key.get_secret_value())
    return caller


async def _authenticate(
    request: Request,
    bearer: str | None,
    cookie: str | None,
    client: Client,
    lifetime: Lifetime,
    settings: Settings,
    session: AsyncSession,
) -> Caller:
    """Raises Unauthenticated, and what `keys` and `sessions` do; CrossSiteRequest."""
    if bearer is not None and bearer.startswith(keys.PREFIX):
        return await keys.authenticate(session, bearer, client.address)
    if bearer is not None:
        return await sessions.authenticate(session, bearer, lifetime)
    if cookie is None:
        raise Unauthenticated()
    caller = await sessions.authenticate(session, cookie, lifetime)
    if request.method not in SAFE_METHODS:
        _check_cookie_request(request, caller, settings)
    return caller


def require_scopes(caller: Caller, scopes: Iterable[str]) -> None:
    """Raises ScopeMissing."""
    missing = [scope for scope in scopes if scope not in caller.scopes]
    if missing:
        raise ScopeMissing(f"needed: {' '.join(missing)}", missing_scopes=missing)


def _check_cookie_request(request: Request, caller: Caller, settings: SettingsDep) -> None:
    """Raises CrossSiteRequest."""
    check_same_site(request, settings)
    if "sec-fetch-site" not in request.headers and "origin" not in request.headers:
        assert caller.session_id is not None
        expected = sessions.csrf_token(caller.session_id, settings.secret_key.get_secret_value())
        if not hmac.compare_digest(request.headers.get("x-csrf-token", "").encode(), expected.encode()):
            raise CrossSiteRequest("send X-CSRF-Token: this browser does not say where the request comes from")


AnyCaller = Annotated[Caller, Security(get_caller)]


async def get_person(caller: AnyCaller) -> Caller:
    if caller.session_id is None:
        raise SessionRequired()
    return caller


Person = Annotated[Caller, Depends(get_person)]
"""Somebody who has signed in, by whatever scopes."""


async def get_fresh_person(caller: Person) -> Caller:
    if caller.authenticated_at is None or caller.authenticated_at < datetime.now(UTC) - FRESH:
        raise FreshFactorRequired()
    return caller


FreshPerson = Annotated[Caller, Depends(get_fresh_person)]
"""Who has proved who they are within the last ten minutes: for what a stolen session must not be enough for."""


async def get_own_user(caller: AnyCaller, session: SessionDep) -> User:
    user = await session.get(User, caller.user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise sessions.InvalidToken()  # erased since this request began
    return user


OwnUser = Annotated[User, Depends(get_own_user)]

PostReader = Annotated[Caller, Security(get_caller, scopes=[Scope.POSTS_READ])]
PostWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.POSTS_WRITE])]
PostPublisher = Annotated[Caller, Security(get_caller, scopes=[Scope.POSTS_PUBLISH])]
AuthorReader = Annotated[Caller, Security(get_caller, scopes=[Scope.AUTHORS_READ])]
AuthorWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.AUTHORS_WRITE])]
TagReader = Annotated[Caller, Security(get_caller, scopes=[Scope.TAGS_READ])]
TagWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.TAGS_WRITE])]
SeriesReader = Annotated[Caller, Security(get_caller, scopes=[Scope.SERIES_READ])]
SeriesWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.SERIES_WRITE])]
RedirectReader = Annotated[Caller, Security(get_caller, scopes=[Scope.REDIRECTS_READ])]
RedirectWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.REDIRECTS_WRITE])]
UserManager = Annotated[Caller, Security(get_caller, scopes=[Scope.USERS_MANAGE])]
KeyManager = Annotated[Caller, Security(get_caller, scopes=[Scope.KEYS_MANAGE])]
AuditReader = Annotated[Caller, Security(get_caller, scopes=[Scope.AUDIT_READ])]
JobManager = Annotated[Caller, Security(get_caller, scopes=[Scope.JOBS_MANAGE])]
WebhookManager = Annotated[Caller, Security(get_caller, scopes=[Scope.WEBHOOKS_MANAGE])]
SearchReader = Annotated[Caller, Security(get_caller, scopes=[Scope.SEARCH_READ])]


async def get_managed_user(user_id: UUID, caller: UserManager, session: SessionDep) -> User:
    return await by_id(session, User, user_id, UserNotFound)


async def get_editable_user(
    user_id: UUID, caller: UserManager, precondition: PreconditionDep, session: SessionDep
) -> User:
    await lock_owners(session)
    return await current(session, User, user_id, UserNotFound, precondition)


async def get_managed_api_key(key_id: UUID, caller: KeyManager, session: SessionDep) -> ApiKey:
    return await by_id(session, ApiKey, key_id, keys.ApiKeyNotFound)


async def get_editable_api_key(key_id: UUID, caller: KeyManager, session: SessionDep) -> ApiKey:
    """Locked until the transaction ends."""
    key = await session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        raise keys.ApiKeyNotFound()
    return key


ManagedUser = Annotated[User, Depends(get_managed_user)]
EditableUser = Annotated[User, Depends(get_editable_user)]
ManagedApiKey = Annotated[ApiKey, Depends(get_managed_api_key)]
EditableApiKey = Annotated[ApiKey, Depends(get_editable_api_key)]
