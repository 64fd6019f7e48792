from byline.core.jobs import TaskContext, task
from byline.jobs import service


@task("jobs.rescue", cron="* * * * *")
async def rescue(context: TaskContext) -> None:
    async with context.sessions.begin() as session:
        await service.rescue(session)


@task("jobs.prune", cron="17 * * * *")
async def prune(context: TaskContext) -> None:
    async with context.sessions.begin() as session:
        await service.prune(session)
