"""Merging: no edit is ever lost, and nothing is decided that people have to decide."""

import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from byline.posts.merging import Clash, Hunk, merge, merge_keys, merge_list, merge_text, same_json
from byline.posts.schemas import PostContent

# Few words, so that the same lines come up on all sides.
TEXTS = st.lists(st.sampled_from(["a", "b", "c d", "- x", "", "", " ", "\n", "```"]), max_size=14).map("\n".join)
LISTS = st.lists(st.sampled_from("abcdef"), unique=True)
OBJECTS = st.dictionaries(st.sampled_from("abc"), st.sampled_from([0, 1, True, False, None, "x", [1], [True]]))


def outcome(merging: Any, *sides: Any) -> Any:
    """What is merged; None for a clash."""
    try:
        return merging(*sides)
    except Clash:
        return None


@pytest.mark.parametrize(
    ("merging", "values"),
    [(merge_text, TEXTS), (merge_list, LISTS), (merge_keys, OBJECTS)],
    ids=["text", "list", "keys"],
)
def test_one_edit_is_that_edit_and_sides_are_equal(merging: Any, values: st.SearchStrategy[Any]) -> None:
    @given(values, values, values)
    def check(base: Any, yours: Any, theirs: Any) -> None:
        assert same_json(merging(base, yours, base), yours)
        assert same_json(merging(base, base, theirs), theirs)
        assert same_json(merging(base, yours, yours), yours)
        assert same_json(outcome(merging, base, yours, theirs), outcome(merging, base, theirs, yours))

    check()


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(TEXTS, TEXTS, TEXTS)
def test_no_line_that_one_side_added_is_lost(base: str, yours: str, theirs: str) -> None:
    merged = outcome(merge_text, base, yours, theirs)
    assume(merged is not None)
    had = set(base.split("\n"))
    for side in (yours, theirs):
        added = {line for line in side.split("\n") if line.strip()} - had
        assert added <= set(merged.split("\n"))
    kept = {line for line in had if line in yours.split("\n") and line in theirs.split("\n")}
    assert set(merged.split("\n")) - set(yours.split("\n")) - set(theirs.split("\n")) <= kept | {""}


@given(TEXTS, TEXTS, TEXTS)
def test_a_clash_shows_what_all_sides_have(base: str, yours: str, theirs: str) -> None:
    try:
        merge_text(base, yours, theirs)
    except Clash as clash:
        assert clash.hunks
        for hunk in clash.hunks:
            assert len({hunk.base, hunk.yours, hunk.theirs}) == 3
            assert hunk.base in base + "\n\n" and hunk.yours in yours + "\n\n" and hunk.theirs in theirs + "\n\n"


EDITS = st.sampled_from(["keep", "change", "delete", "add after", "split"])


def edited(paragraphs: list[str], edits: dict[int, str], who: str) -> list[str]:
    made: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        match edits.get(number, "keep"):
            case "keep":
                made.append(paragraph)
            case "change":
                made.append(f"{paragraph} ({who})")
            case "add after":
                made += [paragraph, f"New by {who} after {number}"]
            case "split":
                made += [f"{paragraph} ({who})", f"Rest by {who} of {number}"]
    return made


@given(st.lists(st.tuples(EDITS, st.booleans()), min_size=1, max_size=8), st.sampled_from(["", "\n", "\n\n"]))
def test_edits_of_different_paragraphs_always_merge(plan: list[tuple[str, bool]], end: str) -> None:
    """Each paragraph is edited by one side at most; the oracle is one writer who makes all the edits."""
    base = [f"Paragraph {number}\nwith a second line" for number in range(len(plan))]
    sides = [{number: edit for number, (edit, mine) in enumerate(plan) if mine is side} for side in (True, False)]
    expected: list[str] = []
    for number, (edit, mine) in enumerate(plan):
        expected += edited([base[number]], {0: edit}, "you" if mine else "them")
    expected = [text.replace("after 0", "after ?").replace("of 0", "of ?") for text in expected]
    yours, theirs = (edited(base, side, who) for side, who in zip(sides, ("you", "them"), strict=True))
    merged = outcome(merge_text, *("\n\n".join(text) + (end if text else "") for text in (base, yours, theirs)))
    assert merged is not None
    found = [paragraph for paragraph in merged.strip("\n").split("\n\n") if paragraph]
    assert [_unnumbered(text) for text in found] == expected


def _unnumbered(text: str) -> str:
    head, _, number = text.rpartition(" ")
    return f"{head} ?" if number.isdecimal() and head.startswith(("New", "Rest")) else text


LIST = "First\n\n- one\n- two\n- three\n\n"
BASE = f"# Title\n\n{LIST}Last"


