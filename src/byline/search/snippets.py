"""Why something was found: the best passage of its text, with the words that were looked for marked."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import islice
from threading import Lock
from typing import Any

from byline.search.analysis import is_paired, stem, words, written

LENGTH = 240  # characters of a snippet
MOST_MARKS = 2000  # places in a text that are looked at
MOST_KNOWN = 50_000  # words of a language

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


def spelling(word: str, texts: Iterable[tuple[str, str]]) -> str:
    """How texts, each with its language, spell a word that is folded: in most of them, and in small letters."""
    counted = Counter(
        form.lower()
        for text, language in texts
        for form in _lexicon(language).found(written(text), {word})
        if words(form) == [word]
    )
    return counted.most_common(1)[0][0] if counted else word


def _matches(text: str, wanted: Collection[str], language: str) -> list[tuple[Span, str]]:
    """The places of the words that were looked for, and the term of each."""
    terms = _lexicon(language).found(written(text), wanted)
    found = [(span, term) for word, term in terms.items() for span in islice(_places(text, word), MOST_MARKS)]
    return sorted(found)[:MOST_MARKS]


class _Lexicon:
    """The words of a language met so far, by the terms that find them. Most of a text have been met before."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._known: set[str] = set()
        self._forms: dict[str, tuple[str, ...]] = {}
        self._lock = Lock()

    def found(self, there: set[str], wanted: Iterable[str]) -> dict[str, str]:
        """Which of the words that are there are found by which of the terms."""
        with self._lock:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
                self._forms.clear()
            for word in there - self._known:
                self._learn(word)
            return {word: term for term in wanted for word in self._forms.get(term, ()) if word in there}

    def _learn(self, word: str) -> None:
        self._known.add(word)
        for folded in words(word):
            for term in {folded, stem(folded, self._language)}:
                self._forms[term] = (*self._forms.get(term, ()), word)


@lru_cache(maxsize=50)
def _lexicon(language: str) -> _Lexicon:
    return _Lexicon(language)


def _places(text: str, word: str) -> Iterator[Span]:
    """Where it stands, as a whole word if it is of a script that has such."""
    is_whole = not is_paired(word)
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not (is_whole and (_goes_on(text[start - 1 : start]) or _goes_on(text[end : end + 1]))):
            yield start, end
        start = text.find(word, start + 1)


def _goes_on(beside: str) -> bool:
    """Whether a word does not end before, or begin after, this character."""
    return beside.isalnum() and not is_paired(beside)


def _window(text: str, found: Sequence[tuple[Span, str]]) -> Span:
    """The stretch that has most different terms, the first of such."""
    best, best_start = 0, 0
    inside = dict.fromkeys((term for _, term in found), 0)
    different = 0
    following = 0  # the first place that is not counted yet
    for index, ((start, _), term) in enumerate(found):
        while following < len(found) and (following == index or found[following][0][1] <= start + LENGTH):
            entering = found[following][1]
            different += not inside[entering]
            inside[entering] += 1
            following += 1
        if different > best:
            best, best_start = different, start
        inside[term] -= 1
        different -= not inside[term]
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
    lines = f"\n{text}\n"
    for entry in toc:
        at = lines.find(f"\n{entry['text']}\n", after)
        if at > place:
            break
        if at >= 0 and entry["text"]:
            above, after = entry, at + len(entry["text"])
    return above
