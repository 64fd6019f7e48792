"""What two texts have otherwise: complete, as programs that read diffs expect it, and quick whatever the texts are."""

import random
import re
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.posts.diffs import MOST_CHANGES, Effort, Hunk, Words, changes, compare, lines, unified, words

TEXTS = st.lists(st.sampled_from(["a", "b", "c d", "", " ", "\r", "x\u2028y"]), max_size=30).map("\n".join)
MEGABYTE = 1_000_000


def patched(text: str, patch: str) -> str:
    """What `patch` makes of the text, by the numbers of its lines."""
    source, made, at = lines(text), list[str](), 0
    patch = re.sub(r"\n\\ No newline at end of file\n", "\0", patch)
    for line in re.findall(r"[^\n\0]*[\n\0]", patch)[2:]:
        mark, rest = line[0], line[1:].removesuffix("\0")
        if mark == "@":
            start, count = map(int, re.findall(r"\d+", line)[:2])
            begins = start - (count > 0)
            made += source[at:begins]
            at = begins
        elif mark == "+":
            made.append(rest)
        else:
            assert source[at] == rest
            made += [rest] if mark == " " else []
            at += 1
    return "".join(made + source[at:])


@given(TEXTS)
def test_lines_are_all_of_a_text(text: str) -> None:
    assert "".join(lines(text)) == text
    assert all(line.count("\n") == line.endswith("\n") for line in lines(text))


@given(TEXTS, TEXTS)
def test_a_diff_makes_the_new_text_of_the_old_one(old: str, new: str) -> None:
    hunks = compare(old, new)
    assert (hunks == []) == (old == new)
    assert patched(old, unified(hunks, "old", "new")) == new
    for hunk in hunks:
        for side, start, count, text in (
            ("old", hunk.old_start, hunk.old_count, old),
            ("new", hunk.new_start, hunk.new_count, new),
        ):
            begins = start - (count > 0)
            shown = "".join(getattr(op, side) for op in hunk.ops)
            assert lines(text)[begins : begins + count] == lines(shown)


@given(TEXTS, TEXTS)
def test_changes_have_something_equal_between_them(old: str, new: str) -> None:
    a, b = old.split("\n"), new.split("\n")
    found = changes(a, b, Effort())
    for before, after in pairwise(found):
        assert before.hi < after.lo and before.stop < after.start
        assert a[before.hi : after.lo] == b[before.stop : after.start]


@given(TEXTS, TEXTS)
def test_words_make_both_texts(old: str, new: str) -> None:
    found = words(old, new, Effort())
    assert "".join(part.text for part in found if part.op != "insert") == old
    assert "".join(part.text for part in found if part.op != "delete") == new


def test_a_changed_line_says_which_words() -> None:
    old = "# Title\n\nMeasure first, then cut.\n\nEnd\n"
    [hunk] = compare(old, old.replace("first", "twice"))
    assert (hunk.old_start, hunk.old_count, hunk.new_start, hunk.new_count) == (1, 5, 1, 5)
    assert [op.op for op in hunk.ops] == ["equal", "replace", "equal"]
    assert hunk.ops[1].words == [
        Words("equal", "Measure "),
        Words("delete", "first"),
        Words("insert", "twice"),
        Words("equal", ", then cut.\n"),
    ]


def test_unified_text_is_what_diff_writes() -> None:
    old = "".join(f"{n}\n" for n in range(1, 21))
    new = old.replace("2\n", "two\n", 1).removesuffix("20\n") + "20"
    assert unified(compare(old, new), "revision 1", "revision 2") == (
        "--- revision 1\n+++ revision 2\n"
        "@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n"
        "@@ -17,4 +17,4 @@\n 17\n 18\n 19\n-20\n+20\n\\ No newline at end of file\n"
    )
    assert unified(compare("", "a\n"), "a", "b") == "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+a\n"
    assert unified([], "a", "b") == ""


def test_what_stays_is_found_around_what_moved() -> None:
    """Blank lines, of which there are many, lead nobody astray."""
    paragraphs = [f"Paragraph {n} says something.\n\n" for n in range(300)]
    new = [*paragraphs[:100], "A new one.\n\n", *paragraphs[100:200], *paragraphs[201:]]
    hunks = compare("".join(paragraphs), "".join(new))
    changed = [(op.op, op.old, op.new) for hunk in hunks for op in hunk.ops if op.op != "equal"]
    assert changed == [("insert", "", "A new one.\n\n"), ("delete", paragraphs[200], "")]


def _numbers(order: Callable[[list[int]], list[int]]) -> str:
    return "".join(f"{n}\n" for n in order(list(range(MEGABYTE // 7))))


def _any(choices: str, seed: int) -> str:
    return "".join(random.Random(seed).choices(choices, k=MEGABYTE))


HOSTILE = {
    "one line": ("a" * MEGABYTE, "b" * MEGABYTE),
    "one line of words": ("a " * (MEGABYTE // 2), "a b " * (MEGABYTE // 4)),
    "empty lines": ("\n" * MEGABYTE, "\n\nx" + "\n" * MEGABYTE),
    "nothing in common": ("a\n" * (MEGABYTE // 2), "b\n" * (MEGABYTE // 2)),
    "two kinds of lines": (_any("ab\n", 1), _any("ab\n", 2)),
    "every second line": (_numbers(list), _numbers(lambda found: [n * (n % 2) for n in found])),
    "another order": (_numbers(list), _numbers(lambda found: random.Random(1).sample(found, len(found)))),
    "backwards": (_numbers(list), _numbers(lambda found: found[::-1])),
    "paragraphs": ("a\n\n" * (MEGABYTE // 3), "b\n\n" * (MEGABYTE // 3)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_long(name: str, thorough: bool) -> None:
    """In the time of this process, so that a machine that is busy with something else is no failure."""
    part = MEGABYTE if thorough else MEGABYTE // 10
    old, new = (text[:part] for text in HOSTILE[name])
    begun = time.process_time()
    hunks = compare(old, new)
    patch = unified(hunks, "old", "new")
    assert time.process_time() - begun < (12 if thorough else 6)
    assert sum(len(hunk.ops) for hunk in hunks) <= 2 * MOST_CHANGES + 1
    assert _size(hunks, "old") <= len(old) and _size(hunks, "new") <= len(new) and patch


def _size(hunks: list[Hunk], side: str) -> int:
    return sum(len(getattr(op, side)) for hunk in hunks for op in hunk.ops)
