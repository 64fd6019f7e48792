"""Hearing what the database tells (NOTIFY): one connection a process, for all channels.

What was heard is a matter of order, not of luck: transactions tell in the order in which they commit, so who sends a
notice to itself and gets it back has heard of all that was committed before. `catch_up` does that. It is also the sign
of life of the connection, which may be gone without a word.
"""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
from sqlalchemy.engine import make_url

from byline.core.settings import Settings

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for the database to take a connection
PAUSE = 0.5  # seconds after which a lost connection is made anew
SPACING = 0.002  # seconds from one round to the next, so that many who ask at once share it
HEARTBEAT = 2.0  # seconds after which an idle connection is tried, and that a trial may take


class Heard:
    """Whether anything was told, or may have been missed, since somebody last waited for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until then, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()


class PoolerBetween(Exception):
    """What is listened for on one of its connections comes back on another."""

    def __str__(self) -> str:
        return "a pooler stands before it; BYLINE_LISTEN_DATABASE_URL has to name the database itself"


class Notices:
    """They do not get through everywhere: a PgBouncer in transaction mode needs `BYLINE_LISTEN_DATABASE_URL`."""

    def __init__(self, settings: Settings) -> None:
        address = settings.listening_url
        assert address is not None
        url = make_url(address.get_secret_value())
        _, self._address = url.get_dialect()().create_connect_args(url)
        self._own = f"byline_{secrets.token_hex(8)}"  # the channel of what this process sends to itself
        self._channels: dict[str, list[Callable[[str], None]]] = {}
        self._preparing: list[Callable[[asyncpg.Connection], Awaitable[None]]] = []
        self._gaps: list[Callable[[], None]] = []
        self._asked = asyncio.Event()
        self._next = asyncio.Event()  # set by the first round that begins later than now
        self._back = asyncio.Event()
        self._began = -math.inf  # the last round, by `time.monotonic`
        self.listening = False

    def subscribe(
        self,
        channel: str,
        hear: Callable[[str], None],
        gap: Callable[[], None],
        prepare: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
    ) -> None:
        """Before `run`. `hear` gets each notice. There is a `gap` where some may have been missed: whenever the
        connection is lost, and when it stands again. `prepare` comes before that.
        """
        self._channels.setdefault(channel, []).append(hear)
        self._gaps.append(gap)
        if prepare is not None:
            self._preparing.append(prepare)

    def heard(self, channel: str) -> Heard:
        """For who looks for the news itself."""
        heard = Heard()
        self.subscribe(channel, lambda _: heard.note(), heard.note)
        return heard

    async def catch_up(self) -> None:
        """Returns when all is heard that was committed before; at once, where nothing is heard at all."""
        if self.listening:
            following = self._next
            self._asked.set()
            await following.wait()

    async def run(self) -> None:
        """Listens, until it is cancelled."""
        said = ""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, PoolerBetween, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                reason = str(error) or type(error).__name__
                if reason != said:
                    logger.warning("the database cannot be listened to: %s", reason)
                said = reason
            await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            **self._address,
            timeout=PATIENCE,
            statement_cache_size=0,
            # What it sends to itself is worth no wait for a disk.
            server_settings={"application_name": "byline notices", "synchronous_commit": "off"},
        )
        try:
            connection.add_termination_listener(lambda _: self._lose())
            await connection.add_listener(self._own, lambda *_: self._back.set())
            for channel, hearing in self._channels.items():
                for hear in hearing:
                    await connection.add_listener(channel, lambda _, __, ___, payload, hear=hear: hear(payload))
            # PgBouncer makes up the process ids that it tells its clients.
            if await connection.fetchval("select pg_backend_pid()") != connection.get_server_pid():
                raise PoolerBetween()
            for prepare in self._preparing:
                await prepare(connection)
            self._asked.set()
            await self._round(connection)
            self._tell_gap()
            self.listening = True
            while not connection.is_closed():
                await self._round(connection)
        finally:
            self._lose()
            connection.terminate()

    async def _round(self, connection: asyncpg.Connection) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._asked.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(max(0, self._began + SPACING - time.monotonic()))
        self._began = time.monotonic()
        self._asked.clear()
        self._back.clear()
        current, self._next = self._next, asyncio.Event()
        try:
            async with asyncio.timeout(HEARTBEAT):
                await connection.execute(f"notify {self._own}")
                await self._back.wait()
        except BaseException:
            self._lose()  # before anybody goes on who waited for this
            raise
        finally:
            current.set()

    def _lose(self) -> None:
        if self.listening:
            self.listening = False
            self._tell_gap()
        self._asked.set()
        self._back.set()
        self._next.set()
        self._next = asyncio.Event()

    def _tell_gap(self) -> None:
        for gap in self._gaps:
            gap()
