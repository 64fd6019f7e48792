"""What one text has otherwise than another: by line, by word, and as unified text. Pure.

Equal parts are found as in a patience diff (B. Cohen): what occurs once on both sides anchors the rest, and only what
lies between anchors is left to difflib, whose time grows with the square and more. What that would take too long for
counts as changed altogether: so the answer to any text is right, and that to a hostile one is quick but coarse.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise, zip_longest
from typing import Literal

CONTEXT = 3
"""Lines that are shown around each change."""

MOST_STEPS = 3_000_000  # of difflib, in its inner loop: less than a second
ANCHORING = 8  # such steps for each item that anchors are looked for among
MOST_CHANGES = 2000  # of lines; what comes after is one change
LONGEST_WORDING = 100_000  # characters that one comparison looks at by word

_WORD = re.compile(r"\w+|\s+|[^\w\s]")


class Effort:
    """What comparisons may cost, all together."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self._left = steps

    def spend(self, steps: int) -> bool:
        """Whether there is that much left; then it is spent."""
        if steps > self._left:
            return False
        self._left -= steps
        return True


@dataclass(frozen=True, slots=True)
class Change:
    """`old[lo:hi]` became `new[start:stop]`. One of both may be empty."""

    lo: int
    hi: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Words:
    op: Literal["equal", "delete", "insert"]
    text: str


@dataclass(frozen=True, slots=True)
class Op:
    """`old` and `new` are whole lines, with their ends. `words` only of a `replace` that is not too large for it."""

    op: Literal["equal", "delete", "insert", "replace"]
    old: str
    new: str
    words: list[Words] | None = None


