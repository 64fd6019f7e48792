from byline.core.jobs import TaskContext, task
from byline.posts import trash


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
