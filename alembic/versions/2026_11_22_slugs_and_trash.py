"""Slugs, redirects, trash and preview links"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "3c1e8f6a9d24"
down_revision: str | None = "4e1d8c6a90b7"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # A row is an address that somebody has had: thousands, never millions. Old code adds rows without the new columns.
    op.add_column("redirects", sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False))
    op.add_column("redirects", sa.Column("subject_id", sa.Uuid(), nullable=True))
    op.add_column("redirects", sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False))
    op.add_column(
        "redirects",
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.alter_column("redirects", "target", nullable=True)
    op.drop_constraint(op.f("pk_redirects"), "redirects", type_="primary")
    op.create_primary_key(op.f("pk_redirects"), "redirects", ["id"])
    op.create_unique_constraint(op.f("uq_redirects_path"), "redirects", ["path"])
    op.create_index(op.f("ix_redirects_subject_id"), "redirects", ["subject_id"])
    op.drop_constraint(op.f("ck_redirects_status"), "redirects", type_="check")
    op.create_check_constraint(op.f("ck_redirects_status"), "redirects", "status in (301, 302, 307, 308, 410)")
    op.create_check_constraint(op.f("ck_redirects_target"), "redirects", "(status = 410) = (target is null)")
    op.create_check_constraint(op.f("ck_redirects_source"), "redirects", "source in ('manual', 'slug', 'import')")

    op.add_column("posts", sa.Column("seen_slug", sa.Text(), nullable=True))
    # Of what is live it is noted when that changes next.
    op.execute(
        "update posts set seen_slug = slug "
        "where status = 'unpublished' and published_at <= now() and deleted_at is null"
    )
    op.create_index("ix_posts_seen_slug", "posts", ["seen_slug"], postgresql_where=sa.text("seen_slug is not null"))

    op.create_table(
        "preview_links",
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_count", sa.BigInteger(), nullable=False),
        sa.Column("last_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_preview_links_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_preview_links_post_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preview_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_preview_links_token_hash")),
    )
    op.create_index(op.f("ix_preview_links_post_id"), "preview_links", ["post_id"])
    op.create_index(op.f("ix_preview_links_created_by"), "preview_links", ["created_by"])


def downgrade() -> None:
    op.drop_table("preview_links")
    op.drop_index("ix_posts_seen_slug", "posts")
    op.drop_column("posts", "seen_slug")

    op.execute("delete from redirects where status = 410")
    for name in ("source", "target", "status"):
        op.drop_constraint(op.f(f"ck_redirects_{name}"), "redirects", type_="check")
    op.create_check_constraint(op.f("ck_redirects_status"), "redirects", "status in (301, 302, 307, 308)")
    op.drop_constraint(op.f("uq_redirects_path"), "redirects", type_="unique")
    op.drop_constraint(op.f("pk_redirects"), "redirects", type_="primary")
    op.create_primary_key(op.f("pk_redirects"), "redirects", ["path"])
    op.alter_column("redirects", "target", nullable=False)
    op.drop_index(op.f("ix_redirects_subject_id"), "redirects")
    for name in ("updated_at", "version", "subject_id", "id"):
        op.drop_column("redirects", name)
