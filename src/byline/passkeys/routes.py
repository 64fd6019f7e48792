"""Passkeys: one's own, and signing in with one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, status

from byline.accounts import throttle, tickets
from byline.accounts.deps import (
    COOKIE,
    ClientDep,
    CrossSiteRequest,
    FreshFactorRequired,
    FreshPerson,
    LifetimeDep,
    OwnUser,
    Person,
    SameSite,
)
from byline.accounts.idempotency import IdempotentRoute
from byline.accounts.routes import PERSON, bearer_token, cookie_session
from byline.accounts.schemas import CookieSession, Token
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.passkeys import queries, service
from byline.passkeys.schemas import (
    AssertionOptions,
    PasskeyCreate,
    PasskeyOut,
    PasskeyProof,
    PasskeyQuery,
    RegistrationOptions,
)
from byline.passkeys.service import RelyingParty

sign_in = APIRouter(prefix="/v1/auth/passkey", tags=["Sign-in"])
own = APIRouter(prefix="/v1/account/passkeys", tags=["Your account"], route_class=IdempotentRoute)

PROOF = (service.PasskeyRefused, tickets.InvalidTicket, throttle.TooManyAttempts)


async def get_relying_party(settings: SettingsDep) -> RelyingParty:
    return RelyingParty.of(settings)


RelyingPartyDep = Annotated[RelyingParty, Depends(get_relying_party)]


@sign_in.post("/options")
async def create_passkey_challenge(
    site: RelyingPartyDep, settings: SettingsDep, session: SessionDep, response: Response
) -> AssertionOptions:
    """Ask for a challenge, for `navigator.credentials.get()` to answer with one of your passkeys."""
    response.headers["Cache-Control"] = "no-store"
    ticket, options = await service.assertion_options(session, site, secret=settings.secret_key.get_secret_value())
    return AssertionOptions(ticket=ticket, options=options)


@sign_in.post("/token", responses=problems(*PROOF))
async def create_token_by_passkey(
    proof: PasskeyProof,
    client: ClientDep,
    lifetime: LifetimeDep,
    site: RelyingPartyDep,
    settings: SettingsDep,
    session: SessionDep,
    response: Response,
) -> Token:
    """Sign in with a passkey, which stands for both factors; the answer holds the token."""
    secret = settings.secret_key.get_secret_value()
    token, started = await service.sign_in(session, proof, site, client=client, lifetime=lifetime, secret=secret)
    return bearer_token(token, started, lifetime, response)


@sign_in.post(
    "/session",
    status_code=status.HTTP_201_CREATED,
    dependencies=[SameSite],
    responses=problems(*PROOF, CrossSiteRequest),
)
async def create_cookie_session_by_passkey(
    request: Request,
    proof: PasskeyProof,
    client: ClientDep,
    lifetime: LifetimeDep,
    site: RelyingPartyDep,
    settings: SettingsDep,
    session: SessionDep,
    response: Response,
) -> CookieSession:
    """Sign in with a passkey from a browser: the token comes as a cookie that scripts cannot read."""
    token, started = await service.sign_in(
        session,
        proof,
        site,
        client=client,
        lifetime=lifetime,
        secret=settings.secret_key.get_secret_value(),
        instead_of=request.cookies.get(COOKIE),
    )
    return cookie_session(token, started, settings, response)


@sign_in.post(
    "/confirm",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(*PERSON, *PROOF),
)
async def confirm_identity_by_passkey(
    caller: Person,
    proof: PasskeyProof,
    client: ClientDep,
    site: RelyingPartyDep,
    settings: SettingsDep,
    session: SessionDep,
) -> None:
    """Prove again that it is you, with one of your passkeys; for ten minutes sensitive actions are open then."""
    secret = settings.secret_key.get_secret_value()
    await service.confirm(session, caller, proof, site, address=client.address, secret=secret)


@own.get("", responses=problems(*PERSON, InvalidCursor))
async def list_passkeys(
    query: Annotated[PasskeyQuery, Query()], caller: Person, paginator: PaginatorDep
) -> Page[PasskeyOut]:
    """Your passkeys."""
    page = await paginator.page(queries.passkeys_of(caller.user_id), query, query.sort, queries.SORTS)
    return Page[PasskeyOut].model_validate(page)


@own.post("/options", responses=problems(*PERSON, FreshFactorRequired))
async def create_passkey_options(
    caller: FreshPerson, site: RelyingPartyDep, settings: SettingsDep, session: SessionDep, response: Response
) -> RegistrationOptions:
    """Ask for a challenge, for `navigator.credentials.create()` to make a passkey with."""
    response.headers["Cache-Control"] = "no-store"
    secret = settings.secret_key.get_secret_value()
    ticket, options = await service.registration_options(session, caller, site, secret=secret)
    return RegistrationOptions(ticket=ticket, options=options)


@own.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=problems(*PERSON, tickets.InvalidTicket, service.UnfitPasskey, service.PasskeyTaken),
)
async def create_passkey(
    caller: Person, new: PasskeyCreate, site: RelyingPartyDep, settings: SettingsDep, session: SessionDep
) -> PasskeyOut:
    """Add the passkey that your browser has made: it signs you in without a password."""
    passkey = await service.register(session, new, caller, site, secret=settings.secret_key.get_secret_value())
    return PasskeyOut.model_validate(passkey)


@own.delete(
    "/{passkey_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(*PERSON, FreshFactorRequired, service.PasskeyNotFound),
)
async def delete_passkey(passkey_id: UUID, caller: FreshPerson, user: OwnUser, session: SessionDep) -> None:
    """Delete one of your passkeys: it signs nobody in any more."""
    await service.delete_passkey(session, user, passkey_id)
