"""Users and their sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from byline.core.database import Base, Row
from byline.core.ids import uuid7


class User(Row, Base):
    """A person who signs in. What they write appears under an author, which is another thing."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", text("lower(email)"), unique=True),
        CheckConstraint("role in ('owner')", name="role"),
    )

    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str] = mapped_column(default="owner")
    password_hash: Mapped[str]


class Session(Base):
    """A sign-in. Only the SHA-256 of its token is kept: the token is random, so a slow hash would add nothing."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="raise")
