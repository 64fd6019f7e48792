from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from byline.core.schemas import Output

LocalPath = Annotated[
    str,
    # Browsers read "//" and "/\" as the beginning of another host, and drop tabs and line breaks before they look.
    StringConstraints(max_length=2000, pattern=r"^/([^/\\\x00-\x20\x7f][^\\\x00-\x20\x7f]*)?$"),
    Field(examples=["/desk/drafts"]),
]
"""A path of the site itself, with its query."""


class OidcProviderOut(Output):
    name: str = Field(examples=["example"])
    label: str = Field(description="For the button.", examples=["Example Inc."])
    url: str = Field(
        description="Send the browser there; `?return_to=/path` says where to go on after the sign-in.",
        examples=["https://blog.example.com/v1/auth/oidc/example"],
    )


class OidcProviderList(Output):
    data: list[OidcProviderOut]


class AuthorizationAnswer(BaseModel):
    """What a provider sends a browser back with (RFC 6749 §4.1.2, RFC 9207); some add parameters of their own."""

    model_config = ConfigDict(frozen=True)

    state: str = Field(max_length=200)
    code: str | None = Field(None, max_length=5000)
    error: str | None = Field(None, max_length=200, examples=["access_denied"])
    iss: str | None = Field(None, max_length=2000, description="The issuer, where the provider tells it.")
