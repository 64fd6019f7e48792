from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AliasPath, Field

from byline.accounts.caller import Role
from byline.accounts.schemas import Email, Password
from byline.core.schemas import Input, Output, PageQuery, ShortText

LinkToken = Annotated[
    str, Field(max_length=200, description="What follows `#token=` in the link, which was sent by mail.")
]


class InvitationCreate(Input):
    email: Email
    role: Role = Field(description="None above your own.")


class InvitationOut(Output):
    id: UUID
    email: str = Field(validation_alias=AliasPath("data", "email"))
    role: Role = Field(validation_alias=AliasPath("data", "role"))
    created_at: datetime
    expires_at: datetime


class InvitationQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class InvitationAccept(Input):
    token: LinkToken
    name: ShortText = Field(description="Yours, as others see it.", examples=["Ada Lovelace"])
    password: Password


class PasswordResetRequest(Input):
    email: Email


class PasswordReset(Input):
    token: LinkToken
    password: Password


class EmailChangeRequest(Input):
    email: Email = Field(description="The new one, which is yours once its link has been followed.")


class EmailChange(Input):
    token: LinkToken


class MailPromised(Output):
    """The same for every address, whether or not there is anything to send to it."""

    detail: str = Field("If this address can be written to, a mail with a link is on its way.")
