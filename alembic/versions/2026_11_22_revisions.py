"""Revisions that have a name, and those that were published"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "b41d6e27c9a5"
down_revision: str | None = "3c1e8f6a9d24"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Without a default, so no row is written; what is null in `published` counts by its status.
    op.add_column("revisions", sa.Column("name", sa.Text(), nullable=True))
    op.add_column("revisions", sa.Column("published", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("revisions", "published")
    op.drop_column("revisions", "name")
