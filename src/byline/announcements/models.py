from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base


class Progress(Base):
    """One row: the number of the last event whose announcements are enqueued."""

    __tablename__ = "announcement_progress"

    name: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int]
