from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base, Versioned


class Tag(Versioned, Base):
    __tablename__ = "tags"
    __table_args__ = (CheckConstraint("parent_id <> id", name="not_its_own_parent"),)

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str | None]
    aliases: Mapped[list[str]] = mapped_column(default=list)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("tags.id", ondelete="SET NULL"), index=True)

    @property
    def path(self) -> str:
        return f"/tags/{self.slug}"
