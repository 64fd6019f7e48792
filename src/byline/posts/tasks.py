from datetime import UTC, datetime

from byline.core.jobs import TaskContext, task
from byline.posts import revisions, trash


@task("posts.purge", cron="41 * * * *")
async def purge(context: TaskContext) -> None:
    """Empties the trash of what is too old, and forgets old preview links."""
    days = context.settings.trash_days
    while days:
        async with context.sessions.begin() as session:
            if await trash.purge_old(session, days) < trash.AT_ONCE:
                break
    async with context.sessions.begin() as session:
        await trash.sweep_links(session)


@task("posts.thin_revisions", cron="41 3 * * *")
async def thin_revisions(context: TaskContext) -> None:
    """Nothing, unless the operator has set how long every revision is kept."""
    if context.settings.revisions_keep_days is not None:
        await revisions.thin(context.sessions, context.settings.revisions_keep_days, datetime.now(UTC))
