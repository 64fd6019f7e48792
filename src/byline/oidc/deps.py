from typing import Annotated

from fastapi import Depends, Path, Request

from byline.core.errors import NotFound
from byline.oidc.provider import Provider


class OidcProviderNotFound(NotFound):
    code = "oidc_provider_not_found"
    title = "There is no such identity provider"


async def get_providers(request: Request) -> dict[str, Provider]:
    providers: dict[str, Provider] = request.app.state.oidc
    return providers


Providers = Annotated[dict[str, Provider], Depends(get_providers)]


async def get_provider(providers: Providers, provider: Annotated[str, Path(examples=["example"])]) -> Provider:
    if provider not in providers:
        raise OidcProviderNotFound()
    return providers[provider]


NamedProvider = Annotated[Provider, Depends(get_provider)]
