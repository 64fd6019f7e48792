"""Where it is kept what was measured: a page of Markdown with the command and the machine at its head."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine

RESULTS = Path(__file__).parent / "results"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> list[str]:
    """The first columns hold texts, the others numbers."""
    marks = ["---"] * texts + ["--:"] * (len(head) - texts)
    return ["", *(f"| {' | '.join(row)} |" for row in (head, marks, *rows))]


def write(name: str, title: str, command: str, lines: Sequence[str], plot: str | None = None) -> None:
    """Prints it, too."""
    facts = {"command": f"`{' '.join([command, *sys.argv[1:]])}`", "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    head = [f"# {title}", "", *(f"- {fact}: {value}" for fact, value in {**facts, **machine.facts()}.items())]
    RESULTS.mkdir(exist_ok=True)
    if plot is not None:
        (RESULTS / f"{name}.svg").write_text(plot)
        head += ["", f"![What Byline does of what the limits do]({name}.svg)"]
    text = "\n".join([*head, *lines, ""])
    (RESULTS / f"{name}.md").write_text(text)
    print(text)
