"""What was made of a text that clients send again and again."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import AnyStr, TypeVar

R = TypeVar("R")

SHORT = 256


def remembered(function: Callable[[AnyStr], R]) -> Callable[[AnyStr], R]:
    """Of short texts, the last thousand: nobody fills the memory with long ones."""
    cached = lru_cache(1000)(function)

    @wraps(function)
    def call(text: AnyStr) -> R:
        return cached(text) if len(text) <= SHORT else function(text)

    return call
