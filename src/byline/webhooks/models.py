"""Receivers of what happens, what is sent to them, and how each try went."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from byline.core.database import Base, Versioned
from byline.core.events import Event
from byline.core.ids import uuid7


class State(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Versioned, Base):
    """An address that hears of what happens. After a rotation the secret before it signs too, for a while."""

    __tablename__ = "webhooks"

    url: Mapped[str]
    description: Mapped[str | None]
    event_types: Mapped[list[str]]
    secret: Mapped[bytes]  # encrypted, as is the one before
    previous_secret: Mapped[bytes | None]
    previous_secret_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    failing_since: Mapped[datetime | None]  # the first failure after the last success
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None

    @property
    def sealed_secrets(self) -> list[bytes]:
        """All that sign at this moment, the newest first."""
        until = self.previous_secret_until
        if self.previous_secret is None or until is None or until <= datetime.now(UTC):
            return [self.secret]
        return [self.secret, self.previous_secret]


class Untold(Base):
    """An event of which no delivery was made yet. A trigger adds it where there is a webhook to hear of it."""

    __tablename__ = "webhook_untold"
    __table_args__ = (Index("ix_webhook_untold_subject_id", "subject_id"),)

    event_id: Mapped[UUID] = mapped_column(ForeignKey(Event.id, ondelete="CASCADE"), primary_key=True)
    subject_id: Mapped[UUID]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))  # that failed
    next_attempt_at: Mapped[datetime | None]  # none before the first one
    error: Mapped[str | None]


class Delivery(Base):
    """One message for one webhook. Its id is the `webhook-id`, the same for each try."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        CheckConstraint("state in ('pending', 'delivered', 'failed')", name="state"),
        Index("ix_webhook_deliveries_webhook_id", "webhook_id", "id"),
        Index(
            "ix_webhook_deliveries_pending",
            "webhook_id",
            "subject_id",
            "place",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    place: Mapped[int] = mapped_column(Identity(always=True))  # the order of events, which clocks of nodes may not keep
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[UUID | None]  # none for a test
    subject_id: Mapped[UUID]
    type: Mapped[str]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default=State.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    delivered_at: Mapped[datetime | None]

    webhook: Mapped[Webhook] = relationship(lazy="raise")
    tries: Mapped[list["DeliveryAttempt"]] = relationship(lazy="raise", order_by="DeliveryAttempt.id", viewonly=True)


class DeliveryAttempt(Base):
    __tablename__ = "webhook_attempts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True)
    attempted_at: Mapped[datetime]
    duration_ms: Mapped[int]
    status: Mapped[int | None]  # none where there was no answer
    excerpt: Mapped[str | None]
    error: Mapped[str | None]
