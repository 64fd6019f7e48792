"""Signing in with an account that people have elsewhere."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, status
from starlette.responses import RedirectResponse

from byline.accounts.deps import COOKIE, ClientDep, LifetimeDep
from byline.accounts.routes import cookie_session
from byline.accounts.service import EmailTaken
from byline.accounts.tickets import InvalidTicket
from byline.core.deps import SettingsDep
from byline.core.problems import ServiceUnavailable, problems
from byline.core.schemas import public_address
from byline.oidc import service
from byline.oidc.deps import NamedProvider, OidcProviderNotFound, Providers
from byline.oidc.provider import InvalidIdToken, ProviderRefused, ProviderUnavailable
from byline.oidc.schemas import AuthorizationAnswer, LocalPath, OidcProviderList, OidcProviderOut

router = APIRouter(prefix="/v1/auth/oidc", tags=["Sign-in"])

BINDING = "__Host-byline-oidc"
"""Holds the `state` of the sign-in that this browser has begun, so that nobody ends one in it that they have begun."""

UNAVAILABLE = (ProviderUnavailable, ServiceUnavailable)


def _address(provider: NamedProvider, settings: SettingsDep) -> str:
    return public_address(f"{router.prefix}/{provider.config.name}", settings.site_url)


@router.get("")
async def list_oidc_providers(providers: Providers, settings: SettingsDep) -> OidcProviderList:
    """Where people may sign in with an account that they have elsewhere, in the order of the settings."""
    return OidcProviderList(
        data=[
            OidcProviderOut(name=provider.config.name, label=provider.config.label, url=_address(provider, settings))
            for provider in providers.values()
        ]
    )


@router.get(
    "/{provider}",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    response_description="On to the provider",
    responses=problems(OidcProviderNotFound, *UNAVAILABLE),
)
async def begin_oidc_sign_in(
    request: Request,
    provider: NamedProvider,
    settings: SettingsDep,
    return_to: Annotated[LocalPath, Query(description="Where to go on after the sign-in.")] = "/",
) -> RedirectResponse:
    """Send a browser here to sign in with this provider; it comes back to `return_to` with the session's cookie."""
    url, state = await service.begin(
        request.app.state.sessions,
        provider,
        return_to=return_to,
        redirect_uri=f"{_address(provider, settings)}/callback",
        secret=settings.secret_key.get_secret_value(),
    )
    response = RedirectResponse(url, status.HTTP_303_SEE_OTHER, headers={"Cache-Control": "no-store"})
    lifetime = int(service.SIGN_IN_LIFETIME.total_seconds())
    # Lax, not Strict: the provider's site is what sends the browser back.
    response.set_cookie(BINDING, state, max_age=lifetime, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get(
    "/{provider}/callback",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    response_description="Signed in: on to where the sign-in was begun from",
    responses=problems(
        OidcProviderNotFound,
        InvalidTicket,
        ProviderRefused,
        InvalidIdToken,
        service.EmailNotVerified,
        service.NotInvited,
        service.AccountDisabled,
        EmailTaken,
        *UNAVAILABLE,
    ),
)
async def complete_oidc_sign_in(
    request: Request,
    provider: NamedProvider,
    answer: Annotated[AuthorizationAnswer, Query()],
    client: ClientDep,
    lifetime: LifetimeDep,
    settings: SettingsDep,
) -> RedirectResponse:
    """Where the provider sends browsers back to. Sets the cookie of a new session; an earlier one is ended."""
    token, started, return_to = await service.complete(
        request.app.state.sessions,
        provider,
        answer,
        bound_to=request.cookies.get(BINDING),
        redirect_uri=f"{_address(provider, settings)}/callback",
        client=client,
        lifetime=lifetime,
        secret=settings.secret_key.get_secret_value(),
        instead_of=request.cookies.get(COOKIE),
    )
    response = RedirectResponse(return_to, status.HTTP_303_SEE_OTHER)
    cookie_session(token, started, settings, response)
    response.delete_cookie(BINDING, path="/", secure=True, httponly=True, samesite="lax")
    return response
