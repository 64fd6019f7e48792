"""The processes of Byline as an operator starts them, and their end by SIGKILL."""

import asyncio
import os
import signal
from pathlib import Path

from tests.test_cli import BYLINE, environment


class Program:
    """One command that runs, in a process group of its own, until it is killed; then at once again."""

    def __init__(self, folder: Path, settings: dict[str, str], *command: str) -> None:
        self.folder = folder
        self.settings = settings
        self.command = command
        self.log = folder / f"{command[0]}.log"
        self.kills = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(BYLINE, *self.command),
                cwd=self.folder,
                # Compiled once, and not at each start.
                env=environment(self.folder, PYTHONDONTWRITEBYTECODE="", **self.settings),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def kill(self) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            raise RuntimeError(f"byline {self.command[0]} ended by itself: {self.log.read_text()[-2000:]}")
        os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self.kills += 1

    async def restart(self) -> None:
        await self.kill()
        await self.start()
