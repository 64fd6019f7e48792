"""Indexes for the orders and filters of public lists, so that a page costs the same in a large archive."""

import sqlalchemy as sa
from alembic import op

revision: str = "a7d31c5be042"
down_revision: str | None = "a7c15d3e9f42"
branch_labels: str | None = None
depends_on: str | None = None

LIVE = sa.text("deleted_at is null and status in ('scheduled', 'published')")


def upgrade() -> None:
    op.create_index("ix_posts_live_updated", "posts", ["kind", "updated_at", "id"], postgresql_where=LIVE)
    op.create_index("ix_posts_live_title", "posts", ["kind", "title", "id"], postgresql_where=LIVE)
    op.create_index(
        "ix_posts_live_language",
        "posts",
        ["kind", sa.text("lower(language)"), "published_at", "id"],
        postgresql_where=LIVE,
    )
    featured = sa.text("deleted_at is null and status in ('scheduled', 'published') and featured")
    op.create_index("ix_posts_live_featured", "posts", ["kind", "published_at", "id"], postgresql_where=featured)


def downgrade() -> None:
    for name in ("featured", "language", "title", "updated"):
        op.drop_index(f"ix_posts_live_{name}", "posts")
