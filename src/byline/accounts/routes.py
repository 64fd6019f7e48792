"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response, status
from fastapi.security import OAuth2PasswordRequestForm

from byline.accounts import service, sessions, throttle, totp
from byline.accounts.deps import (
    COOKIE,
    ClientDep,
    CrossSiteRequest,
    LifetimeDep,
    Person,
    SameSite,
    SessionRequired,
)
from byline.accounts.models import Session
from byline.accounts.schemas import Confirmation, CookieSession, SignIn, Token
from byline.core.deps import SessionDep, SettingsDep
from byline.core.errors import Unauthenticated
from byline.core.problems import problems

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"])

SIGN_IN = (service.WrongCredentials, totp.SecondFactorRequired, totp.WrongCode, throttle.TooManyAttempts)
PERSON = (Unauthenticated, sessions.InvalidToken, CrossSiteRequest, SessionRequired)


def bearer_token(token: str, started: Session, lifetime: LifetimeDep, response: Response) -> Token:
    response.headers["Cache-Control"] = "no-store"
    return Token(
        access_token=token,
        token_type="bearer",
        expires_in=int(lifetime.absolute.total_seconds()),
        scope=" ".join(started.scopes),
    )


def cookie_session(token: str, started: Session, settings: SettingsDep, response: Response) -> CookieSession:
    """Sets the cookie that holds the token."""
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie(COOKIE, token, expires=started.expires_at, path="/", secure=True, httponly=True, samesite="lax")
    return described(started, settings)


def described(started: Session, settings: SettingsDep) -> CookieSession:
    return CookieSession(
        session_id=started.id,
        csrf_token=sessions.csrf_token(started.id, settings.secret_key.get_secret_value()),
        expires_at=started.expires_at,
        scope=" ".join(started.scopes),
    )


@router.post("/token", responses=problems(*SIGN_IN))
async def create_token(
    request: Request,
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    client: ClientDep,
    lifetime: LifetimeDep,
    settings: SettingsDep,
    response: Response,
    code: Annotated[str | None, Form(max_length=40, description="The code of a second factor.")] = None,
) -> Token:
    """Sign in with e-mail address (`username`) and password; `scope` may ask for less than all you have."""
    token, started = await service.sign_in(
        request.app.state.sessions,
        email=form.username,
        password=form.password,
        code=code or None,
        client=client,
        lifetime=lifetime,
        secret=settings.secret_key.get_secret_value(),
        scopes=form.scopes,
    )
    return bearer_token(token, started, lifetime, response)


@router.delete("/token", status_code=status.HTTP_204_NO_CONTENT, response_class=Response, responses=problems(*PERSON))
async def revoke_token(caller: Person, session: SessionDep) -> None:
    """Sign out: the token that this request carries is good for nothing from now on."""
    await sessions.end(session, caller.user_id, caller.session_id)


@router.post(
    "/session",
    status_code=status.HTTP_201_CREATED,
    dependencies=[SameSite],
    responses=problems(*SIGN_IN, CrossSiteRequest),
)
async def create_cookie_session(
    request: Request,
    credentials: SignIn,
    client: ClientDep,
    lifetime: LifetimeDep,
    settings: SettingsDep,
    response: Response,
) -> CookieSession:
    """Sign in from a browser: the token comes as a cookie that scripts cannot read. An earlier one is ended."""
    token, started = await service.sign_in(
        request.app.state.sessions,
        email=credentials.email,
        password=credentials.password,
        code=credentials.code,
        client=client,
        lifetime=lifetime,
        secret=settings.secret_key.get_secret_value(),
        instead_of=request.cookies.get(COOKIE),
    )
    return cookie_session(token, started, settings, response)


@router.get("/session", responses=problems(*PERSON))
async def get_current_session(caller: Person, settings: SettingsDep, session: SessionDep) -> CookieSession:
    """The session of this request, with its CSRF token: for a page that was loaded anew."""
    current = await session.get_one(Session, caller.session_id)
    return described(current, settings)


@router.delete("/session", status_code=status.HTTP_204_NO_CONTENT, response_class=Response, responses=problems(*PERSON))
async def delete_current_session(caller: Person, session: SessionDep, response: Response) -> None:
    """Sign out, and forget the cookie."""
    await sessions.end(session, caller.user_id, caller.session_id)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")


@router.post(
    "/confirm",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(*PERSON, *SIGN_IN),
)
async def confirm_identity(
    caller: Person, proof: Confirmation, client: ClientDep, settings: SettingsDep, session: SessionDep
) -> None:
    """Prove again that it is you; for ten minutes sensitive actions are open then."""
    await service.confirm(
        session,
        caller,
        password=proof.password,
        code=proof.code,
        address=client.address,
        secret=settings.secret_key.get_secret_value(),
    )
