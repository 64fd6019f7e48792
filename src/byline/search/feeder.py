"""Keeps the index of a node up to date: of its processes one writes, and follows the changes that readers are told of.

Where it stopped stands in the index itself, so both are one. The event at that place is noted with it: where the
database has another one there, it is another database, or an earlier one, and the index is made anew.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.changes.feed import Cursor, CursorGone, Item, read
from byline.changes.schemas import ChangeType, Kind
from byline.core.jobs import describe
from byline.core.notices import Heard
from byline.posts.models import Kind as PostKind
from byline.search import queries
from byline.search.directory import IndexDirectory, Unreadable, open_index
from byline.search.documents import Article, Name, key
from byline.search.writing import Changed, Writer, state_of

logger = logging.getLogger(__name__)

AT_ONCE = 500  # changes read and written at a time
GATHER = 0.1  # seconds after a notice: what comes in them is written with it, for to write costs the same for many
LOOK_EVERY = 1.0  # seconds: schedules come about without a notice
TRY_EVERY = 2.0  # seconds after which another process may write, or the same one begins anew


class Feeder:
    def __init__(self, sessions: async_sessionmaker[AsyncSession], heard: Heard, directory: IndexDirectory) -> None:
        self._sessions = sessions
        self._heard = heard
        self._directory = directory
        self._early: set[UUID] = set()  # posts that are there before it was told

    async def run(self) -> None:
        """Until it is cancelled. Whatever fails is tried again."""
        while True:
            try:
                with self._directory.lock() as may_write:
                    if may_write:
                        await self._write()
            except CursorGone:
                self._directory.want_rebuild()
            except Exception as error:
                logger.warning("the search index cannot be written: %s", describe(error))
            await asyncio.sleep(TRY_EVERY)

    async def rebuild_somewhere(self) -> None:
        """Made anew by this process, or by the one that writes; returns when it is done."""
        await asyncio.to_thread(self._directory.want_rebuild)
        while self._directory.is_rebuild_wanted:
            with self._directory.lock() as may_write:
                if may_write:
                    await self.rebuild()
            await asyncio.sleep(LOOK_EVERY / 10)

    async def rebuild(self) -> str:
        """Makes the index anew beside the one that answers, which it then replaces; the name of its folder. The
        caller holds the lock.
        """
        name = await asyncio.to_thread(self._directory.begin)
        writer = await asyncio.to_thread(Writer, open_index(self._directory.folder / name))
        cursor, event, changed, has_more = await self._next(None)
        count = len(changed.documents)
        await asyncio.to_thread(writer.apply, changed)
        while has_more:
            cursor, event, changed, has_more = await self._next(cursor)
            await asyncio.to_thread(writer.apply, changed)
            count += len(changed.documents)
        await asyncio.to_thread(writer.save, cursor.position, event)
        await asyncio.to_thread(writer.close)
        self._directory.let_answer(name)
        logger.info("the search index was made anew, of %d things", count)
        return name

    async def _write(self) -> None:
        while True:
            name, position = await self._place()
            await self._follow(name, Cursor(position))

    async def _place(self) -> tuple[str, int]:
        """The folder to write in and the position in the feed, of an index that can go on; made anew if need be."""
        name = self._directory.current()
        if name is not None and not self._directory.is_rebuild_wanted:
            position = await self._position(name)
            if position is not None:
                return name, position
        name = await self.rebuild()
        position = await self._position(name)
        assert position is not None
        return name, position

    async def _position(self, name: str) -> int | None:
        try:
            state = await asyncio.to_thread(lambda: state_of(open_index(self._directory.folder / name)))
        except (OSError, ValueError, Unreadable) as error:
            logger.warning("the search index is damaged and made anew: %s", error)
            return None
        if state is None:
            return None
        position, event = state
        async with self._sessions.begin() as session:
            is_known = event == await session.scalar(queries.event_at(position // 2))
        return position if is_known else None

    async def _follow(self, name: str, cursor: Cursor) -> None:
        """Until somebody wants it anew."""
        writer = await asyncio.to_thread(Writer, open_index(self._directory.folder / name))
        self._early = set()
        try:
            while not self._directory.is_rebuild_wanted:
                cursor, event, changed, has_more = await self._next(cursor)
                if changed.keys:
                    await asyncio.to_thread(writer.apply, changed)
                    await asyncio.to_thread(writer.save, cursor.position, event)
                if not has_more:
                    await self._heard.wait(LOOK_EVERY)
                    await asyncio.sleep(GATHER)
        finally:
            await asyncio.to_thread(writer.close)

    async def _next(self, since: Cursor | None) -> tuple[Cursor, UUID | None, Changed, bool]:
        async with self._sessions.begin() as session:
            batch = await read(session, since, AT_ONCE)
            now = datetime.now(UTC)  # not before: what was told is published by now
            due = set(await session.scalars(queries.unannounced(now)))
            changed = await load(session, batch.items, due - self._early, now)
            event = await session.scalar(queries.event_at(batch.next.position // 2))
        self._early = due
        return batch.next, event, changed, batch.has_more


async def load(session: AsyncSession, items: Sequence[Item], due: Collection[UUID], now: datetime) -> Changed:
    """What became of the items, and of the posts and pages that are `due`."""
    last = {(item.kind, item.id): item.type for item in items}
    last |= {(kind, post_id): ChangeType.UPSERT for post_id in due for kind in (Kind.POST, Kind.PAGE)}
    documents: list[Article | Name] = []
    for kind in PostKind:
        if ids := _upserts(last, Kind(kind)):
            rows = await session.execute(queries.articles(kind, ids, now))
            documents += [Article(**row) for row in rows.mappings()]
    if ids := _upserts(last, Kind.TAG):
        rows = await session.execute(queries.tags(ids))
        documents += [Name(row.id, Kind.TAG, (row.name, *row.aliases)) for row in rows]
    if ids := _upserts(last, Kind.AUTHOR):
        rows = await session.execute(queries.authors(ids))
        documents += [Name(row.id, Kind.AUTHOR, (row.name,)) for row in rows]
    return Changed([key(kind, row_id) for kind, row_id in last], documents)


def _upserts(last: dict[tuple[Kind, UUID], ChangeType], kind: Kind) -> list[UUID]:
    return [row_id for (found, row_id), type in last.items() if found is kind and type is ChangeType.UPSERT]
