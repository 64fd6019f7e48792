"""One's own data."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from byline.accounts.deps import (
    COOKIE,
    CrossSiteRequest,
    FreshFactorRequired,
    FreshPerson,
    SessionRequired,
)
from byline.accounts.models import User
from byline.accounts.service import LastOwner
from byline.accounts.sessions import InvalidToken
from byline.core.deps import SessionDep, SettingsDep
from byline.core.errors import Unauthenticated
from byline.core.problems import problems
from byline.privacy import export, service
from byline.privacy.deps import Download, LeavingUser
from byline.privacy.schemas import ErasureQuery, PersonalData

router = APIRouter(
    prefix="/v1/account",
    tags=["Your account"],
    responses=problems(Unauthenticated, InvalidToken, CrossSiteRequest, SessionRequired, FreshFactorRequired),
)


@router.get("/export", dependencies=[Download])
async def export_account(caller: FreshPerson, session: SessionDep, settings: SettingsDep) -> PersonalData:
    """All that is kept of you, as one document."""
    return await export.read(session, await session.get_one(User, caller.user_id), site_url=settings.site_url)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, response_class=Response, responses=problems(LastOwner))
async def erase_account(
    request: Request,
    query: Annotated[ErasureQuery, Query()],
    user: LeavingUser,
    session: SessionDep,
    response: Response,
) -> None:
    """Leave, for good: your sign-ins, keys and data are erased. What you wrote stays, over your name or without it."""
    await service.erase(session, user, query.byline)
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
