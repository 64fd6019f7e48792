"""Count what is searched for"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c41f7d92a6e0"
down_revision: str | None = "a7d31c5be042"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "search_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("searches", sa.BigInteger(), nullable=False),
        sa.Column("without_hit", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(query) <= 200", name=op.f("ck_search_counts_query")),
        sa.PrimaryKeyConstraint("day", "query", name=op.f("pk_search_counts")),
    )
    op.create_table(
        "search_clicks",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(query) <= 200", name=op.f("ck_search_clicks_query")),
        sa.PrimaryKeyConstraint("day", "query", "position", name=op.f("pk_search_clicks")),
    )


def downgrade() -> None:
    op.drop_table("search_clicks")
    op.drop_table("search_counts")
