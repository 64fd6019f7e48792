from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from byline.core.schemas import Input, Output, PageQuery, ShortText

Base64Url = Annotated[
    str,
    StringConstraints(min_length=2, max_length=20_000, pattern=r"^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2,3})?$"),
]
"""Bytes, without padding (RFC 4648 §5): what this lets through can be decoded."""

TicketToken = Annotated[str, Field(max_length=200, description="The one that came with the options.")]


class FromBrowser(Input):
    """Named as in Web Authentication Level 3, §5.1; members that are not needed are passed over."""

    model_config = ConfigDict(extra="ignore")


class AttestationResponse(FromBrowser):
    clientDataJSON: Base64Url
    attestationObject: Base64Url
    transports: list[Annotated[str, StringConstraints(max_length=50)]] = Field(default_factory=list, max_length=20)


class Registration(FromBrowser):
    """What `navigator.credentials.create()` gave, by its `toJSON()`."""

    id: Base64Url
    rawId: Base64Url
    type: Literal["public-key"]
    response: AttestationResponse


class AssertionResponse(FromBrowser):
    clientDataJSON: Base64Url
    authenticatorData: Base64Url
    signature: Base64Url
    userHandle: Base64Url | None = Field(None, description="Who it is: there for every passkey.")


class Assertion(FromBrowser):
    """What `navigator.credentials.get()` gave, by its `toJSON()`."""

    id: Base64Url
    rawId: Base64Url
    type: Literal["public-key"]
    response: AssertionResponse


class RegistrationOptions(Output):
    ticket: str = Field(description="Send it back with the credential, within five minutes; it is good once.")
    options: dict[str, Any] = Field(description="For `PublicKeyCredential.parseCreationOptionsFromJSON()`.")


class AssertionOptions(Output):
    ticket: str = Field(description="Send it back with the credential, within five minutes; it is good once.")
    options: dict[str, Any] = Field(description="For `PublicKeyCredential.parseRequestOptionsFromJSON()`.")


class PasskeyCreate(Input):
    ticket: TicketToken
    name: ShortText = Field(description="By which you will know it again.", examples=["Phone"])
    credential: Registration


class PasskeyProof(Input):
    ticket: TicketToken
    credential: Assertion


class PasskeyOut(Output):
    id: UUID
    name: str
    transports: list[str] = Field(description="How a browser reaches it.", examples=[["internal", "hybrid"]])
    created_at: datetime
    last_used_at: datetime | None


class PasskeyQuery(PageQuery):
    sort: Literal["name", "-name", "created_at", "-created_at"] = "-created_at"
