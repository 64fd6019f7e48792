"""Redirects as a CSV file: what other programs export, and what spreadsheets edit."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core import events
from byline.core.errors import BylineError, ContentTooLarge, Invalid
from byline.core.ids import uuid7
from byline.redirects import service
from byline.redirects.models import Redirect, Source
from byline.redirects.schemas import ImportedLine, Outcome, RedirectCreate, RedirectImport

MAX_LINES = 10_000
COLUMNS = ("path", "target", "status")

# What the first line of other programs' files calls them.
_NAMES = {
    **dict.fromkeys(("path", "from", "source", "source url", "redirect from", "old", "old url"), "path"),
    **dict.fromkeys(("target", "to", "target url", "redirect to", "destination", "new", "new url"), "target"),
    **dict.fromkeys(("status", "code", "http code", "status code"), "status"),
    "regex": "regex",
}


class UnreadableTable(Invalid):
    code = "unreadable_csv"
    title = "This is no CSV file in UTF-8"


class TableTooLong(ContentTooLarge):
    code = "too_many_redirects"
    title = f"The file has more than {MAX_LINES:,} lines"


def write(redirects: Iterable[Redirect]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*COLUMNS, "source"])
    writer.writerows((row.path, row.target or "", row.status, row.source) for row in redirects)
    return out.getvalue()


async def load(session: AsyncSession, file: bytes, *, site_url: str, dry_run: bool) -> RedirectImport:
    """One outcome for each line; lines that fail stop no other. Raises UnreadableTable, TableTooLong."""
    lines = list(_read(file))
    await service.lock(session)
    savepoint = await session.begin_nested() if dry_run else None
    report = await _Import(session, site_url).run(lines)
    await session.flush()
    if savepoint is not None:
        await savepoint.rollback()
    count = {outcome: sum(line.outcome is outcome for line in report) for outcome in Outcome}
    return RedirectImport(dry_run=dry_run, lines=report, **count)


def _read(file: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """The number of each line that is not empty, and its cells by column."""
    try:
        text = file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableTable(str(error)) from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    names: list[str] | None = None
    found = 0
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if names is None:
                names, is_header = _header(cells)
                if is_header:
                    continue
            found += 1
            if found > MAX_LINES:
                raise TableTooLong()
            yield reader.line_num, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise UnreadableTable(f"line {reader.line_num}: {error}") from error


def _header(cells: list[str]) -> tuple[list[str], bool]:
    """The columns, and whether these cells name them."""
    names: list[str] = []
    for cell in cells:
        name = _NAMES.get(cell.lower(), "")
        names.append("" if name in names else name)
    return (names, True) if "path" in names else (list(COLUMNS), False)


class _Import:
    """Knows where every redirect leads, so that no line needs a query of its own."""

    def __init__(self, session: AsyncSession, site_url: str) -> None:
        self.session = session
        self.site_url = site_url
        self.targets: dict[str, str | None] = {}
        self.rows: dict[str, Redirect] = {}
        self.lines: dict[str, int] = {}
        self.new: list[dict[str, Any]] = []

    async def run(self, lines: list[tuple[int, dict[str, str]]]) -> list[ImportedLine]:
        known = await self.session.execute(select(Redirect.path, Redirect.target))
        self.targets = {path: target for path, target in known}
        parsed = [(number, cells, _parse(cells)) for number, cells in lines]
        paths = [wish.path for _, _, wish in parsed if isinstance(wish, RedirectCreate)]
        there = await self.session.scalars(select(Redirect).where(Redirect.path.in_(paths)))
        self.rows = {row.path: row for row in there}
        report = [await self._line(number, cells, wish) for number, cells, wish in parsed]
        if self.new:
            await self.session.execute(insert(Redirect), self.new)
        return report

    async def _line(self, number: int, cells: Mapping[str, str], wish: RedirectCreate | str) -> ImportedLine:
        shown = wish.path if isinstance(wish, RedirectCreate) else cells.get("path", "")[:200]
        try:
            if isinstance(wish, str):
                raise Invalid(wish)
            outcome = await self._save(number, wish)
        except BylineError as error:
            reason = error.detail or error.title
            return ImportedLine(line=number, path=shown, outcome=Outcome.FAILED, reason=reason)
        return ImportedLine(line=number, path=shown, outcome=outcome, reason=None)

    async def _save(self, number: int, wish: RedirectCreate) -> Outcome:
        fields = service.fitted(wish.model_dump(), self.site_url)
        row = self.rows.get(wish.path)
        if row is not None and all(getattr(row, name) == value for name, value in fields.items()):
            return Outcome.UNCHANGED
        if wish.path in self.lines:
            raise Invalid(f"line {self.lines[wish.path]} has this path already, and another target")
        await service.check_leads_on(wish.path, fields["target"], self._target_of)
        self.lines[wish.path] = number
        self.targets[wish.path] = fields["target"]
        if row is not None:
            service.rewrite(self.session, row, fields)
            return Outcome.UPDATED
        new = {"id": uuid7(), "source": Source.MANUAL, "version": 1, **fields}
        self.rows[wish.path] = row = Redirect(**new)
        self.new.append(new)
        events.record(self.session, "redirect.created", row, events.created(row, *RedirectCreate.model_fields))
        return Outcome.CREATED

    async def _target_of(self, path: str) -> str | None:
        return self.targets.get(path)


def _parse(cells: Mapping[str, str]) -> RedirectCreate | str:
    """What a line asks for, or why it cannot be had."""
    if cells.get("regex", "0").lower() not in {"", "0", "false", "no"}:
        return "patterns are not supported: a redirect leads from one path"
    wish: dict[str, Any] = {"path": cells.get("path", ""), "target": cells.get("target") or None}
    status = cells.get("status", "")
    if status:
        if not status.isascii() or not status.isdecimal():
            return f"status: {status[:20]!r} is no number"
        wish["status"] = int(status)
    try:
        return RedirectCreate.model_validate(wish)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
