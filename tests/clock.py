"""A clock that stands still, so that windows of time end when a test says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NOON = 1_800_014_400.25  # seconds since 1970: a minute's window has just begun, a day's has half of itself left


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@contextmanager
def stopped() -> Iterator[Clock]:
    """`time.time()` is what the clock says; other clocks go on."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", clock)
        yield clock
