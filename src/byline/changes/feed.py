"""Reading what readers are told of, from any position on.

A position is a number that grows: twice that of the event for what went with it, and one more for what came. A first
reading takes the position of the moment, tells all that is there, in pages by id, and goes on with what came after
that position: so what changes while it is under way is told by the changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from byline.changes import queries
from byline.changes.schemas import Change, ChangePage, ChangeType, Kind
from byline.core.errors import BylineError
from byline.core.events import ERASED, number
from byline.core.pagination import decode_cursor, encode_cursor
from byline.posts.models import path_of

_SORT = "changes"
_KINDS = list(Kind)


class CursorGone(BylineError):
    status = 410
    code = "cursor_gone"
    title = "The cursor is from a later time than this database, which was restored: begin again without it"


@dataclass(frozen=True, slots=True)
class Cursor:
    """All up to `position` was told; in a first reading, what is there up to `after` of a kind."""

    position: int
    kind: Kind | None = None
    after: UUID | None = None

    @classmethod
    def parse(cls, text: str, secret: str, *, pointer: str) -> Self:
        """Raises InvalidCursor."""
        place, position = decode_cursor(text, _SORT, secret, pointer=pointer)
        return cls(int(position)) if place is None else cls(int(position), Kind(place[0]), UUID(place[1]))

    def encode(self, secret: str) -> str:
        place = None if self.kind is None else [self.kind, self.after]
        return encode_cursor(_SORT, place, self.position, secret)


@dataclass(frozen=True, slots=True)
class Item:
    cursor: Cursor
    type: ChangeType
    kind: Kind
    id: UUID
    slug: str | None
    changed_at: datetime

    def as_change(self, secret: str) -> Change:
        return Change(
            cursor=self.cursor.encode(secret),
            type=self.type,
            kind=self.kind,
            id=self.id,
            slug=self.slug,
            path=None if self.slug is None else path_of(self.kind, self.slug),
            changed_at=self.changed_at,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    items: Sequence[Item]
    next: Cursor
    has_more: bool

    def as_page(self, secret: str) -> ChangePage:
        data = [item.as_change(secret) for item in self.items]
        return ChangePage(data=data, next=self.next.encode(secret), has_more=self.has_more)


async def present(session: AsyncSession) -> int:
    """The position of the moment: all that is committed was told up to it."""
    await number(session)
    return 2 * (await session.scalars(queries.newest_number())).one() + 1


async def read(session: AsyncSession, since: Cursor | None, limit: int) -> Batch:
    """What follows on `since`; None begins with all that is there. Raises CursorGone."""
    now = await present(session)
    begin = Cursor(now, _KINDS[0]) if since is None else since
    if begin.position > now:
        raise CursorGone()
    items = [] if begin.kind is None else await _there(session, begin, limit + 1)
    if len(items) <= limit:
        items += await _changes(session, begin.position, limit + 1 - len(items))
    page, has_more = items[:limit], len(items) > limit
    last = page[-1].cursor if page else begin
    # At the end of a first reading nothing of it is left, whatever comes to be there.
    return Batch(page, last if has_more else Cursor(last.position), has_more)


async def _there(session: AsyncSession, begin: Cursor, limit: int) -> list[Item]:
    assert begin.kind is not None
    items: list[Item] = []
    for kind in _KINDS[_KINDS.index(begin.kind) :]:
        statement = queries.there(kind, begin.after if kind is begin.kind else None, datetime.now(UTC))
        rows = await session.execute(statement.limit(limit - len(items)))
        items += [
            Item(Cursor(begin.position, kind, row_id), ChangeType.UPSERT, kind, row_id, slug, changed_at)
            for row_id, slug, changed_at in rows
        ]
        if len(items) == limit:
            break
    return items


async def _changes(session: AsyncSession, position: int, limit: int) -> list[Item]:
    rows = await session.execute(queries.told((position + 1) // 2).limit(limit))
    items = [item for row in rows for item in _items(*row)]
    return [item for item in items if item.cursor.position > position][:limit]


def _items(sequence: int, subject_id: UUID, occurred_at: datetime, shown: dict[str, Any]) -> list[Item]:
    """One, or for another slug two: who goes by slugs and who goes by ids both end with what is there.

    What came under a name that is erased since is told as gone: an event that follows has what became of it.
    """
    kind, before, after = Kind(shown["kind"]), shown["before"], shown["after"]
    went, came = Cursor(2 * sequence), Cursor(2 * sequence + 1)
    slug = None if before == ERASED else before
    if after is None or after == ERASED:
        return [Item(came, ChangeType.DELETE, kind, subject_id, slug, occurred_at)]
    items = [Item(came, ChangeType.UPSERT, kind, subject_id, after, occurred_at)]
    if before is not None and before != after:
        items.insert(0, Item(went, ChangeType.DELETE, kind, subject_id, slug, occurred_at))
    return items
