from datetime import datetime, timedelta

from byline.core.jobs import TaskContext, task
from byline.insights import service


@task("insights.forget", cron="23 3 * * *")
async def forget(context: TaskContext) -> None:
    settings = context.settings
    before = datetime.now(settings.zone).date() - timedelta(days=settings.search_log_days)
    async with context.sessions.begin() as session:
        await service.forget(session, before)
