"""The time of an answer does not tell whether an address exists.

`make thorough` compares the times of 200 interleaved tries by the two-sided Mann-Whitney U test, which asks whether one
kind of answer tends to come later. The bound: p > 0.001, so that equal times fail one run in a thousand. `make test`,
on any machine and beside anything else, compares only what is done: the queries, and that a hash is computed.
"""

import math
import secrets
import time
from collections.abc import Callable, Sequence

import httpx

from byline.accounts import throttle
from byline.accounts.caller import Role
from byline.accounts.service import WrongCredentials, create_user
from tests.conftest import Sessions
from tests.problems import assert_problem

BOUND = 0.001
HASHING = 0.02  # seconds of CPU that argon2id takes on any machine, and nothing else here does


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """Of the Mann-Whitney U test, by its normal approximation (no ties: these are times)."""
    ranked = sorted((value, which) for which, values in enumerate((one, other)) for value in values)
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, start=1) if which == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = (abs(u - n * m / 2) - 0.5) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(z / math.sqrt(2))


def test_the_statistic_tells_what_differs() -> None:
    assert p_value([float(n) for n in range(10)], [float(n) for n in range(10, 20)]) < BOUND
    assert p_value([float(n) for n in range(0, 20, 2)], [float(n) for n in range(1, 20, 2)]) > 0.5


async def test_known_and_unknown_take_as_long(
    client: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int], thorough: bool
) -> None:
    tries = 100 if thorough else 2
    known = [f"{number}@example.com" for number in range(tries)]  # each once: none is ever made to wait
    async with sessions.begin() as session:
        hashed = await create_user(
            session, email="grace@example.com", name="Grace", role=Role.OWNER, password="right one"
        )
        for email in known:
            session.add(type(hashed)(email=email, name="x", role="reader", password_hash=hashed.password_hash))
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    queries: dict[str, set[int]] = {"known": set(), "unknown": set()}

    async def attempt(kind: str, email: str) -> None:
        count_queries()
        form = {"username": email, "password": "wrong"}
        begun, worked = time.perf_counter(), time.process_time()
        response = await client.post("/v1/auth/token", data=form)
        times[kind].append(time.perf_counter() - begun)
        queries[kind].add(count_queries())
        assert_problem(response, WrongCredentials)
        assert time.process_time() - worked > HASHING
        async with sessions.begin() as session:
            await throttle.forgive(
                session, throttle.address_key("127.0.0.1")
            )  # 200 from one address would have to wait

    await attempt("known", "grace@example.com")
    times["known"].clear()
    for number, email in enumerate(known):
        both = [("known", email), ("unknown", f"{secrets.token_hex(8)}@example.com")]
        for kind, address in both if number % 2 else reversed(both):
            await attempt(kind, address)
    assert queries["known"] == queries["unknown"]
    if thorough:
        assert p_value(times["known"], times["unknown"]) > BOUND
