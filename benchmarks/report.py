"""The tables and the plot of a run."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.importing import Imported
from benchmarks.plot import Bar, bars
from benchmarks.reading import OWN, Operation, Rounds, best, ratios
from benchmarks.results import table
from benchmarks.writing import STEPS

GROWTH, IMPORT = 0.9, 300
"""The least part of the rate that is left among more posts; articles a second of a core beyond rendering."""


@dataclass(frozen=True)
class Measured:
    """By the key of the operation, the step, or the number of posts."""

    operations: Sequence[Operation]
    read: Mapping[str, Rounds]
    written: Mapping[str, Rounds]
    imported: Imported
    starts: Sequence[float]
    at_rest: Mapping[int, float]
    under_load: Mapping[int, float]
    install: float

    def all(self) -> Iterator[tuple[str, Rounds]]:
        for operation in self.operations:
            yield operation.name, self.read[operation.key]
        for step, name in STEPS.items():
            yield name, self.written[step]


def lines(measured: Measured) -> list[str]:
    return [*_aims(measured), *_operations(measured), *_single(measured), *_imported(measured.imported)]


def _aims(measured: Measured) -> list[str]:
    rows: list[tuple[str, float, float]] = []
    for operation in measured.operations:
        found = measured.read[operation.key]
        if operation.aim is not None:
            limit = best(found)
            rows.append((f"{operation.name}: of {limit}", statistics.median(ratios(found, limit)), operation.aim))
        for name in [name for name in found if name.startswith(f"{OWN},")]:
            left = statistics.median(ratios(found, OWN, own=name))
            among = name.removeprefix(f"{OWN}, ")
            rows.append((f"{operation.name}: among {among}, of the rate among fewer", left, GROWTH))
    rows.append(("import: articles a second of a core, beyond rendering", measured.imported.beyond_rendering, IMPORT))
    cells = [
        (name, f"**{_number(found)}**", _number(aim), "yes" if found >= aim else "**no**") for name, found, aim in rows
    ]
    return table(("aim", "found", "at least", "reached"), cells)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _operations(measured: Measured) -> list[str]:
    rows = [
        (name, who, *_load(found, who), *(["", "", "", ""] if who == OWN else _spread(found, who)))
        for name, found in measured.all()
        for who in found
    ]
    head = (
        "operation",
        "who",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "core, µs",
        "Byline / who: median",
        "least",
        "most",
        "by the core",
    )
    return table(head, rows, texts=2)


def _load(found: Rounds, who: str) -> list[str]:
    loads = found[who]
    rate, p50, p99, cpu = (
        statistics.median(getattr(load, part) for load in loads) for part in ("rate", "p50", "p99", "cpu")
    )
    return [f"{rate:,.0f}", f"{p50:.1f}", f"{p99:.1f}", f"{cpu:,.0f}"]


def _spread(found: Rounds, who: str) -> list[str]:
    parts = ratios(found, who)
    by_core = statistics.median(other.cpu / own.cpu for own, other in zip(found[OWN], found[who], strict=True))
    return [f"**{statistics.median(parts):.2f}**", *(f"{part:.2f}" for part in (min(parts), max(parts), by_core))]


def _single(measured: Measured) -> list[str]:
    rows = [("start, seconds", _seconds(measured.starts))]
    for posts in measured.at_rest:
        rows += [
            (f"memory of the process at rest, {posts:,} posts, MiB", f"{measured.at_rest[posts]:.0f}"),
            (f"memory of the process under load, {posts:,} posts, MiB", f"{measured.under_load[posts]:.0f}"),
        ]
    rows.append(("installed, with PostgreSQL and all that is needed, MiB", f"{measured.install:.0f}"))
    return table(("one process", ""), rows)


def _seconds(taken: Sequence[float]) -> str:
    return f"{statistics.median(taken):.1f} ({min(taken):.1f} to {max(taken):.1f})"


def _imported(imported: Imported) -> list[str]:
    parts = (imported.reading, imported.rendering, imported.rest, imported.alone, imported.postgres)
    rates = (f"**{imported.beyond_rendering:,.0f}**", f"{imported.with_all:,.0f}")
    rows = [("all new", *rates, *(f"{part:.2f}" for part in parts), f"{imported.statements:.2f}")]
    head = (
        "import: articles/s of a core",
        "beyond rendering",
        "with it",
        "reading, ms",
        "rendering, ms",
        "all else, ms",
    )
    return table((*head, "asyncpg, the same rows, ms", "PostgreSQL, ms", "statements"), rows)


def plot(title: str, measured: Measured) -> str:
    rows: list[Bar] = []
    for name, found in measured.all():
        for who in found:
            if not who.startswith(OWN):
                parts = ratios(found, who)
                rows.append((f"{name} / {who}", statistics.median(parts), min(parts), max(parts)))
    return bars(title, rows)
