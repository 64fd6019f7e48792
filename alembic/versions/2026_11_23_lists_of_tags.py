"""Keep the time of an article beside its tags and authors, so that their pages cost the same in a large archive

So does a page of a series, in either order.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "d2b6e91f40a7"
down_revision: str | Sequence[str] | None = "c41f7d92a6e0"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The share lock has whoever changes the time wait, and find the new row then.
COPY = """
create function copy_published_at() returns trigger language plpgsql as $$
begin
    select published_at into new.published_at from posts where id = new.post_id for share;
    return new;
end
$$
"""
SPREAD = """
create function spread_published_at() returns trigger language plpgsql as $$
begin
    update post_tags set published_at = new.published_at where post_id = new.id;
    update post_authors set published_at = new.published_at where post_id = new.id;
    return null;
end
$$
"""
TABLES = {"post_tags": "tag_id", "post_authors": "author_id"}
LIVE = sa.text("deleted_at is null and status in ('scheduled', 'published')")


def upgrade() -> None:
    op.execute(COPY)
    op.execute(SPREAD)
    for table, column in TABLES.items():
        op.add_column(table, sa.Column("published_at", sa.DateTime(timezone=True)))
        op.execute(
            f"create trigger copy_published_at before insert on {table} "
            "for each row execute function copy_published_at()"
        )
        op.execute(
            f"update {table} set published_at = posts.published_at from posts "
            f"where posts.id = {table}.post_id and posts.published_at is not null"
        )
        op.create_index(f"ix_{table}_published", table, [column, "published_at", "post_id"])
        op.drop_index(f"ix_{table}_{column}", table)
    op.execute(
        "create trigger spread_published_at after update of published_at on posts for each row "
        "when (new.published_at is distinct from old.published_at) execute function spread_published_at()"
    )
    op.create_index("ix_posts_live_series", "posts", ["series_id", "published_at", "id"], postgresql_where=LIVE)
    rank = sa.text("coalesce(series_position, 2147483648)")
    op.create_index("ix_posts_live_series_order", "posts", ["series_id", rank, "id"], postgresql_where=LIVE)


def downgrade() -> None:
    op.drop_index("ix_posts_live_series_order", "posts")
    op.drop_index("ix_posts_live_series", "posts")
    op.execute("drop function spread_published_at() cascade")
    op.execute("drop function copy_published_at() cascade")
    for table, column in TABLES.items():
        op.create_index(f"ix_{table}_{column}", table, [column])
        op.drop_index(f"ix_{table}_published", table)
        op.drop_column(table, "published_at")
