"""Jobs"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "7d3f0a5be1c4"
down_revision: str | None = "512c19e35b19"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The text is kept here: what the installed package has may be another version's.
SCHEMA = Path(__file__).with_name("sql") / "procrastinate_3_10_0.sql"
UNDO = """
do $$
declare
    name text;
begin
    drop table procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers cascade;
    for name in select oid::regprocedure::text from pg_proc
        where starts_with(proname, 'procrastinate_') and pronamespace = current_schema()::regnamespace
    loop
        execute 'drop function ' || name;
    end loop;
    drop type procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type;
end
$$
"""


def upgrade() -> None:
    op.execute("select 1")  # the driver begins the transaction with this, not with what goes past SQLAlchemy
    # Prepared statements, which SQLAlchemy sends, hold one command each.
    schema = SCHEMA.read_text()
    driver: Any = op.get_bind().connection.dbapi_connection
    driver.run_async(lambda connection: connection.execute(schema))
    op.create_table(
        "job_failures",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("losses", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["procrastinate_jobs.id"],
            name=op.f("fk_job_failures_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_failures")),
    )


def downgrade() -> None:
    op.drop_table("job_failures")
    op.execute(UNDO)
