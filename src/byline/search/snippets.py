"""Why something was found: the best passage of its text, with the words that were looked for marked."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

from byline.search.analysis import WRITTEN, is_paired, stem, words

LENGTH = 240  # characters of a snippet
MOST_MARKS = 2000  # places in a text that are looked at

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Snippet:
    html: str
    heading: dict[str, Any] | None


def mark(text: str, wanted: Collection[str], language: str) -> str:
    """All of it, as HTML."""
    return _html(text, 0, len(text), [span for span, _ in _matches(text, wanted, language)])


def best_passage(text: str, toc: Sequence[dict[str, Any]], wanted: Collection[str], language: str) -> Snippet:
    """Where most different words that were looked for stand close together, and the heading above it."""
    found = _matches(text, wanted, language)
    start, end = _window(text, found)
    html = _html(text, start, end, [span for span, _ in found if span[0] >= start and span[1] <= end])
    first = next((span[0] for span, _ in found if span[0] >= start), start)
    html = f"{'… ' if start else ''}{html}{' …' if end < len(text) else ''}"
    return Snippet(html, _heading(text, toc, first) if found else None)


def _matches(text: str, wanted: Collection[str], language: str) -> list[tuple[Span, str]]:
    """The places of the words that were looked for, and the term of each."""
    terms: dict[str, str] = {}
    for word in set(WRITTEN.findall(text)):
        for candidate, term, folded in _forms(word, language):
            if term in wanted or folded in wanted:
                terms[candidate] = term
    if not terms:
        return []
    paired = [term for term in terms if is_paired(term)]
    spaced = [term for term in terms if not is_paired(term)]
    found: list[tuple[Span, str]] = []
    if spaced:
        pattern = re.compile(rf"(?<![^\W_])(?:{_one_of(spaced)})(?![^\W_])")
        found += [(match.span(), terms[match[0]]) for match in pattern.finditer(text)]
    if paired:
        pattern = re.compile(f"(?=({_one_of(paired)}))")
        found += [(match.span(1), terms[match[1]]) for match in pattern.finditer(text)]
    return sorted(found)[:MOST_MARKS]


@lru_cache(maxsize=50_000)
def _forms(word: str, language: str) -> list[tuple[str, str, str]]:
    """What may be found of it, by which term, and folded: most words of most texts have been met before."""
    return [(piece, stem(folded, language), folded) for piece in _pieces(word) for folded in words(piece)]


def _one_of(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _pieces(word: str) -> Iterable[str]:
    """Of a script without spaces, what may have been found in it."""
    if not is_paired(word):
        return (word,)
    return {word[index : index + size] for size in (1, 2) for index in range(len(word) - size + 1)}


def _window(text: str, found: Sequence[tuple[Span, str]]) -> Span:
    best, best_start = 0, 0
    for index, ((start, _), _) in enumerate(found):
        inside = {term for (_, end), term in found[index : index + 30] if end <= start + LENGTH}
        if len(inside) > best:
            best, best_start = len(inside), start
    return _whole(text, max(0, best_start - LENGTH // 5))


def _whole(text: str, start: int) -> Span:
    """So many characters from about there, cut between words."""
    if start:
        at = max(text.find(" ", start, start + 30), text.find("\n", start, start + 30))
        start = at + 1 if at >= 0 else start
    end = min(len(text), start + LENGTH)
    if end < len(text):
        at = max(text.rfind(" ", end - 30, end), text.rfind("\n", end - 30, end))
        end = at if at > start else end
    return start, end


def _html(text: str, start: int, end: int, spans: Iterable[Span]) -> str:
    """Marks that touch one another are one."""
    parts: list[str] = []
    done, opened = start, False
    for first, last in spans:
        if last <= done:
            continue
        if opened and first > done:
            parts.append("</mark>")
            opened = False
        parts.append(escape(text[done : max(first, done)]))
        if not opened:
            parts.append("<mark>")
            opened = True
        parts.append(escape(text[max(first, done) : last]))
        done = last
    parts += ["</mark>" if opened else "", escape(text[done:end])]
    return " ".join("".join(parts).split())


def _heading(text: str, toc: Sequence[dict[str, Any]], place: int) -> dict[str, Any] | None:
    """The last one that stands above the place: a heading is a line of the text, in the order of the table."""
    above, after = None, 0
    for entry in toc:
        at = _line(text, entry["text"], after)
        if at < 0:
            continue
        if at > place:
            break
        above, after = entry, at + len(entry["text"])
    return above


def _line(text: str, line: str, after: int) -> int:
    match = re.compile(rf"^{re.escape(line)}$", re.MULTILINE).search(text, after) if line else None
    return -1 if match is None else match.start()
