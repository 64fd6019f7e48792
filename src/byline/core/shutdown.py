"""Hearing of the end in time: a server waits for open answers before it tells the application to shut down, so answers
that have no end of their own would hold it up for ever."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` on the running loop when a signal says that the process shall end; what else that does, it does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread alone
        return
    loop = asyncio.get_running_loop()
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}

    def handle(signum: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        before = handlers[signal.Signals(signum)]
        if callable(before):
            before(signum, frame)

    for signum in SIGNALS:
        signal.signal(signum, handle)
    try:
        yield
    finally:
        for signum, before in handlers.items():
            signal.signal(signum, before)
