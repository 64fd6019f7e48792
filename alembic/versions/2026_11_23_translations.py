"""Translations of posts"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "b8d41f7c6e02"
down_revision: str | None = "c3f08a61d7be"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LIVE = "deleted_at is null and status in ('scheduled', 'published')"


def upgrade() -> None:
    # No foreign key: the id of an original that is gone still holds its translations together.
    op.add_column("posts", sa.Column("translation_of", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_posts_translation_of", "posts", ["translation_of"], postgresql_where=sa.text("translation_of is not null")
    )
    op.create_index(
        "uq_posts_translation",
        "posts",
        [sa.text("coalesce(translation_of, id)"), sa.text("lower(language)")],
        unique=True,
        postgresql_where=sa.text(_LIVE),
    )


def downgrade() -> None:
    op.drop_index("uq_posts_translation", "posts")
    op.drop_index("ix_posts_translation_of", "posts")
    op.drop_column("posts", "translation_of")
