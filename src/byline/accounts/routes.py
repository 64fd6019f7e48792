from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response, status
from fastapi.security import OAuth2PasswordRequestForm

from byline.accounts import service
from byline.accounts.deps import AnyCaller, InvalidToken
from byline.accounts.schemas import Token
from byline.core.deps import SessionDep, SettingsDep
from byline.core.errors import Unauthenticated
from byline.core.problems import problems

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"])


@router.post("/token", responses=problems(service.WrongCredentials))
async def create_token(
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
) -> Token:
    """Sign in with e-mail address (`username`) and password; `scope` may ask for less than all you have."""
    response.headers["Cache-Control"] = "no-store"
    token, signed_in = await service.sign_in(
        session,
        email=form.username,
        password=form.password,
        scopes=form.scopes,
        lifetime=timedelta(hours=settings.token_lifetime_hours),
    )
    return Token(
        access_token=token,
        token_type="bearer",
        expires_in=settings.token_lifetime_hours * 3600,
        scope=" ".join(signed_in.scopes),
    )


@router.delete(
    "/token",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(Unauthenticated, InvalidToken),
)
async def revoke_token(caller: AnyCaller, session: SessionDep) -> None:
    """Sign out: the token that this request carries is good for nothing from now on."""
    await service.sign_out(session, caller)
