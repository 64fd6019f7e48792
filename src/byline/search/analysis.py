"""Text of any script -> the terms that stand for it in the index, the same for what is written and what is asked.

Folded, so that accents, case, width and other spellings of the same letter make no difference; cut into words; where
a script has no spaces between them, into pairs of characters that overlap; stemmed by the language of the text.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

import snowballstemmer
import tantivy

VERSION = 2
"""Of these rules: an index made by others is made anew."""

LONGEST = 60  # characters of a word that count: what is longer is no word

# Scripts written without spaces; Korean has them, but hangs particles on its words.
_PAIRED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# Vowel signs and the like: parts of words that are no letters for Python.
_SIGNS = "".join(
    chr(code)
    for code in (*range(0x0900, 0x1D00), *range(0xA800, 0xAC00), 0x3099, 0x309A)
    if unicodedata.category(chr(code))[0] == "M"
)
_RUN = re.compile(f"[{_PAIRED}]+")
# `c++` and `c#` are a letter and a sign that means something after a single one.
_SIGN_AFTER_LETTER = r"(?<=\b[a-z])(?:\+\+|\#)(?!\w)"
_ASCII_WORD = re.compile(rf"[a-z0-9]+|{_SIGN_AFTER_LETTER}")
_WORD = re.compile(rf"[\w{_SIGNS}]+|{_SIGN_AFTER_LETTER}")
_MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670\u200b-\u200d\u00ad"
_PART = re.compile(f"[{_SIGNS}{_MARKS}]")
WRITTEN = re.compile(rf"[^\W_]\w*(?:(?![\x00-\x7f])[{_SIGNS}{_MARKS}]+\w*)*")
"""A word as it stands in a text."""
_WRITTEN_IN_ASCII = re.compile(r"[^\W_]\w*", re.ASCII)
_JOINED = re.compile("[^\\W_]+(?:\u200c[^\\W_]+)+")

_STRIPPED = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2069\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]"
)
# Letters that are written otherwise for the same word, and have no mark that Unicode would part from them.
_SAME = {
    **dict.fromkeys("يىیېےئ", "ي"),
    **dict.fromkeys("كکڪ", "ك"),
    **dict.fromkeys("هہھەۀۂ", "ه"),
    **dict.fromkeys("اأإآٱ", "ا"),
    **dict.fromkeys("وؤ", "و"),
    "ё": "е",
    **{"ı": "i", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ħ": "h", "ŋ": "n"},
    **dict.fromkeys("’‘ʼ`´", "'"),
}
_BARE = ("LATIN", "GREEK")  # scripts whose letters lose their marks

# By the first part of a language's tag (BCP 47).
_STEMMERS = {
    **{"ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish"},
    **{"fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian", "nb": "norwegian", "nl": "dutch"},
    **{"nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish"},
    **{"ta": "tamil", "tr": "turkish"},
}
# Those that the index has not: slower, and in Python.
_MORE_STEMMERS = {
    **{"ca": "catalan", "et": "estonian", "eu": "basque", "ga": "irish", "hi": "hindi", "hy": "armenian"},
    **{"id": "indonesian", "lt": "lithuanian", "ne": "nepali", "sr": "serbian", "yi": "yiddish"},
}

# What is not Latin, of the languages that have a stemmer.
_SCRIPTS: dict[str, str | tuple[str, ...]] = {
    **{"arabic": "ARABIC", "armenian": "ARMENIAN", "greek": "GREEK", "hindi": "DEVANAGARI", "nepali": "DEVANAGARI"},
    **{"russian": "CYRILLIC", "serbian": ("CYRILLIC", "LATIN"), "tamil": "TAMIL", "yiddish": "HEBREW"},
}


class _Folding(dict[int, str]):
    """What becomes of each character, found out when it is met first."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = folded = _fold_character(character)
        return folded


def _fold_character(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    if _STRIPPED.match(character):
        return ""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] == "L" and unicodedata.name(character, "").startswith(_BARE):
        bare = _STRIPPED.sub("", unicodedata.normalize("NFD", character))
        return _SAME.get(bare, bare)
    return character


_FOLDING = _Folding()


def fold(text: str) -> str:
    """The same for all ways of writing the same words."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold().translate(_FOLDING)


def words(text: str) -> list[str]:
    """The words of a text, folded; of scripts without spaces, pairs of characters, each beginning with the second of
    the one before, or the one character that stands alone.
    """
    if "\u200c" in text:
        text = _JOINED.sub(_with_parts, text)
    folded = fold(text)
    if folded.isascii():
        found = _ASCII_WORD.findall(folded)
    else:
        found = _WORD.findall(_RUN.sub(_pairs, folded).replace("_", " "))
    return [word[:LONGEST] for word in found]


def written(text: str) -> set[str]:
    """The words of a text as they stand there; of scripts without spaces, each character and each pair."""
    if text.isascii():
        return set(_WRITTEN_IN_ASCII.findall(text))
    runs = set(_RUN.findall(text))
    found = set(WRITTEN.findall(_RUN.sub(" ", text) if runs else text))
    for run in runs:
        found.update(run)
        found.update(map("".join, pairwise(run)))
    return found


def _with_parts(word: re.Match[str]) -> str:
    """Persian writes `می‌خواهم` with a joint that many leave out, and others write as a space."""
    return f"{word[0]} {word[0].replace(chr(0x200C), ' ')}"


def _pairs(run: re.Match[str]) -> str:
    text = run[0]
    if len(text) < 3:
        return f" {text} "
    return f" {' '.join(text[index : index + 2] for index in range(len(text) - 1))} "


def is_paired(word: str) -> bool:
    """Whether it is of a script that is cut into pairs."""
    return _RUN.match(word) is not None


def goes_on(beside: str) -> bool:
    """Whether a word does not end before, or begin after, this character; which may be none."""
    if beside.isalnum():
        return not is_paired(beside)
    return beside > "\x7f" and _PART.match(beside) is not None


def single_characters(text: str) -> set[str]:
    """Of the scripts that are cut into pairs: what is asked for as one character is found by these."""
    return {character for run in _RUN.findall(fold(text)) for character in run} if not text.isascii() else set()


def stemmer_of(language: str) -> str | None:
    """The name of the stemmer for a language (BCP 47), where there is one."""
    primary = language.lower().partition("-")[0]
    return _STEMMERS.get(primary) or _MORE_STEMMERS.get(primary)


@lru_cache(maxsize=len(_STEMMERS))
def _analyzer(stemmer: str) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    return builder.filter(tantivy.Filter.stemmer(stemmer)).build()


@lru_cache(maxsize=10_000)
def may_be_of(word: str, language: str) -> bool:
    """Whether the language is written with such letters."""
    script = _SCRIPTS.get(stemmer_of(language) or "", "LATIN")
    return unicodedata.name(word[0], "").startswith(script)


def stems(folded: Iterable[str], language: str) -> list[str]:
    """One for each word, in order."""
    stemmer = stemmer_of(language)
    if stemmer is None:
        return list(folded)
    if stemmer in _MORE_STEMMERS.values():
        return [_stem_in_python(word, stemmer) for word in folded]
    return _analyzer(stemmer).analyze(" ".join(folded))


@lru_cache(maxsize=200_000)
def _stem_in_python(word: str, stemmer: str) -> str:
    stem: str = snowballstemmer.stemmer(stemmer).stemWord(word)  # one of its own, for it is of one thread at a time
    return stem


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    return stems([word], language)[0]
