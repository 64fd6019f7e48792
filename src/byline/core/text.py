"""Plain text in any script: words, reading time, excerpts."""

import re
import unicodedata
from collections.abc import Iterable
from math import floor

WORDS_PER_MINUTE = 265
IDEOGRAPHS_PER_MINUTE = 500
EXCERPT_LENGTH = 300

# Chinese and Japanese: Han, kana, bopomofo and the iteration marks. Korean puts spaces between its words.
_IDEOGRAPH = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
# Thai, Lao, Burmese and Khmer write whole clauses without a space.
_CLAUSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+")
_LETTERS_PER_WORD = 4
# White space parts words, and so do dashes and ellipses set tight, the Tibetan tsheg and shad, the Ethiopic word space.
_CHUNK = re.compile("[^\\s—…\u0f0b\u0f0d\u1361]+")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")

_SENTENCE_END = re.compile(
    "[.!?…؟۔।॥։።][\"'»”’)\\]]*(?=\\s)|[。！？｡][」』”’）]*"  # only the latter need no space after them
)


# Controls, lone surrogates and the two that are no characters: XML 1.0 has no place for them.
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The same text with U+FFFD for what neither UTF-8 nor XML can carry, so that every store and feed can."""
    return _NO_CHARACTER.sub("\ufffd", text)


def word_count(text: str) -> int:
    """How many words a reader would say there are.

    - Scripts with spaces: what stands between spaces and holds a letter or a digit, so `don't` and `2.5` are one.
    - Chinese and Japanese: each character, as word processors count.
    - Thai, Lao, Burmese, Khmer: a word per four letters or part of four, vowel signs and tone marks left aside;
      a rule of thumb, since finding their words takes a dictionary.
    """
    ideographs, words = _count(text)
    return ideographs + words


def reading_minutes(text: str) -> int:
    """Minutes to read the text, rounded, at least 1; 0 if there is nothing to read.

    265 words or 500 Chinese or Japanese characters a minute: the figures that Medium publishes for its reading time.
    """
    if not text.strip():
        return 0
    ideographs, words = _count(text)
    return max(1, floor(ideographs / IDEOGRAPHS_PER_MINUTE + words / WORDS_PER_MINUTE + 0.5))


def excerpt(paragraphs: Iterable[str]) -> str:
    """The start of a text in at most 300 characters, on one line.

    Ends with the last sentence that fits, if that leaves at least half the length; else after a word and with `…`;
    where there are no spaces, after a character.
    """
    text = _start(paragraphs)
    if len(text) <= EXCERPT_LENGTH:
        return text
    sentences = _SENTENCE_END.finditer(text, EXCERPT_LENGTH // 2, EXCERPT_LENGTH + 1)
    if ends := [sentence.end() for sentence in sentences if sentence.end() <= EXCERPT_LENGTH]:
        return text[: ends[-1]]
    cut = text.rfind(" ", EXCERPT_LENGTH // 2, EXCERPT_LENGTH)
    if cut < 0:
        cut = _whole_characters(text, EXCERPT_LENGTH - 1)
    return text[:cut].rstrip(" ,;:–—-") + "…"


def _count(text: str) -> tuple[int, int]:
    """Chinese and Japanese characters, and words of all other scripts."""
    rest, ideographs = _IDEOGRAPH.subn(" ", text)
    clauses = _CLAUSE.findall(rest)
    spaced = _CLAUSE.sub(" ", rest) if clauses else rest
    words = sum(1 for chunk in _CHUNK.findall(spaced) if _LETTER_OR_DIGIT.search(chunk))
    return ideographs, words + sum(-(-_letters(clause) // _LETTERS_PER_WORD) for clause in clauses)


def _letters(clause: str) -> int:
    return sum(1 for character in clause if unicodedata.category(character)[0] in "LN")


def _start(paragraphs: Iterable[str]) -> str:
    """So many paragraphs, joined by spaces, that one more than the longest excerpt is there to look at."""
    text = ""
    for paragraph in paragraphs:
        text = f"{text} {' '.join(paragraph.split())}".strip()
        if len(text) > EXCERPT_LENGTH:
            break
    return text


def _whole_characters(text: str, end: int) -> int:
    """The last place at or before `end` that parts neither a letter from its marks nor a joined emoji.

    `end` itself where there is none, in a text that is marks all over.
    """
    cut = end
    while cut > 0 and (
        unicodedata.category(text[cut])[0] == "M"
        or "\u200d" in text[cut - 1 : cut + 1]
        or "\U0001f3fb" <= text[cut] <= "\U0001f3ff"  # skin tones
    ):
        cut -= 1
    return cut or end
