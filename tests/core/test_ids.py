import time
from uuid import RFC_4122

from byline.core.ids import uuid7


def test_keys_are_version_7_of_their_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    keys = [uuid7() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert {(key.version, key.variant) for key in keys} == {(7, RFC_4122)}
    assert all(before <= key.int >> 80 <= after for key in keys)


def test_no_two_keys_are_the_same() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_keys_grow_with_time() -> None:
    keys = [uuid7() for _ in range(1000)]
    times = [key.int >> 64 for key in keys]
    assert times == sorted(times)
    assert len(set(times)) > 500  # finer than a millisecond, which is the time of hundreds of them
    assert len({key.int & (1 << 62) - 1 for key in keys}) == 1000  # what follows is random
