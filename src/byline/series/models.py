from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base, Versioned


class Series(Versioned, Base):
    __tablename__ = "series"

    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str | None]

    @property
    def path(self) -> str:
        return f"/series/{self.slug}"
