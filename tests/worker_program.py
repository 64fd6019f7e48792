"""Workers that tests may kill, with a few tasks more.

`worker` is the command of this name. `again` is one worker after another, each in a process of its own, begun by a line
on standard input; how it ended is a line on standard output.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from byline.cli import main
from byline.core.jobs import TaskContext, task
from byline.core.settings import Settings
from byline.worker import work


@task("test.hold")
async def hold(context: TaskContext, *, folder: str) -> None:
    """Runs until there is a file `go`."""
    place = Path(folder)
    (place / "begun").touch()
    while not (place / "go").exists():  # noqa: ASYNC110 -- another process makes it
        await asyncio.sleep(0.01)


@task("test.die")
async def die(context: TaskContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def again() -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(work(Settings(_env_file=None)))
            sys.exit()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    again() if sys.argv[1:] == ["again"] else main()
