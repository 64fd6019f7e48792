from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base, Versioned
from byline.core.ids import uuid7

GONE = 410


class Source(StrEnum):
    MANUAL = "manual"
    SLUG = "slug"
    IMPORT = "import"


class Redirect(Versioned, Base):
    """What was at `path` is at `target`, a path of the site or an address elsewhere; or gone for good.

    Where `subject_id` is set, the target is the path of that post, tag, author or series, and follows it. No foreign
    key: those stand above this room.
    """

    __tablename__ = "redirects"
    __table_args__ = (
        CheckConstraint("status in (301, 302, 307, 308, 410)", name="status"),
        CheckConstraint("path like '/%'", name="path"),
        CheckConstraint("(status = 410) = (target is null)", name="target"),
        CheckConstraint("source in ('manual', 'slug', 'import')", name="source"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, server_default=func.gen_random_uuid())
    path: Mapped[str] = mapped_column(unique=True)
    target: Mapped[str | None]
    status: Mapped[int] = mapped_column(default=301)
    source: Mapped[str]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
