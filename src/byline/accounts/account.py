"""One's own account: who one is, one's sessions."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from byline.accounts import passwords, queries, service, sessions, throttle, totp
from byline.accounts.caller import Caller
from byline.accounts.deps import (
    COOKIE,
    AnyCaller,
    CrossSiteRequest,
    LifetimeDep,
    OwnUser,
    Person,
    SessionRequired,
)
from byline.accounts.idempotency import IdempotentRoute
from byline.accounts.models import User
from byline.accounts.routes import bearer_token, cookie_session
from byline.accounts.schemas import Account, AccountUpdate, PasswordChange, SessionOut, SessionQuery, Token, UserOut
from byline.core.deps import PaginatorDep, PreconditionDep, SessionDep, SettingsDep
from byline.core.errors import StaleVersion, Unauthenticated, VersionRequired
from byline.core.http import version_etag
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page

router = APIRouter(
    prefix="/v1/account",
    tags=["Your account"],
    route_class=IdempotentRoute,
    responses=problems(Unauthenticated, sessions.InvalidToken, CrossSiteRequest),
)


async def _account(user: User, caller: Caller, session: SessionDep, response: Response) -> Account:
    response.headers["ETag"] = version_etag(user.version)
    return Account(
        **UserOut.model_validate(user).model_dump(),
        scopes=sorted(caller.scopes),
        recovery_codes_left=await totp.recovery_codes_left(session, user),
    )


@router.get("")
async def get_account(caller: AnyCaller, session: SessionDep, response: Response) -> Account:
    """Who you are, and what the credential of this request may do."""
    return await _account(await session.get_one(User, caller.user_id), caller, session, response)


@router.patch("", responses=problems(SessionRequired, StaleVersion, VersionRequired))
async def update_account(
    caller: Person,
    user: OwnUser,
    changes: AccountUpdate,
    precondition: PreconditionDep,
    session: SessionDep,
    response: Response,
) -> Account:
    """Change your name."""
    precondition.check(user.version)
    await service.update_account(session, user, changes)
    return await _account(user, caller, session, response)


@router.post(
    "/password",
    responses=problems(SessionRequired, service.WrongCredentials, passwords.UnfitPassword, throttle.TooManyAttempts),
)
async def change_password(
    request: Request,
    caller: Person,
    change: PasswordChange,
    lifetime: LifetimeDep,
    settings: SettingsDep,
    session: SessionDep,
    response: Response,
) -> Token:
    """Change your password. Every session ends; the answer (and the cookie, if you came by one) holds a new one."""
    token, started = await service.change_password(
        session, caller, change.current_password, change.new_password, lifetime
    )
    if COOKIE in request.cookies:
        cookie_session(token, started, settings, response)
    return bearer_token(token, started, lifetime, response)


@router.get("/sessions", responses=problems(SessionRequired, InvalidCursor))
async def list_sessions(
    query: Annotated[SessionQuery, Query()], caller: Person, lifetime: LifetimeDep, paginator: PaginatorDep
) -> Page[SessionOut]:
    """Where you are signed in."""
    statement = queries.sessions_of(caller.user_id, datetime.now(UTC), lifetime.idle)
    page = await paginator.page(statement, query, query.sort, queries.SESSION_SORTS)
    data = [
        SessionOut.model_validate(row).model_copy(update={"is_current": row.id == caller.session_id})
        for row in page.data
    ]
    return Page[SessionOut](data=data, next_cursor=page.next_cursor, total=page.total)


@router.delete(
    "/sessions", status_code=status.HTTP_204_NO_CONTENT, response_class=Response, responses=problems(SessionRequired)
)
async def end_other_sessions(caller: Person, user: OwnUser, session: SessionDep) -> None:
    """Sign out everywhere else."""
    await sessions.end_all(session, user, but=caller.session_id)


@router.delete(
    "/sessions/{session_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(SessionRequired, sessions.SessionNotFound),
)
async def end_session(session_id: UUID, caller: Person, session: SessionDep) -> None:
    """End one of your sessions."""
    await sessions.end(session, caller.user_id, session_id)
