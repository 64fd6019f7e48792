from datetime import date

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from byline.core.database import Base

UNNAMED = ""
"""In place of a query that is not kept: what looked personal, what few asked, and what was too much."""


class SearchCount(Base):
    """How often one thing was searched for on one day, and how often in vain."""

    __tablename__ = "search_counts"
    __table_args__ = (CheckConstraint("length(query) <= 200", name="query"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    query: Mapped[str] = mapped_column(primary_key=True)
    searches: Mapped[int]
    without_hit: Mapped[int]


class ClickCount(Base):
    """How often the hit at one place was opened. No key leads to the search: clicks may come where that was lost."""

    __tablename__ = "search_clicks"
    __table_args__ = (CheckConstraint("length(query) <= 200", name="query"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    query: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clicks: Mapped[int]
