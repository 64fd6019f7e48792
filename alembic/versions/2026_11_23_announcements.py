"""How far what changed was announced"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "a3d90c6f1e28"
down_revision: str | None = "a7d04b9e5f13"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "announcement_progress",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_announcement_progress")),
    )


def downgrade() -> None:
    op.drop_table("announcement_progress")
