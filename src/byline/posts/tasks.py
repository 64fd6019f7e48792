from datetime import UTC, datetime

from byline.core.jobs import TaskContext, task
from byline.posts import revisions, trash
from byline.posts.announcing import announce_next


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


@task("posts.announce", cron="* * * * *")
async def announce(context: TaskContext) -> None:
    """Enqueued for the time of each schedule, and by the clock for those that came while no process ran."""
    there_are_more = True
    while there_are_more:
        async with context.sessions.begin() as session:
            there_are_more = await announce_next(session) is not None
