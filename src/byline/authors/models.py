from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base, Versioned


class Author(Versioned, Base):
    __tablename__ = "authors"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    headline: Mapped[str | None]
    bio: Mapped[str | None]
    avatar_url: Mapped[str | None]
    links: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), unique=True)

    @property
    def path(self) -> str:
        return f"/authors/{self.slug}"
