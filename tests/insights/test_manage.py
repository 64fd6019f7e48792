from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from byline.insights.log import SearchLog
from byline.insights.models import UNNAMED, ClickCount, SearchCount
from tests.conftest import Sessions

PATH = "/v1/manage/search/insights"


async def arrange(sessions: Sessions) -> None:
    searches = [
        ("2026-03-01", "rust", 6, 0),
        ("2026-03-02", "rust", 4, 0),
        ("2026-03-02", "cobol", 5, 5),
        ("2026-03-02", "ada", 3, 1),
        ("2026-03-02", UNNAMED, 7, 2),
        ("2026-04-01", "later", 9, 9),
    ]
    clicks = [
        ("2026-03-01", "rust", 1, 4),
        ("2026-03-02", "rust", 4, 1),
        ("2026-03-02", UNNAMED, 2, 2),
        ("2026-04-01", "later", 9, 9),
    ]
    async with sessions.begin() as session:
        for day, query, count, in_vain in searches:
            when = datetime.fromisoformat(day).date()
            session.add(SearchCount(day=when, query=query, searches=count, without_hit=in_vain))
        for day, query, position, count in clicks:
            when = datetime.fromisoformat(day).date()
            session.add(ClickCount(day=when, query=query, position=position, clicks=count))


async def insights(desk: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await desk.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_is_searched_for(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    await arrange(sessions)
    assert await insights(desk, **{"from": "2026-03-01", "to": "2026-03-31"}) == {
        "first_day": "2026-03-01",
        "last_day": "2026-03-31",
        "totals": {"searches": 25, "without_hit": 8, "clicks": 7},
        "days": [
            {"day": "2026-03-01", "searches": 6, "without_hit": 0, "clicks": 4},
            {"day": "2026-03-02", "searches": 19, "without_hit": 8, "clicks": 3},
        ],
        "top_queries": [
            {"query": "rust", "searches": 10, "without_hit": 0, "clicks": 5, "click_rate": 0.5, "mean_position": 1.6},
            {"query": "cobol", "searches": 5, "without_hit": 5, "clicks": 0, "click_rate": 0, "mean_position": None},
            {"query": "ada", "searches": 3, "without_hit": 1, "clicks": 0, "click_rate": 0, "mean_position": None},
        ],
        "queries_without_hit": [
            {"query": "cobol", "searches": 5, "last_day": "2026-03-02"},
            {"query": "ada", "searches": 1, "last_day": "2026-03-02"},
        ],
        "positions": [
            {"position": 1, "clicks": 4},
            {"position": 2, "clicks": 2},
            {"position": 4, "clicks": 1},
        ],
    }
    one = await insights(desk, **{"from": "2026-03-01", "to": "2026-03-02", "limit": 1})
    assert [row["query"] for row in one["top_queries"]] == ["rust"]
    assert [row["query"] for row in one["queries_without_hit"]] == ["cobol"]


async def test_one_statement_for_each_part(
    desk: httpx.AsyncClient, sessions: Sessions, count_queries: Callable[[], int]
) -> None:
    await insights(desk)
    count_queries()
    await desk.get("/v1/manage/audit-log?limit=1")
    of_caller = count_queries()
    await insights(desk)
    assert count_queries() - of_caller <= 4


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({}, 30),
        ({"to": "2026-03-31"}, 30),
        ({"from": "2026-03-01", "to": "2026-03-01"}, 1),
        ({"from": "2010-01-01"}, 366),
        ({"from": "2900-01-01"}, 1),
    ],
)
async def test_spans(desk: httpx.AsyncClient, query: dict[str, str], days: int) -> None:
    found = await insights(desk, **query)
    first, last = (datetime.fromisoformat(found[name]) for name in ("first_day", "last_day"))
    assert (last - first).days + 1 == days
    if not query:
        assert abs((last.date() - datetime.now(UTC).date()).days) <= 1
    assert (found["days"], found["positions"], found["totals"]["searches"]) == ([], [], 0)


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-03-02&to=2026-03-01",
        "from=2020-01-01&to=2026-01-01",
        "from=x",
        "to=0001-01-01",
        "limit=0",
        "from_=2026-03-01",
    ],
)
async def test_wrong_spans_are_refused(desk: httpx.AsyncClient, query: str) -> None:
    assert (await desk.get(f"{PATH}?{query}")).status_code == 422


async def test_an_editor_reads_it_and_an_author_does_not(client: httpx.AsyncClient, weak: httpx.AsyncClient) -> None:
    assert (await client.get(PATH)).status_code == 401
    refused = await weak.get(PATH)
    assert (refused.status_code, refused.json()["missing_scopes"]) == (403, ["search:read"])


async def test_what_was_counted_is_seen(desk: httpx.AsyncClient, sessions: Sessions, settings: Any) -> None:
    log = SearchLog(sessions, settings)
    log.note_search("Rust", was_found=False)
    await log.flush()
    assert [row["query"] for row in (await insights(desk))["queries_without_hit"]] == ["rust"]