@pytest.mark.parametrize(
    ("yours", "theirs", "merged"),
    [
        (("First", "FIRST"), ("Last", "LAST"), "# Title\n\nFIRST\n\n- one\n- two\n- three\n\nLAST"),
        (("First\n\n", ""), ("# Title", "# T"), "# T\n\n- one\n- two\n- three\n\nLast"),
        (("# Title\n\n", ""), ("First", "FIRST"), "FIRST\n\n- one\n- two\n- three\n\nLast"),
        (("Last", "Last\n\nMore"), ("First", "FIRST"), "# Title\n\nFIRST\n\n- one\n- two\n- three\n\nLast\n\nMore"),
        (("Last", "Last\n\nMore"), ("Last", "LAST"), "# Title\n\nFirst\n\n- one\n- two\n- three\n\nLAST\n\nMore"),
        (("- one", "- 1"), ("- three", "- 3"), "# Title\n\nFirst\n\n- 1\n- two\n- 3\n\nLast"),
        (("First", "Same"), ("First", "Same"), "# Title\n\nSame\n\n- one\n- two\n- three\n\nLast"),
        (("Last", "Last\n"), ("Last", "Last\n\n"), BASE + "\n\n"),
    ],
    ids=["far apart", "delete", "delete next to", "append", "append to", "lines of one list", "alike", "ends"],
)
def test_what_merges(yours: tuple[str, str], theirs: tuple[str, str], merged: str) -> None:
    assert merge_text(BASE, BASE.replace(*yours), BASE.replace(*theirs)) == merged


@pytest.mark.parametrize(
    ("yours", "theirs", "hunk"),
    [
        (("First", "Mine"), ("First", "Theirs"), Hunk("First\n\n", "Mine\n\n", "Theirs\n\n")),
        (("First\n\n", ""), ("First", "Theirs"), Hunk("First\n\n", "", "Theirs\n\n")),
        (("First", "First\n\nA"), ("First", "First\n\nB"), Hunk("", "A\n\n", "B\n\n")),
        ((LIST, ""), ("First", "First\n\nA"), Hunk(LIST, "", LIST.replace("First", "First\n\nA"))),
    ],
    ids=["both changed", "deleted and changed", "both added", "added inside"],
)
def test_what_clashes(yours: tuple[str, str], theirs: tuple[str, str], hunk: Hunk) -> None:
    with pytest.raises(Clash) as clash:
        merge_text(BASE, BASE.replace(*yours), BASE.replace(*theirs))
    assert clash.value.hunks == [hunk]


def test_neighbouring_lines_of_one_paragraph_clash() -> None:
    with pytest.raises(Clash):
        merge_text(BASE, BASE.replace("- one", "- 1"), BASE.replace("- two", "- 2"))


@pytest.mark.parametrize("line", ["a\n", "\n", "a\n\n"])
def test_no_merge_takes_long(line: str, thorough: bool) -> None:
    """A part that is too dear to compare counts as changed altogether, and so clashes rather than being guessed."""
    times = (1_000_000 if thorough else 100_000) // len(line)
    base = line * times
    begun = time.process_time()
    outcome(merge_text, base, base.replace("\n", "x\n"), base[::-1] + "y" + base)
    assert time.process_time() - begun < (20 if thorough else 8)


# ── lists, objects, articles ─────────────────────────────────────────────────────────────────────────────────────────


@given(LISTS, LISTS, LISTS)
def test_lists_merge_as_sets(base: list[str], yours: list[str], theirs: list[str]) -> None:
    merged = outcome(merge_list, base, yours, theirs)
    assume(merged is not None)
    had, a, b = set(base), set(yours), set(theirs)
    assert set(merged) == (had & a & b) | (a - had) | (b - had)
    assert len(set(merged)) == len(merged)


@pytest.mark.parametrize(
    ("yours", "theirs", "merged"),
    [
        ("abcx", "yabc", "yabcx"),
        ("cba", "abcx", "cxba"),
        ("ac", "abcx", "acx"),
        ("abcx", "abcy", "abcxy"),
        ("abcyx", "abcxz", "abcxzy"),
        ("", "abcx", "x"),
        ("cab", "bca", None),
    ],
)
def test_lists_keep_their_order(yours: str, theirs: str, merged: str | None) -> None:
    found = outcome(merge_list, "abc", yours, theirs)
    assert (None if found is None else "".join(found)) == merged


def test_objects_merge_by_key_as_json() -> None:
    base = {"a": 1, "b": 1, "gone": 1}
    assert merge_keys(base, {"a": True, "b": 1, "gone": 1, "x": None}, {"a": 1, "b": 2}) == {
        "a": True,
        "b": 2,
        "x": None,
    }
    assert outcome(merge_keys, base, base | {"a": True}, base | {"a": 1.5}) is None
    assert outcome(merge_keys, {}, {"a": 1}, {"a": True}) is None


def content(**fields: Any) -> dict[str, Any]:
    given = {"slug": "a", "title": "A", "markdown": BASE, "language": "en", "visibility": "public", "featured": False}
    empty: dict[str, Any] = {"tags": [], "authors": [], "custom": {}}
    names = PostContent.model_fields
    return dict.fromkeys(names) | given | empty | fields


def test_fields_merge_by_themselves() -> None:
    yours = content(title="Mine", markdown=BASE.replace("First", "Mine"), tags=["x"], featured=True)
    theirs = content(slug="b", markdown=BASE.replace("Last", "Theirs"), tags=["y"], featured=True)
    merged, clashes = merge(content(), yours, theirs)
    both = BASE.replace("First", "Mine").replace("Last", "Theirs")
    assert clashes == {}
    assert merged == content(slug="b", title="Mine", markdown=both, tags=["x", "y"], featured=True)
    merged, clashes = merge(content(), yours, content(title="Theirs", markdown=BASE.replace("First", "Theirs")))
    assert clashes.keys() == {"title", "markdown"} and clashes["title"].hunks == []
    assert merged.keys() == PostContent.model_fields.keys() - clashes.keys()
