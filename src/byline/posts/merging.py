"""Two edits of one text, made into one: a three-way merge. Pure.

What only one side changed is taken from that side, and what both changed alike is taken once. Whatever else is a clash,
which is never decided here. All of it is symmetric, but for the names of the sides in a clash.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from byline.posts.diffs import Effort, changes, lines


@dataclass(frozen=True, slots=True)
class Hunk:
    """What both sides changed, each in its own way."""

    base: str
    yours: str
    theirs: str


class Clash(Exception):
    """The sides cannot be one. `hunks` say where, if it is a text."""

    def __init__(self, hunks: Sequence[Hunk] = ()) -> None:
        super().__init__("both sides changed it")
        self.hunks = list(hunks)


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def same_json(one: Any, other: Any) -> bool:
    """To Python 1 and true are the same; in JSON they are not."""
    return one == other and _as_json(one) == _as_json(other)


def merge_value(base: Any, yours: Any, theirs: Any) -> Any:
    """As a whole. Raises Clash."""
    if yours == theirs or theirs == base:
        return yours
    if yours == base:
        return theirs
    raise Clash()


def merge_keys(base: Mapping[str, Any], yours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Each key by itself. Raises Clash."""
    sides = [{key: _as_json(value) for key, value in side.items()} for side in (base, yours, theirs)]
    merged = {key: merge_value(*(side.get(key) for side in sides)) for key in sorted(set().union(*sides))}
    return {key: json.loads(value) for key, value in merged.items() if value is not None}


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def merge_list(base: Sequence[str], yours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Of things that occur once: without what a side took away, with what a side added, after what it follows there.

    Where each puts what stays into another order, it is a Clash.
    """
    staying = set(base) & set(yours) & set(theirs)
    order = merge_value(*([item for item in side if item in staying] for side in (base, yours, theirs)))
    added = [_added(side, staying, set(base)) for side in (yours, theirs)]
    merged: list[str] = []
    for item in [None, *order]:
        gaps = sorted(gap for side in added if (gap := side.get(item)))  # sorted, so that no side comes first
        merged += [] if item is None else [item]
        merged += [new for gap in gaps for new in gap]
    return list(dict.fromkeys(merged))


def _added(side: Sequence[str], staying: set[str], base: set[str]) -> dict[str | None, list[str]]:
    """What is new, by what stays before it: None at the beginning."""
    gaps: dict[str | None, list[str]] = {}
    last: str | None = None
    for item in side:
        if item in staying:
            last = item
        elif item not in base:
            gaps.setdefault(last, []).append(item)
    return gaps


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Edit:
    """One side put `new` in place of `base[lo:hi]`."""

    lo: int
    hi: int
    new: list[str]
    is_yours: bool


_Meet = Callable[[_Edit, _Edit], bool]


def merge_text(base: str, yours: str, theirs: str) -> str:
    """By paragraph; where both changed one, by line, if there is an untouched line between. Raises Clash."""
    if base in {yours, theirs} or yours == theirs:
        return str(merge_value(base, yours, theirs))
    bodies = [text.rstrip("\n") for text in (base, yours, theirs)]
    merged: list[str] = []
    clashes: list[Hunk] = []
    effort = Effort()
    for part in _three_way([_paragraphs(body) for body in bodies], _overlap, effort):
        if isinstance(part, Hunk):
            try:
                merged.append(_merge_lines(part, effort))
            except Clash:
                clashes.append(part)
        else:
            merged.append(part)
    if clashes:
        raise Clash(clashes)
    ends = [text[len(body) :] for text, body in zip((base, yours, theirs), bodies, strict=True)]
    return "".join(merged).rstrip("\n") + _merge_ends(*ends)


def _merge_ends(base: str, yours: str, theirs: str) -> str:
    """Line feeds at the very end are no reason to refuse anything."""
    try:
        return str(merge_value(base, yours, theirs))
    except Clash:
        return max(yours, theirs, key=len)


def _merge_lines(hunk: Hunk, effort: Effort) -> str:
    parts = _three_way([lines(text) for text in (hunk.base, hunk.yours, hunk.theirs)], _touch, effort)
    merged = [part for part in parts if isinstance(part, str)]
    if len(merged) < len(parts):
        raise Clash()
    return "".join(merged)


def _paragraphs(body: str) -> list[str]:
    """Each with the empty lines after it, of which the last has one too: so it is the same when another follows."""
    if not body:
        return []
    found: list[list[str]] = []
    was_empty = False
    for line in [*body.split("\n"), ""]:
        is_empty = not line.strip()
        if not found or (was_empty and not is_empty):
            found.append([])
        found[-1].append(f"{line}\n")
        was_empty = is_empty
    return ["".join(paragraph) for paragraph in found]


def _overlap(one: _Edit, other: _Edit) -> bool:
    """Whether two edits of paragraphs are about the same ones: neighbours are others.

    New paragraphs of both sides at one place have no order, so they meet; so does what is put beside an edit that adds
    some too.
    """
    if one.lo < one.hi and other.lo < other.hi:
        return max(one.lo, other.lo) < min(one.hi, other.hi)
    new, old = (one, other) if one.lo == one.hi else (other, one)
    if old.lo == old.hi:
        return old.lo == new.lo
    if len(old.new) > old.hi - old.lo:
        return old.lo <= new.lo <= old.hi
    return old.lo < new.lo < old.hi


def _touch(one: _Edit, other: _Edit) -> bool:
    """Whether no line between two edits is as it was."""
    return max(one.lo, other.lo) <= min(one.hi, other.hi)


def _three_way(texts: Sequence[list[str]], meet: _Meet, effort: Effort) -> list[str | Hunk]:
    """Of base, yours and theirs the whole in order: text that is merged, and where edits meet and differ, a hunk."""
    base, yours, theirs = texts
    edits = [
        _Edit(found.lo, found.hi, side[found.start : found.stop], side is yours)
        for side in (yours, theirs)
        for found in changes(base, side, effort)
    ]
    parts: list[str | Hunk] = []
    at = 0
    for group in _meetings(sorted(edits, key=lambda edit: (edit.lo, edit.hi)), meet):
        lo, hi = group[0].lo, max(edit.hi for edit in group)
        parts += base[at:lo]
        sides = [[edit for edit in group if edit.is_yours is is_yours] for is_yours in (True, False)]
        versions = {_applied(base, lo, hi, side) for side in sides if side}
        if len(versions) == 1:
            parts += versions
        else:
            parts.append(Hunk("".join(base[lo:hi]), *(_applied(base, lo, hi, side) for side in sides)))
        at = hi
    return parts + base[at:]


def _meetings(edits: list[_Edit], meet: _Meet) -> list[list[_Edit]]:
    """Edits that meet one another, or the same other one."""
    groups: list[list[_Edit]] = []
    last: dict[bool, _Edit] = {}  # of each side in this group: those before it end before anything that follows
    for edit in edits:
        other = last.get(not edit.is_yours)
        if other is not None and meet(edit, other):
            groups[-1].append(edit)
        else:
            groups.append([edit])
            last.clear()
        last[edit.is_yours] = edit
    return groups


def _applied(base: list[str], lo: int, hi: int, edits: Sequence[_Edit]) -> str:
    """What a side has in place of `base[lo:hi]`."""
    written: list[str] = []
    for edit in edits:
        written += [*base[lo : edit.lo], *edit.new]
        lo = edit.hi
    return "".join([*written, *base[lo:hi]])


# ── articles ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_MERGES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "markdown": merge_text,
    "tags": merge_list,
    "authors": merge_list,
    "custom": merge_keys,
}
COMBINED = frozenset(_MERGES)
"""Fields whose merged value may be one that neither side has."""


def merge(
    base: Mapping[str, Any], yours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Clash]]:
    """By field, of what a revision holds as JSON: what could be merged, and what could not."""
    merged: dict[str, Any] = {}
    clashes: dict[str, Clash] = {}
    for name in base:
        try:
            merged[name] = _MERGES.get(name, merge_value)(base[name], yours[name], theirs[name])
        except Clash as clash:
            clashes[name] = clash
    return merged, clashes
