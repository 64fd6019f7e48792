"""Users, how they prove who they are, and what they may call with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from byline.accounts.caller import Role
from byline.core.database import Base, Versioned
from byline.core.ids import uuid7


class User(Versioned, Base):
    """A person who signs in. What they write appears under an author, which is another thing."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", text("lower(email)"), unique=True),
        CheckConstraint(f"role in ({', '.join(repr(role.value) for role in Role)})", name="role"),
    )

    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]  # none for who signs in by a passkey or an identity provider alone
    disabled_at: Mapped[datetime | None]
    totp_secret: Mapped[bytes | None]  # encrypted
    totp_enabled_at: Mapped[datetime | None]
    totp_last_step: Mapped[int | None]  # no code counts twice

    @property
    def is_disabled(self) -> bool:
        return self.disabled_at is not None

    @property
    def has_totp(self) -> bool:
        return self.totp_enabled_at is not None


class Session(Base):
    """A sign-in. Only the SHA-256 of its token is kept: the token is random, so a slow hash would add nothing."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    authenticated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    device: Mapped[str | None]  # the User-Agent of the sign-in
    address: Mapped[str | None]

    user: Mapped[User] = relationship(lazy="raise")


class ApiKey(Base):
    """A credential for a service, which acts as the user who made it."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    public_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes]
    scopes: Mapped[list[str]]
    networks: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_address: Mapped[str | None]

    user: Mapped[User] = relationship(lazy="raise")


class RecoveryCode(Base):
    """Stands in for one code of a lost authenticator app, once."""

    __tablename__ = "recovery_codes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[bytes]
    used_at: Mapped[datetime | None]


class Ticket(Base):
    """What a signed token stands for, until it is used or has run out: a link in a mail, a challenge to a browser.

    The token is the id and a signature with the secret key (`tickets.py`): nothing here lets anybody in.
    """

    __tablename__ = "tickets"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    purpose: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    data: Mapped[dict[str, object]] = mapped_column(JSONB(none_as_null=True), default=dict)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Attempt(Base):
    """How often an account or an address was tried in vain: `throttle.py`."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
    blocked_until: Mapped[datetime]


class IdempotencyKey(Base):
    """What a POST was answered that a caller named by an `Idempotency-Key`; the key itself is not kept."""

    __tablename__ = "idempotency_keys"

    key_hash: Mapped[bytes] = mapped_column(primary_key=True)  # with whose key it is
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    request_hash: Mapped[bytes]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes | None]  # none where it told a secret
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
