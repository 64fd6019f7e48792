"""What somebody typed into the search box -> what is looked for. Whatever is typed means something: nothing fails."""

import re
from dataclasses import dataclass

from byline.search.analysis import words

MOST_WORDS = 32
"""How many words count: of a whole paragraph, the first so many."""

_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "「": "」", "『": "』", "＂": "＂"}
_PHRASE = "|".join(f"{opening}[^{closing}]*{closing}" for opening, closing in _QUOTES.items())
_PART = re.compile(f"(?P<minus>(?<!\\S)-)?(?:(?P<phrase>{_PHRASE})|(?P<word>[^\\s{''.join(_QUOTES)}]+))")
_OR = {"or", "|"}


@dataclass(frozen=True, slots=True)
class Part:
    """A word, as it was typed and folded: one of a script without spaces is several; or a phrase."""

    typed: str
    words: tuple[str, ...]
    is_phrase: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Groups of which each may be found by any of its parts, and what must not be there."""

    groups: tuple[tuple[Part, ...], ...]
    excluded: tuple[Part, ...]

    @property
    def parts(self) -> list[Part]:
        return [part for group in self.groups for part in group]


def parse(text: str) -> Asked:
    groups: list[list[Part]] = []
    excluded: list[Part] = []
    seen: set[tuple[str, ...]] = set()
    joins = False  # whether what comes next is another way to find what came last
    left = MOST_WORDS
    for match in _PART.finditer(text):
        is_quoted = match["phrase"] is not None
        typed = match["phrase"] or match["word"]
        if typed.lower() in _OR and groups:
            joins = True
            continue
        found = tuple(words(typed)[:left])
        left -= len(found)
        if not found:
            continue
        part = Part(typed, found, is_quoted)
        if match["minus"]:
            excluded.append(part)
        elif joins:
            groups[-1].append(part)
        elif found not in seen or is_quoted:
            groups.append([part])
            seen.add(found)
        joins = False
    return Asked(tuple(map(tuple, groups)), tuple(excluded))
