"""Why something was found: the best passage of its text, with the words that were looked for marked."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from html import escape
from itertools import filterfalse, islice
from threading import Lock
from typing import Any

from byline.search.analysis import LONGEST, goes_on, is_paired, stems, words, written

LENGTH = 240  # characters of a snippet
MOST_MARKS = 2000  # places in a text that are looked at
MOST_KNOWN = 100_000  # words of a language, and texts that they were learnt from

Span = tuple[int, int]
Place = tuple[int, int, str]
"""Where a word that was looked for begins and ends, and its term."""


@dataclass(frozen=True, slots=True)
class Snippet:
    html: str
    heading: dict[str, Any] | None


def mark(text: str, wanted: Collection[str], language: str) -> str:
    """All of it, as HTML."""
    lowered = _lowered(text)
    return _html(text, 0, len(text), _places(lowered, _found(lowered, wanted, language), 0, len(text)))


def best_passage(text: str, toc: Sequence[dict[str, Any]], wanted: Collection[str], language: str) -> Snippet:
    """Where most different words that were looked for stand close together, and the heading above it."""
    lowered = _lowered(text)
    terms = _found(lowered, wanted, language)
    best = _best(_places(lowered, terms, 0, len(text)), len(set(terms.values())))
    start, end = _whole(text, max(0, best - LENGTH // 5))
    marks = list(_places(lowered, terms, start, end))
    html = f"{'… ' if start else ''}{_html(text, start, end, marks)}{' …' if end < len(text) else ''}"
    return Snippet(html, _heading(text, toc, marks[0][0] if marks else start) if terms else None)


def spelling(word: str, texts: Iterable[tuple[str, str]]) -> str:
    """How most of the texts, each with its language, spell a word that is folded; in small letters."""
    counted = Counter(
        form for text, language in texts for form in _found(_lowered(text), {word}, language) if words(form) == [word]
    )
    return counted.most_common(1)[0][0] if counted else word


def _lowered(text: str) -> str:
    """In small letters, as far as each stands where it stood: so there are fewer spellings to look for."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text


def _found(text: str, wanted: Iterable[str], language: str) -> dict[str, str]:
    """The words in the text that are found by the terms, with the term of each."""
    forms = _lexicon(language).forms(text, wanted)
    return {word: term for word, term in forms.items() if any(_places_of(word, term, text, 0, len(text)))}


class _Lexicon:
    """The words of a language met so far, by the terms that find them: a text that was read once is not cut into words
    again, and what it is looked through for are the few forms of those that are wanted.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._texts: set[int] = set()  # hashes
        self._known: set[str] = set()  # words, and what stands between two spaces
        self._forms: dict[str, tuple[str, ...]] = {}
        self._lock = Lock()

    def forms(self, text: str, wanted: Iterable[str]) -> dict[str, str]:
        """The words, of this text and others, that are found by the terms, with the term of each."""
        with self._lock:
            if hash(text) not in self._texts:
                self._read(text)
            return {word: term for term in wanted for word in self._forms.get(term, ())}

    def _read(self, text: str) -> None:
        if max(len(self._known), len(self._texts)) > MOST_KNOWN:
            self._texts.clear()
            self._known.clear()
            self._forms.clear()
        pieces = set(filterfalse(self._known.__contains__, text.split()))  # of most texts few are new
        new = set().union(*map(written, pieces)) - self._known
        folded = [(part, word) for word in new for part in words(word)]
        stemmed = stems([part for part, _ in folded], self._language)
        for (part, word), stem in zip(folded, stemmed, strict=True):
            for term in {part, stem}:
                self._forms[term] = (*self._forms.get(term, ()), word)
        self._known |= new
        self._known.update(piece for piece in pieces if len(piece) <= LONGEST)
        self._texts.add(hash(text))


@lru_cache(maxsize=50)
def _lexicon(language: str) -> _Lexicon:
    return _Lexicon(language)


def _places(text: str, terms: Mapping[str, str], start: int, end: int) -> Iterator[Place]:
    """In the order in which they stand there."""
    return islice(merge(*(_places_of(word, term, text, start, end) for word, term in terms.items())), MOST_MARKS)


def _places_of(word: str, term: str, text: str, start: int, end: int) -> Iterator[Place]:
    """As a whole word, if it is of a script that has such."""
    is_whole = not is_paired(word)
    first = text.find(word, start, end)
    while first >= 0:
        last = first + len(word)
        if not (is_whole and (goes_on(text[first - 1 : first]) or goes_on(text[last : last + 1]))):
            yield first, last, term
        first = text.find(word, first + 1, end)


def _best(places: Iterable[Place], most: int) -> int:
    """Where the stretch begins that has most different terms, the first of such. There are so many terms at most."""
    best, best_start = 0, 0
    inside: deque[Place] = deque()
    counts: Counter[str] = Counter()
    for place in places:
        while inside and inside[0][0] + LENGTH < place[1]:
            left = inside.popleft()[2]
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
        inside.append(place)
        counts[place[2]] += 1
        if len(counts) > best:
            best, best_start = len(counts), inside[0][0]
            if best == most:
                break
    return best_start


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


def _html(text: str, start: int, end: int, places: Iterable[Place]) -> str:
    """Marks that touch one another are one."""
    parts: list[str] = []
    done, opened = start, False
    for first, last, _ in places:
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
    lines = f"\n{text}\n"
    for entry in toc:
        at = lines.find(f"\n{entry['text']}\n", after)
        if at > place:
            break
        if at >= 0 and entry["text"]:
            above, after = entry, at + len(entry["text"])
    return above
