import ipaddress
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, StringConstraints, field_validator

from byline.accounts.caller import Role, Scope
from byline.core.schemas import Input, Moment, Output, PageQuery, ShortText

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"),
    Field(examples=["ada@example.com"]),
]
Password = Annotated[str, Field(min_length=1, max_length=1000, json_schema_extra={"format": "password"})]
Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=6, max_length=40),
    Field(description="Six digits of the authenticator app, or a recovery code.", examples=["123456"]),
]


def _check_network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError("must be an address or a network such as 203.0.113.0/24 or 2001:db8::/32") from error


Network = Annotated[str, StringConstraints(max_length=50), AfterValidator(_check_network)]


class Token(Output):
    """What RFC 6749 §5.1 says that a sign-in answers."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`. It is shown only now.")
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds.", examples=[1209600])
    scope: str = Field(description="The scopes it carries, with spaces between.", examples=["posts:read posts:write"])


class SignIn(Input):
    email: Email
    password: Password
    code: Code | None = None


class Confirmation(Input):
    """Proof that it is still you: the password, and the code of a second factor if you have one."""

    password: Password
    code: Code | None = None


class TotpEnrolment(Output):
    """The secret of an authenticator app, shown only now."""

    secret: str = Field(description="In base32, for who types it in.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    uri: str = Field(
        description="The same as an `otpauth://` address, to be shown as a QR code.",
        examples=["otpauth://totp/Byline:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Byline"],
    )


class TotpCode(Input):
    code: Code


class RecoveryCodes(Output):
    """Each stands in for one code of the authenticator app, once. They are shown only now."""

    recovery_codes: list[str] = Field(examples=[["MFRG-GZDF-MZTW-Q2LK"]])


class UserOut(Output):
    id: UUID
    email: str
    name: str
    role: Role
    is_disabled: bool
    has_totp: bool = Field(description="Whether they sign in with an authenticator app as a second factor.")
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="The ETag of this resource.")


class UserUpdate(Input):
    name: ShortText | MISSING = MISSING
    role: Role | MISSING = MISSING
    is_disabled: bool | MISSING = Field(
        MISSING, description="A disabled user cannot sign in; their sessions end and their keys are refused."
    )


class UserQuery(PageQuery):
    role: Role | None = Field(None, description="Only users of this role.")
    email: Email | None = Field(None, description="The user with this address.")
    sort: Literal["name", "-name", "email", "-email", "created_at", "-created_at"] = "name"


class Account(UserOut):
    """You."""

    scopes: list[Scope] = Field(description="What the credential of this request may do.")
    recovery_codes_left: int


class AccountUpdate(Input):
    name: ShortText | MISSING = MISSING


class PasswordChange(Input):
    current_password: Password
    new_password: Password


class SessionQuery(PageQuery):
    sort: Literal["last_used_at", "-last_used_at", "created_at", "-created_at"] = "-last_used_at"


class SessionOut(Output):
    id: UUID
    device: str | None = Field(description="The `User-Agent` of the sign-in.")
    address: str | None
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime = Field(description="To the minute.")
    expires_at: datetime
    is_current: bool = Field(False, description="Whether it is the one of this request.")


class CookieSession(Output):
    """A sign-in by cookie: the token itself is in `Set-Cookie`, where scripts cannot read it."""

    session_id: UUID
    csrf_token: str = Field(
        description="Send it as `X-CSRF-Token` with what changes anything, from browsers that send neither "
        "`Sec-Fetch-Site` nor `Origin`."
    )
    expires_at: datetime
    scope: str = Field(examples=["posts:read posts:write"])


class ApiKeyCreate(Input):
    name: ShortText
    scopes: list[Scope] = Field(min_length=1, max_length=50, description="None that you do not have yourself.")
    expires_at: Moment | None = Field(None, description="Null: never.")
    networks: list[Network] = Field(
        default_factory=list, max_length=50, description="Addresses it may be used from; empty: any."
    )

    @field_validator("scopes")
    @classmethod
    def _each_once(cls, value: list[Scope]) -> list[Scope]:
        return sorted(set(value))


class ApiKeyRotate(Input):
    overlap_seconds: int = Field(3600, ge=0, le=30 * 86400, description="How long the old key is good for still.")


class ApiKeyOut(Output):
    id: UUID
    user_id: UUID
    name: str
    public_id: str = Field(description="The characters after `byl_`, by which a key is known.")
    scopes: list[str]
    networks: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    last_used_address: str | None


class NewApiKey(ApiKeyOut):
    key: str = Field(description="The key itself, shown only now: `Authorization: Bearer byl_…`.")

    @classmethod
    def made(cls, token: str, row: Any) -> "NewApiKey":
        return cls(key=token, **ApiKeyOut.model_validate(row).model_dump())


class ApiKeyQuery(PageQuery):
    sort: Literal["name", "-name", "created_at", "-created_at"] = "-created_at"


class ManagedApiKeyQuery(ApiKeyQuery):
    user_id: UUID | None = Field(None, description="Only keys of this user.")
