"""The `byline` command with a few tasks more, for tests that have to kill it. What these do is seen in a folder."""

import asyncio
import os
import signal
from pathlib import Path

from byline.cli import main
from byline.core.jobs import TaskContext, task


@task("test.hold")
async def hold(context: TaskContext, *, folder: str) -> None:
    """Runs until there is a file `go`."""
    place = Path(folder)
    with (place / "begun").open("a") as begun:
        begun.write("begun\n")
    while not (place / "go").exists():  # noqa: ASYNC110 -- another process makes it
        await asyncio.sleep(0.01)
    with (place / "ended").open("a") as ended:
        ended.write("ended\n")


@task("test.die")
async def die(context: TaskContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
