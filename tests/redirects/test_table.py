"""Redirects in and out as a CSV file."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from byline.core.events import Event
from byline.redirects import table
from byline.redirects.models import Redirect
from byline.redirects.table import TableTooLong, UnreadableTable
from tests.conftest import Sessions
from tests.problems import assert_problem

REDIRECTS = "/v1/manage/redirects"
CSV = {"Content-Type": "text/csv"}


async def load(desk: httpx.AsyncClient, text: str | bytes, query: str = "") -> dict[str, Any]:
    response = await desk.post(f"{REDIRECTS}/import{query}", content=text, headers=CSV)
    assert response.status_code == 200, response.text
    report: dict[str, Any] = response.json()
    assert sum(report[outcome] for outcome in ("created", "updated", "unchanged", "failed")) == len(report["lines"])
    return report


def outcomes(report: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(line["line"], line["path"], line["outcome"]) for line in report["lines"]]


async def rows(sessions: Sessions) -> dict[str, tuple[str | None, int]]:
    async with sessions.begin() as session:
        return {row.path: (row.target, row.status) for row in await session.scalars(select(Redirect))}


@pytest.mark.parametrize(
    "text",
    [
        "path,target,status\n/a,/b,301\n/c,https://example.com/,302\n/gone,,410\n",
        "/a,/b,301\r\n/c,https://example.com/,302\r\n/gone,,410",
        "\ufeffpath;target;status\n/a;/b;\n/c;https://example.com/;302\n\n/gone;;410\n",
        "Redirect to\tcode\tRedirect from\n/b\t301\t/a\nhttps://example.com/\t302\t/c\n\t410\t/gone\n",
        "source,target,regex,code,hits,title\n/a,/b,0,301,7,x\n/c,https://example.com/,0,302,0,\n/gone,,,410,1,\n",
        'FROM,TO,STATUS\n"/a", /b ,\n/c/,https://example.com/,302\n/gone#x,,410\n',
    ],
)
async def test_what_programs_write(desk: httpx.AsyncClient, sessions: Sessions, text: str) -> None:
    report = await load(desk, text)
    assert (report["created"], report["failed"], report["dry_run"]) == (3, 0, False), report
    expected = {"/a": ("/b", 301), "/c": ("https://example.com/", 302), "/gone": (None, 410)}
    assert await rows(sessions) == expected


async def test_a_report_line_by_line(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    await load(desk, "/same,/x\n/other,/x\n")
    text = "\n".join(
        [
            "path,target,status,regex",
            "/new,https://blog.example/y,308",
            "/same,/x,301",
            "/other,/z",
            "",
            "no path,/x",
            "/p,javascript:x",
            "/p,/x,abc",
            "/p,/x,303",
            "/p",
            "/^a(.*),/b/$1,301,1",
            "/z,/other",
            "/new,/y",
            "/new,/elsewhere",
        ]
    )
    for query in ("?dry_run=true", ""):
        before = await rows(sessions)
        report = await load(desk, text, query)
        assert report["dry_run"] is bool(query)
        assert outcomes(report) == [
            (2, "/new", "created"),
            (3, "/same", "unchanged"),
            (4, "/other", "updated"),
            (6, "no path", "failed"),
            (7, "/p", "failed"),
            (8, "/p", "failed"),
            (9, "/p", "failed"),
            (10, "/p", "failed"),
            (11, "/^a(.*)", "failed"),
            (12, "/z", "failed"),  # /other leads there since line 4
            (13, "/new", "failed"),
            (14, "/new", "failed"),
        ]
        reasons = [line["reason"] for line in report["lines"]]
        assert [reason is not None for reason in reasons] == [line["outcome"] == "failed" for line in report["lines"]]
        assert "lead back" in reasons[9] and "line 2" in reasons[11] and "patterns" in reasons[8]
        if query:
            assert await rows(sessions) == before
    assert await rows(sessions) == {"/same": ("/x", 301), "/other": ("/z", 301), "/new": ("/y", 308)}


async def test_each_change_is_recorded_once(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    for _ in range(2):
        await load(desk, "/a,/b\n/c,/d\n")
    await load(desk, "/a,/x\n", "?dry_run=true")
    async with sessions.begin() as session:
        types = (await session.scalars(select(Event.type).where(Event.subject_type == "redirect"))).all()
    assert types == ["redirect.created"] * 2


@pytest.mark.parametrize("file", [b"/caf\xe9,/b", b'/a,"/b', b'"/a"x,/b', b"\xff\xfe/\x00a\x00"])
async def test_what_is_no_csv(desk: httpx.AsyncClient, file: bytes) -> None:
    assert_problem(await desk.post(f"{REDIRECTS}/import", content=file, headers=CSV), UnreadableTable)


async def test_hostile_cells_fail_alone(desk: httpx.AsyncClient) -> None:
    report = await load(desk, "/a\x00b,/x\n=cmd(),/x\n/" + "x" * 3000 + ",/y\n/ok,/x\n")
    assert [line["outcome"] for line in report["lines"]] == ["failed", "failed", "failed", "created"]
    assert (await load(desk, "\n\n"))["lines"] == []


async def test_there_is_a_bound(desk: httpx.AsyncClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_LINES", 3)
    await load(desk, "path,target\n/1,/x\n/2,/x\n/3,/x\n")
    too_long = await desk.post(f"{REDIRECTS}/import", content="/4,/x\n/5,/x\n/6,/x\n/7,/x\n", headers=CSV)
    assert_problem(too_long, TableTooLong)
    assert len(await rows(sessions)) == 3


async def test_lines_cost_no_queries_of_their_own(desk: httpx.AsyncClient, count_queries: Any) -> None:
    counts = []
    for size in (5, 50):
        count_queries()
        await load(desk, "".join(f"/{size}/{number},/x\n" for number in range(size)))
        counts.append(count_queries())
    assert counts[0] == counts[1]


async def test_what_is_exported_can_be_imported(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    await load(desk, '/a,/b?x=1#y,307\n/gone,,410\n"/with, comma","https://example.com/a,b",301\n')
    exported = await desk.get(f"{REDIRECTS}/export")
    assert exported.headers["content-type"].startswith("text/csv")
    assert exported.headers["content-disposition"] == 'attachment; filename="redirects.csv"'
    assert exported.text.splitlines()[0] == "path,target,status,source"
    before = await rows(sessions)
    report = await load(desk, exported.content)
    assert (report["unchanged"], report["failed"]) == (3, 0)
    async with sessions.begin() as session:
        await session.execute(Redirect.__table__.delete())  # type: ignore[attr-defined]
    assert (await load(desk, exported.content))["created"] == 3
    assert await rows(sessions) == before
    async with sessions.begin() as session:
        assert await session.scalar(select(func.count()).select_from(Redirect)) == 3
