"""Words that are not in the index, and what they may have been meant for: one slip away, in any alphabet."""

from collections.abc import Iterator
from functools import cache

import tantivy

from byline.search.analysis import is_paired
from byline.search.documents import schema

SHORTEST = 5  # letters of a word in which a slip is looked for
LONGEST = 30
MOST = 3  # that a word may have been meant for

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "абвгґдеєжзиіїйклмнопрстуўфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويءپچژگٹڈڑں",
    "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
)


@cache
def _alphabet(letter: str) -> str:
    for letters in _ALPHABETS:
        if letter in letters:
            return letters
    # Of an Indic script, its block: 128 characters from a place that 128 divides.
    start = ord(letter) & ~127
    return "".join(chr(code) for code in range(start, start + 128) if chr(code).isprintable())


def corrections(searcher: tantivy.Searcher, word: str) -> list[str]:
    """Words of the index that are one slip away: a letter that is missing, wrong, too many, or two in wrong order. The
    most frequent first.
    """
    if not SHORTEST <= len(word) <= LONGEST or is_paired(word) or word.isdigit():
        return []
    if not searcher.search(tantivy.Query.fuzzy_term_query(schema(), "words", word), 1).hits:
        return []
    found = {near: searcher.doc_freq("words", near) for near in set(_near(word))}
    known = sorted((near for near, count in found.items() if count), key=lambda near: (-found[near], near))
    return known[:MOST]


def _near(word: str) -> Iterator[str]:
    alphabet = _alphabet(word[0])
    for index in range(len(word) + 1):
        head, tail = word[:index], word[index:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in alphabet:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]
