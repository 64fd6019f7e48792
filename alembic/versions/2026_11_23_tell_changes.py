"""Tell of changed tables"""

from collections.abc import Sequence

from alembic import op

revision: str = "a7c15d3e9f42"
down_revision: str | None = "a3d90c6f1e28"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Once a transaction and table, however many rows: equal notices of one transaction are sent once.
TELL = """
create function tell_change() returns trigger language plpgsql as $$
begin
    perform pg_notify('byline_tables', tg_table_name);
    return null;
end
$$
"""
TRIGGER = """
create trigger tell_change after insert or update or delete or truncate on {table}
    for each statement execute function tell_change()
"""
TABLES = ("posts", "post_authors", "post_tags", "authors", "tags", "series", "redirects")


def upgrade() -> None:
    op.execute(TELL)
    for table in TABLES:
        op.execute(TRIGGER.format(table=table))


def downgrade() -> None:
    op.execute("drop function tell_change() cascade")
