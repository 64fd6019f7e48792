"""What readers are told of, as it happens: one reader of the database in a process, for any number of streams.

The newest changes are kept, ready to be sent. A stream has nothing but its cursor: it takes what follows on that from
here, or from the database where it is too far behind. So a slow one costs no memory, and none gets a gap.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.changes.feed import Batch, Cursor, CursorGone, Item, present, read
from byline.core.events import CHANNEL
from byline.core.jobs import describe
from byline.core.notices import Notices

logger = logging.getLogger(__name__)

KEPT = 1000  # changes
AT_ONCE = 100  # changes read at a time
LOOK_EVERY = 2.0  # seconds, where notices do not get through
HEARTBEAT = 15.0  # seconds after which an idle stream shows that it lives
RETRY = (2000, 5000)  # milliseconds after which clients come back, not all of them at once


class Hub:
    def __init__(self, sessions: async_sessionmaker[AsyncSession], notices: Notices, secret: str) -> None:
        self._sessions = sessions
        self._heard = notices.heard(CHANNEL)
        self._secret = secret
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_since = self._position = 0  # all that was told between these is kept
        self._news = asyncio.Event()
        self._life = 0  # grows when the database is an earlier one than it was: streams of before have an end
        self._tasks: list[asyncio.Task[None]] = []
        self._starting = asyncio.Lock()
        self.closed = False

    async def begin(self, since: Cursor | None) -> Cursor:
        """Where a stream begins; the first one begins the reading. Raises CursorGone, and what the database does."""
        if since is not None and since.position > self._position:
            async with self._sessions.begin() as session:
                await read(session, since, 1)
        async with self._starting:
            if not self._tasks:
                await self._begin_anew()
                self._tasks = [asyncio.create_task(self._read())]
        return Cursor(self._position) if since is None else since

    async def stream(self, cursor: Cursor) -> AsyncIterator[bytes]:
        """Server-sent events from there on, until the hub is closed."""
        # An id without data: who is cut off before the first change comes back to here.
        yield format_sse_event(id=cursor.encode(self._secret), retry=random.randint(*RETRY))
        life = self._life
        while not self.closed and life == self._life:
            news = self._news  # taken before the look, so that nothing comes in between
            sent, cursor = await self._after(cursor)
            for event in sent:
                yield event
            if sent:
                continue
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await news.wait()
            except TimeoutError:
                yield KEEPALIVE_COMMENT

    def close(self) -> None:
        """Ends all streams; their clients come back elsewhere."""
        self.closed = True
        self._news.set()

    async def stop(self) -> None:
        self.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _after(self, cursor: Cursor) -> tuple[list[bytes], Cursor]:
        if cursor.kind is None and cursor.position >= self._kept_since:
            found: list[bytes] = []
            for position, event in reversed(self._kept):
                if position <= cursor.position:
                    break
                found.append(event)
            return found[::-1], Cursor(max(cursor.position, self._position))
        async with self._sessions.begin() as session:
            batch = await read(session, cursor, AT_ONCE)
        return [self._event(item) for item in batch.items], batch.next

    async def _read(self) -> None:
        """Whatever fails is tried again: the streams wait meanwhile, and show that they live."""
        while True:
            try:
                has_more = await self._look()
            except Exception as error:
                logger.warning("changes cannot be read: %s", describe(error))
                await asyncio.sleep(LOOK_EVERY)
            else:
                if not has_more:
                    await self._heard.wait(LOOK_EVERY)

    async def _look(self) -> bool:
        """Whether there is more to be read at once."""
        try:
            async with self._sessions.begin() as session:
                batch = await read(session, Cursor(self._position), AT_ONCE)
        except CursorGone:
            await self._begin_anew()
            return False
        self._keep(batch)
        return batch.has_more

    async def _begin_anew(self) -> None:
        async with self._sessions.begin() as session:
            self._kept_since = self._position = await present(session)
        self._kept.clear()
        self._life += 1
        self._news.set()
        self._news = asyncio.Event()

    def _keep(self, batch: Batch) -> None:
        self._kept.extend((item.cursor.position, self._event(item)) for item in batch.items)
        self._position = batch.next.position
        while len(self._kept) > KEPT:
            self._kept_since, _ = self._kept.popleft()
        if batch.items:
            self._news.set()
            self._news = asyncio.Event()

    def _event(self, item: Item) -> bytes:
        change = item.as_change(self._secret)
        return format_sse_event(data_str=change.model_dump_json(), event=change.type, id=change.cursor)
