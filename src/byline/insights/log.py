"""Counts of searches and clicks, collected in the process and added to the database every few seconds.

Nothing about who asked comes here. What has not been added yet is lost if the process is killed; a search waits for
none of it, and is answered where the database cannot take it.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from datetime import date, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.core.errors import Invalid
from byline.core.jobs import describe
from byline.core.pagination import InvalidCursor, decode_cursor, encode_cursor
from byline.core.settings import Settings
from byline.insights import service
from byline.insights.models import UNNAMED
from byline.insights.naming import name
from byline.insights.service import Counts

logger = logging.getLogger(__name__)

EVERY = 5.0  # seconds
MOST_WAITING = 2000
"""Different queries that wait to be added; what comes beyond is counted without its name."""
MOST_REMEMBERED = 10_000
"""Clicks, so that one that is told twice is counted once."""
_PURPOSE = "click"


class InvalidClickToken(Invalid):
    code = "invalid_click_token"
    title = "This is no token of an answer to a search of today or yesterday"


class SearchLog:
    """Of one process."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._sessions = sessions
        self._zone = settings.zone
        self._secret = settings.secret_key.get_secret_value()
        self._is_on = settings.search_log_days > 0
        self._counts = Counts()
        self._clicked: OrderedDict[tuple[str, int], None] = OrderedDict()

    def note_search(self, typed: str, *, was_found: bool) -> None:
        if not self._is_on:
            return
        key = self._today(), name(typed)
        if key not in self._counts.searches and len(self._counts.searches) >= MOST_WAITING:
            key = key[0], UNNAMED
        self._counts.searches[key] += 1
        if not was_found:
            self._counts.without_hit[key] += 1

    def click_token(self, typed: str) -> str | None:
        """With which a click on a hit of this answer is told; None where nothing is counted."""
        if not self._is_on:
            return None
        value = [self._today().isoformat(), name(typed), secrets.token_urlsafe(6)]
        return encode_cursor(_PURPOSE, value, 0, self._secret)

    def note_click(self, token: str, position: int) -> None:
        """Raises InvalidClickToken."""
        try:
            (day_text, query, _), _ = decode_cursor(token, _PURPOSE, self._secret, pointer="/body/token")
        except InvalidCursor as error:
            raise InvalidClickToken(pointer="/body/token") from error
        day = date.fromisoformat(day_text)
        if self._today() - day > timedelta(days=1):
            raise InvalidClickToken(pointer="/body/token")
        if not self._is_on or (token, position) in self._clicked:
            return
        self._clicked[token, position] = None
        if len(self._clicked) > MOST_REMEMBERED:
            self._clicked.popitem(last=False)
        key = day, query, position
        if key not in self._counts.clicks and len(self._counts.clicks) >= MOST_WAITING:
            key = day, UNNAMED, position
        self._counts.clicks[key] += 1

    def _today(self) -> date:
        return datetime.now(self._zone).date()

    async def run(self) -> None:
        """Until it is cancelled; `flush` then adds the rest."""
        while True:
            await asyncio.sleep(EVERY)
            await self.flush()

    async def flush(self) -> None:
        """What cannot be added waits for the next time."""
        if not self._counts:
            return
        counts, self._counts = self._counts, Counts()
        is_added = False
        try:
            async with self._sessions.begin() as session:
                await service.add(session, counts)
            is_added = True
        except (OSError, TimeoutError, SQLAlchemyError) as error:
            logger.warning("searches cannot be counted for now: %s", describe(error))
        finally:
            if not is_added:
                self._counts.add(counts)
