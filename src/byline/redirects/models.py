from datetime import datetime

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base


class Redirect(Base):
    """`path` is gone; `target` is the path, or the address, to go to instead."""

    __tablename__ = "redirects"
    __table_args__ = (
        CheckConstraint("status in (301, 302, 307, 308)", name="status"),
        CheckConstraint("path like '/%'", name="path"),
    )

    path: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str]
    status: Mapped[int] = mapped_column(default=301)
    source: Mapped[str]  # what made it: "import"
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
