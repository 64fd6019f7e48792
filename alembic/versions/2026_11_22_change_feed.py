"""Change feed"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "c4a91e6d2b70"
down_revision: str | None = "b41d6e27c9a5"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# At the end of the transaction: of two that met on a row, the one that waited draws its place after the other's commit.
LOG = """
create function log_event() returns trigger language plpgsql as $$
begin
    insert into event_log (id, is_public) values (new.id, new.shown is not null);
    perform pg_notify('byline_events', '');
    return null;
end
$$
"""
TRIGGER = """
create constraint trigger log_event after insert on events deferrable initially deferred
    for each row execute function log_event()
"""
# What is there already. First all that is, which holds nobody up; then, from when the trigger is there, the few that
# came in between.
FILL = """
insert into event_log (id, sequence, is_public)
select id, (select coalesce(max(sequence), 0) from event_log) + row_number() over (order by occurred_at, id), false
from events where not exists (select from event_log where event_log.id = events.id)
"""


def upgrade() -> None:
    op.create_table(
        "event_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_log")),
        sa.UniqueConstraint("sequence", name=op.f("uq_event_log_sequence")),
    )
    op.execute(FILL)
    op.create_index(
        "ix_event_log_waiting", "event_log", ["place"], unique=False, postgresql_where=sa.text("sequence is null")
    )
    op.create_index(
        "ix_event_log_public", "event_log", ["sequence"], unique=False, postgresql_where=sa.text("is_public")
    )
    # Those whose time came before there was anybody to announce it are no news.
    op.execute("update posts set status = 'published' where status = 'scheduled' and published_at <= now()")
    op.create_index(
        "ix_posts_due",
        "posts",
        ["published_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at is null and status = 'scheduled'"),
    )
    op.execute(LOG)
    op.add_column(
        "events", sa.Column("shown", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.execute(TRIGGER)
    op.execute(FILL)
    op.create_foreign_key(op.f("fk_event_log_id"), "event_log", "events", ["id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    op.execute("drop trigger log_event on events")
    op.drop_column("events", "shown")
    op.execute("drop function log_event()")
    op.drop_index("ix_posts_due", table_name="posts")
    op.drop_table("event_log")
