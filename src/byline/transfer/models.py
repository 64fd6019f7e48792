from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base


class ImportedFile(Base):
    """Which file a post came from, so that a second import finds it again, and knows whether it changed."""

    __tablename__ = "imported_files"

    source: Mapped[str] = mapped_column(primary_key=True)  # the folder, or the name it was given
    path: Mapped[str] = mapped_column(primary_key=True)  # of the file, in the folder
    post_id: Mapped[UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes]  # BLAKE2b of what was read from it
    imported_at: Mapped[datetime] = mapped_column(server_default=func.now())