@dataclass(frozen=True, slots=True)
class Hunk:
    """Changes near each other, with the lines around them. Lines count from one, as in unified text."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    ops: list[Op]


# ── sequences ────────────────────────────────────────────────────────────────────────────────────────────────────────


def changes(old: Sequence[str], new: Sequence[str], effort: Effort) -> list[Change]:
    """In order, with something equal between any two: together they make `new` of `old`."""
    numbers: dict[str, int] = {}
    a = [numbers.setdefault(item, len(numbers)) for item in old]
    b = [numbers.setdefault(item, len(numbers)) for item in new]
    found: list[Change] = []
    i = j = 0
    for at, to, size in [*sorted(_matches(a, b, effort)), (len(a), len(b), 0)]:
        if (i, j) != (at, to):
            found.append(Change(i, at, j, to))
        i, j = at + size, to + size
    return found


def _matches(a: list[int], b: list[int], effort: Effort) -> Iterator[tuple[int, int, int]]:
    """Where in `a`, where in `b`, and how much is equal there; in no order."""
    pending = [(0, len(a), 0, len(b))]
    while pending:
        lo, hi, start, stop = pending.pop()
        before, after = _ends(a, lo, hi, b, start, stop)
        yield lo, start, before
        yield hi - after, stop - after, after
        lo, hi, start, stop = lo + before, hi - after, start + before, stop - after
        if lo == hi or start == stop or hi - lo == 1 == stop - start:
            continue
        common = set(a[lo:hi]).intersection(b[start:stop])
        if not common or not effort.spend(ANCHORING * (hi - lo + stop - start)):
            continue
        in_a, in_b = Counter(a[lo:hi]), Counter(b[start:stop])
        if anchors := _anchors(a[lo:hi], b[start:stop], {item for item in common if in_a[item] == 1 == in_b[item]}):
            for i, j in anchors:
                yield lo + i, start + j, 1
            for (i, j), (next_i, next_j) in pairwise([(-1, -1), *anchors, (hi - lo, stop - start)]):
                pending.append((lo + i + 1, lo + next_i, start + j + 1, start + next_j))
            continue
        pairs = sum(in_a[item] * in_b[item] for item in common)
        rounds = 1 + sum(min(in_a[item], in_b[item]) for item in common)
        if not effort.spend((pairs + hi - lo) * rounds):
            continue
        matcher = SequenceMatcher(None, a[lo:hi], b[start:stop], autojunk=False)
        for block in matcher.get_matching_blocks():
            yield lo + block.a, start + block.b, block.size


def _ends(a: list[int], lo: int, hi: int, b: list[int], start: int, stop: int) -> tuple[int, int]:
    """How much is equal at the beginning, and at the end of the rest."""
    longest = min(hi - lo, stop - start)
    before = 0
    while before < longest and a[lo + before] == b[start + before]:
        before += 1
    after = 0
    while after < longest - before and a[hi - 1 - after] == b[stop - 1 - after]:
        after += 1
    return before, after


def _anchors(a: list[int], b: list[int], once: set[int]) -> list[tuple[int, int]]:
    """Of what occurs `once` on both sides, the longest series that stands in the same order on both."""
    places = {item: j for j, item in enumerate(b) if item in once}
    unique = [(i, places[item]) for i, item in enumerate(a) if item in places]
    ends: list[int] = []  # of the best series of each length, where it ends in b
    lasts: list[int] = []  # and which of `unique` that is
    befores: list[int] = []
    for index, (_, j) in enumerate(unique):
        length = bisect_left(ends, j)
        befores.append(lasts[length - 1] if length else -1)
        ends[length : length + 1] = [j]
        lasts[length : length + 1] = [index]
    series: list[tuple[int, int]] = []
    index = lasts[-1] if lasts else -1
    while index >= 0:
        series.append(unique[index])
        index = befores[index]
    return series[::-1]


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lines(text: str) -> list[str]:
    """With their ends; only the last one may have none. Unlike `splitlines`, only a line feed ends a line."""
    found = [f"{line}\n" for line in text.split("\n")]
    last = found.pop()[:-1]
    return [*found, last] if last else found


def compare(old: str, new: str) -> list[Hunk]:
    a, b = lines(old), lines(new)
    wording, effort = LONGEST_WORDING, Effort()
    hunks: list[Hunk] = []
    for group in _groups(_fewer(_lowered(changes(a, b, effort), a, b))):
        first, last = group[0], group[-1]
        before, after = min(CONTEXT, first.lo, first.start), min(CONTEXT, len(a) - last.hi, len(b) - last.stop)
        lo, hi = first.lo - before, last.hi + after
        ops: list[Op] = []
        at = lo
        for change in group:
            ops += _equal(a[at : change.lo])
            was, is_now = "".join(a[change.lo : change.hi]), "".join(b[change.start : change.stop])
            wording -= len(was) + len(is_now)
            ops.append(_changed(was, is_now, effort if wording >= 0 else None))
            at = change.hi
        ops += _equal(a[at:hi])
        hunks.append(_hunk(lo, hi, first.start - before, last.stop + after, ops))
    return hunks


def _lowered(found: list[Change], a: list[str], b: list[str]) -> list[Change]:
    """Lines that could as well have come or gone further down do so: a paragraph with the empty line after it."""
    lowered: list[Change] = []
    for change, following in zip_longest(found, found[1:]):
        room = len(a) - change.hi if following is None else following.lo - change.hi - 1
        moved = 0
        if change.lo == change.hi:
            while moved < room and b[change.start + moved] == b[change.stop + moved]:
                moved += 1
        elif change.start == change.stop:
            while moved < room and a[change.lo + moved] == a[change.hi + moved]:
                moved += 1
        lowered.append(Change(change.lo + moved, change.hi + moved, change.start + moved, change.stop + moved))
    return lowered


def _fewer(found: list[Change]) -> list[Change]:
    if len(found) <= MOST_CHANGES:
        return found
    first, last = found[MOST_CHANGES - 1], found[-1]
    return [*found[: MOST_CHANGES - 1], Change(first.lo, last.hi, first.start, last.stop)]


def _groups(found: list[Change]) -> list[list[Change]]:
    """Those whose surroundings meet."""
    groups: list[list[Change]] = []
    for change in found:
        if groups and change.lo - groups[-1][-1].hi <= 2 * CONTEXT:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def _equal(same: list[str]) -> list[Op]:
    text = "".join(same)
    return [Op("equal", text, text)] if same else []


def _changed(old: str, new: str, effort: Effort | None) -> Op:
    if not old:
        return Op("insert", old, new)
    if not new:
        return Op("delete", old, new)
    return Op("replace", old, new, None if effort is None else words(old, new, effort))


def _hunk(lo: int, hi: int, start: int, stop: int, ops: list[Op]) -> Hunk:
    # Where there are no lines, the number is that of the line before.
    return Hunk(lo + (hi > lo), hi - lo, start + (stop > start), stop - start, ops)


def words(old: str, new: str, effort: Effort) -> list[Words]:
    """Words, spaces and signs: those that stay, go and come make both texts."""
    a, b = _WORD.findall(old), _WORD.findall(new)
    found: list[Words] = []
    at = 0
    for change in [*changes(a, b, effort), Change(len(a), len(a), len(b), len(b))]:
        found += [
            Words("equal", "".join(a[at : change.lo])),
            Words("delete", "".join(a[change.lo : change.hi])),
            Words("insert", "".join(b[change.start : change.stop])),
        ]
        at = change.hi
    return [part for part in found if part.text]


def unified(hunks: Sequence[Hunk], old_name: str, new_name: str) -> str:
    """As `diff -u` writes it (POSIX.1-2024); empty where nothing is changed."""
    if not hunks:
        return ""
    written = [f"--- {old_name}\n+++ {new_name}\n"]
    for hunk in hunks:
        ranges = f"-{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count}"
        written.append(f"@@ {ranges} @@\n")
        for op in hunk.ops:
            if op.op == "equal":
                written += _marked(" ", op.old)
            else:
                written += [*_marked("-", op.old), *_marked("+", op.new)]
    return "".join(written)


def _marked(mark: str, text: str) -> list[str]:
    ended = [f"{mark}{line}" for line in lines(text)]
    if text and not text.endswith("\n"):
        ended.append("\n\\ No newline at end of file\n")
    return ended
