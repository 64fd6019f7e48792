"""Reviews, comments on revisions, and expiry"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "a7d04b9e5f13"
down_revision: str | None = "b8d41f7c6e02"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

CHECKS = {
    "review_state": "review_state in ('in_review', 'approved', 'changes_requested')",
    "review_has_version": "(review_state is null) = (review_version is null)",
    "expires_after_published": "expires_at > published_at",
}


def upgrade() -> None:
    op.add_column("posts", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("posts", sa.Column("review_state", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("review_version", sa.BigInteger(), nullable=True))
    for name, condition in CHECKS.items():
        # Not valid, then validated: writers wait for neither.
        op.create_check_constraint(op.f(f"ck_posts_{name}"), "posts", condition, postgresql_not_valid=True)
    for name in CHECKS:
        op.execute(f"alter table posts validate constraint ck_posts_{name}")
    op.create_index(
        "ix_posts_expiring",
        "posts",
        ["expires_at"],
        postgresql_where=sa.text("deleted_at is null and status = 'published' and expires_at is not null"),
    )
    op.create_index(
        "ix_posts_review_state",
        "posts",
        ["review_state"],
        postgresql_where=sa.text("deleted_at is null and review_state is not null"),
    )

    op.create_table(
        "review_comments",
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=True),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_review_comments_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_review_comments_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["users.id"], name=op.f("fk_review_comments_resolved_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_comments")),
    )
    op.create_index("ix_review_comments_post_id", "review_comments", ["post_id", "id"])
    op.create_index(op.f("ix_review_comments_created_by"), "review_comments", ["created_by"])
    op.create_index(op.f("ix_review_comments_resolved_by"), "review_comments", ["resolved_by"])


def downgrade() -> None:
    op.drop_table("review_comments")
    op.drop_index("ix_posts_review_state", "posts")
    op.drop_index("ix_posts_expiring", "posts")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_posts_{name}"), "posts", type_="check")
    # What has expired stays hidden, whether or not that was announced.
    op.execute(
        "update posts set status = 'unpublished', live_version = null "
        "where expires_at <= now() and status in ('scheduled', 'published')"
    )
    op.drop_column("posts", "review_version")
    op.drop_column("posts", "review_state")
    op.drop_column("posts", "expires_at")
