"""Do not tell of what readers do not see, so that who writes at the desk leaves what is kept for readers"""

from collections.abc import Sequence

from alembic import op

revision: str = "e8a1c5d3b762"
down_revision: str | Sequence[str] | None = "d2b6e91f40a7"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Of each table what readers see, will see or saw; the time stands beside tags and authors of what had one ever.
SEEN = {
    "posts": "({row}.status in ('scheduled', 'published') or {row}.seen_slug is not null)",
    "post_authors": "{row}.published_at is not null",
    "post_tags": "{row}.published_at is not null",
}
ANY = "create trigger tell_change after insert or update or delete or truncate on {table} for each statement"


def upgrade() -> None:
    for table, seen in SEEN.items():
        op.execute(f"drop trigger tell_change on {table}")
        for name, event in _events(table, old=seen.format(row="old"), new=seen.format(row="new")).items():
            op.execute(f"create trigger {name} {event} execute function tell_change()")


def downgrade() -> None:
    for table in SEEN:
        for name in _events(table, old="", new=""):
            op.execute(f"drop trigger {name} on {table}")
        op.execute(f"{ANY.format(table=table)} execute function tell_change()")


def _events(table: str, *, old: str, new: str) -> dict[str, str]:
    return {
        "tell_change": f"after update on {table} for each row when ({old} or {new})",
        "tell_insert": f"after insert on {table} for each row when ({new})",
        "tell_delete": f"after delete on {table} for each row when ({old})",
        "tell_truncate": f"after truncate on {table} for each statement",
    }
