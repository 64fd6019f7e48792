"""Events that webhooks were not told of yet"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c3f08a61d7be"
down_revision: str | None = "e5b7c20d94af"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The job names the events for workers of the version before. It has no lock any more: that of a killed worker would
# hold up all webhooks for a minute and a half.
FAN_OUT = """
create or replace function fan_out_events() returns trigger language plpgsql as $$
declare
    ids jsonb;
begin
    if exists (select from webhooks where disabled_at is null) then
        with untold as (
            insert into webhook_untold (event_id, subject_id)
            select id, subject_id from added
                where subject_type in ('post', 'author', 'tag', 'series') and subject_id is not null
            returning event_id
        )
        select jsonb_agg(id order by occurred_at, id) into ids from added join untold on event_id = id;
        if ids is not null then
            perform procrastinate_defer_jobs_v1(array[row(
                'webhooks.fan_out', 'webhooks.fan_out', 0, null, null, jsonb_build_object('event_ids', ids), null
            )::procrastinate_job_to_defer_v1]);
        end if;
    end if;
    return null;
end
$$
"""
BEFORE = """
create or replace function fan_out_events() returns trigger language plpgsql as $$
declare
    ids jsonb;
begin
    if exists (select from webhooks where disabled_at is null) then
        select jsonb_agg(id order by occurred_at, id) into ids
            from added where subject_type in ('post', 'author', 'tag', 'series');
        if ids is not null then
            perform procrastinate_defer_jobs_v1(array[row(
                'webhooks.fan_out', 'webhooks.fan_out', 0, 'webhooks.fan_out', null,
                jsonb_build_object('event_ids', ids), null
            )::procrastinate_job_to_defer_v1]);
        end if;
    end if;
    return null;
end
$$
"""
# What waits for its job, or has lost it. Deliveries are kept for 30 days: of what is older nobody knows whether it was
# told.
FILL = """
insert into webhook_untold (event_id, subject_id)
select events.id, events.subject_id
from procrastinate_jobs as job
    cross join jsonb_array_elements_text(job.args -> 'event_ids') as named
    join events on events.id = named::uuid
where job.task_name = 'webhooks.fan_out' and job.status in ('todo', 'doing', 'failed')
    and events.subject_id is not null and events.occurred_at > now() - interval '29 days'
on conflict do nothing
"""


def upgrade() -> None:
    op.create_table(
        "webhook_untold",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_webhook_untold_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_webhook_untold")),
    )
    op.create_index("ix_webhook_untold_subject_id", "webhook_untold", ["subject_id"], unique=False)
    op.execute(FAN_OUT)
    op.execute(FILL)


def downgrade() -> None:
    op.execute(BEFORE)
    op.drop_table("webhook_untold")
