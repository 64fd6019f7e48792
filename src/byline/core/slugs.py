"""Slugs: the last segment of an address, made from a title or chosen by a person."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import chain, count

from slugify import slugify
from sqlalchemy import ARRAY, ColumnElement, Text, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

MAX_LENGTH = 200

# What a transliteration would lose: "C++" and "C#" are not "C", and an apostrophe does not split a word.
_REPLACEMENTS = (("C++", "cpp"), ("c++", "cpp"), ("C#", "csharp"), ("c#", "csharp"), ("'", ""), ("’", ""))


def slug_from(title: str, *, fallback: str) -> str:
    """An ASCII slug of at most 100 characters for a title in any script; `fallback` where nothing is left of it."""
    slug = slugify(title, backend="anyascii", max_length=100, word_boundary=True, replacements=_REPLACEMENTS)
    return slug or fallback


def is_slug(text: str) -> bool:
    """Letters and digits of any script with `-`, `_` and `~`, and dots inside: nothing that an address would escape."""
    return (
        0 < len(text) <= MAX_LENGTH
        and not text.startswith((".", "-"))
        and not text.endswith(".")
        and not text.endswith((".md", ".html"))  # these ask for another rendition of the article
        and all(character in "-_~." or unicodedata.category(character)[0] in "LMN" for character in text)
    )


async def free_slug(
    session: AsyncSession, column: InstrumentedAttribute[str], wanted: str, *where: ColumnElement[bool]
) -> str:
    """`wanted`, or the first of `wanted-2`, `wanted-3`, … that no row which meets `where` has in `column`.

    Whoever else wants it at the same time waits for the end of this transaction.
    """
    [slug] = await free_slugs(session, column, [wanted], *where)
    return slug


async def free_slugs(
    session: AsyncSession, column: InstrumentedAttribute[str], wanted: Sequence[str], *where: ColumnElement[bool]
) -> list[str]:
    """The same for each in turn: no two get the same."""
    await reserve(session, column, *wanted)
    taken = set(await session.scalars(select(column).where(column.in_(wanted), *where)))
    contested = {slug for slug, times in Counter(wanted).items() if times > 1 or slug in taken}
    if contested:
        alike = or_(*(column.startswith(_stem(slug), autoescape=True) for slug in sorted(contested)))
        taken |= set(await session.scalars(select(column).where(alike, *where)))
    free = []
    for slug in wanted:
        candidates = chain([slug], (f"{_stem(slug)}-{number}" for number in count(2)))
        free.append(next(candidate for candidate in candidates if candidate not in taken))
        taken.add(free[-1])
    return free


async def reserve(session: AsyncSession, column: InstrumentedAttribute[str], *wanted: str) -> None:
    """Whoever else wants one of these slugs, or one made from it, waits for the end of this transaction.

    In one order: of two that want several, none waits for the other while that waits for it.
    """
    names = [f"{column}:{stem}" for stem in sorted(set(map(_stem, wanted)))]
    name = func.unnest(literal(names, ARRAY(Text))).column_valued("name")
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _stem(slug: str) -> str:
    return slug[: MAX_LENGTH - 8]
