"""Once a minute what has changed becomes jobs, in the transaction that notes how far that is done: whatever dies,
nothing is left out, and a burst of changes is told once.
"""

from byline.announcements import service
from byline.core import events
from byline.core.jobs import TaskContext, enqueue, task

_LOW = -10  # priority: others may be slow, and mails wait for nobody


@task("announcements.follow", cron="* * * * *")
async def follow(context: TaskContext) -> None:
    settings = context.settings
    if settings.websub_hub is None and settings.indexnow_key is None:
        return
    async with context.sessions.begin() as session:
        await events.number(session)  # under a lock that other readers of the log wait for
    has_more = True
    while has_more:
        async with context.sessions.begin() as session:
            news = await service.next_news(session, settings)
            for topic in news.topics:
                await enqueue(session, tell_hub, {"topic": topic}, queueing_lock=f"websub:{topic}", priority=_LOW)
            if news.urls and settings.indexnow_key is not None:
                await enqueue(session, tell_index, {"urls": list(news.urls)}, priority=_LOW)
        has_more = news.has_more


@task("announcements.tell_hub", timeout=60)
async def tell_hub(context: TaskContext, *, topic: str) -> None:
    """Of one that waits to be tried again there need not be a second: hubs fetch what is there when they are told."""
    await service.tell_hub(context.settings, topic)


@task("announcements.tell_index", first_wait=60, timeout=60)
async def tell_index(context: TaskContext, *, urls: list[str]) -> None:
    await service.tell_index(context.settings, urls)
