"""Hearing what the database tells (NOTIFY), by a connection of its own."""

import asyncio
import logging

import asyncpg
from sqlalchemy.engine import make_url

from byline.core.settings import Settings

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for the database to answer
PAUSE = 2.0  # seconds after which a lost connection is made anew
CHECK_EVERY = 30.0  # seconds: a connection may be gone without a word


class Notices:
    """Of one channel. They do not get through everywhere, as behind PgBouncer: a `wait` ends without one too."""

    def __init__(self, settings: Settings, channel: str) -> None:
        assert settings.database_url is not None
        url = make_url(settings.database_url.get_secret_value())
        _, self._address = url.get_dialect()().create_connect_args(url)
        self._channel = channel
        self._heard = asyncio.Event()
        self._lost = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Returns when there was a notice since it returned last, else after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return
        self._heard.clear()

    async def run(self) -> None:
        """Listens, until it is cancelled."""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("the database cannot be listened to: %s", error or type(error).__name__)
            await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            **self._address, timeout=PATIENCE, server_settings={"application_name": "byline notices"}
        )
        try:
            self._lost.clear()
            connection.add_termination_listener(lambda _: self._lost.set())
            await connection.add_listener(self._channel, lambda *_: self._heard.set())
            self._heard.set()  # what was told before, nobody has heard
            while not self._lost.is_set():
                try:
                    async with asyncio.timeout(CHECK_EVERY):
                        await self._lost.wait()
                except TimeoutError:
                    await connection.execute("select 1", timeout=PATIENCE)
        finally:
            connection.terminate()
