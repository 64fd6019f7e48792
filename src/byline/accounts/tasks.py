from byline.accounts import answers
from byline.core.jobs import TaskContext, task


@task("accounts.prune_answers", cron="23 * * * *")
async def prune_answers(context: TaskContext) -> None:
    async with context.sessions.begin() as session:
        await answers.prune(session)
