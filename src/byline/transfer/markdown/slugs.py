"""Slugs for what is imported: addresses that readers know are kept, case and dots included."""

import hashlib
import re
import unicodedata
from urllib.parse import unquote, urlsplit

from slugify import slugify

from byline.core.slugs import MAX_LENGTH, slug_from

KEPT = re.compile(r"([-_.~]+)")
ENDINGS = re.compile(r"(?:\.(?:html?|xhtml|php|aspx?|mdx?|mkdn?|mdown|mkdown|markdown)|[-.])+$", re.IGNORECASE)
INDEX = re.compile(r"index(?:\.\w+)?", re.IGNORECASE)
JOINERS = str.maketrans({"\u200c": "-", "\u200d": "-"})


def clean_slug(text: str) -> str:
    """A slug as `core.slugs.is_slug` has it, or `""` for a text without a letter or digit.

    What is not a letter, digit or mark of any script or one of `-_.~` becomes a hyphen. Percent-encoding is undone, and
    an ending such as `.html` goes: in addresses of articles it chooses a format.
    """
    text = unicodedata.normalize("NFC", unquote(text)).translate(JOINERS).strip()
    pieces = (piece if KEPT.match(piece) else _words(piece) for piece in KEPT.split(ENDINGS.sub("", text)))
    slug = ENDINGS.sub("", "".join(pieces)[:MAX_LENGTH].lstrip("-."))
    return slug if any(character.isalnum() for character in slug) else ""


def name_slug(name: str) -> str:
    """A slug for the name of a tag or a person: lower case, never empty, and "C", "C++" and "C#" stay apart.

    Only Latin letters are made ASCII, as the API does: in other scripts different words would become one.
    """
    spoken = re.sub(r"(?<=[\w+])\+", "p", re.sub(r"(?<=\w)#", "sharp", name))
    latin = all(not letter.isalpha() or unicodedata.name(letter, "").startswith("LATIN") for letter in spoken)
    slug = slug_from(spoken, fallback="") if latin else clean_slug(spoken).lower()
    return slug or spelled_out(name)


def spelled_out(text: str) -> str:
    """A slug for a text of symbols only: what they are called ("grinning" for an emoji), or else a checksum."""
    return slug_from(text, fallback=hashlib.sha256(text.encode()).hexdigest()[:8])


def last_segment(address: str) -> str:
    """The slug that an address ends in, or `""`: for `/`, and for patterns such as `/:year/:title/`."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return ""
    segments = [segment for segment in path.split("/") if segment and not INDEX.fullmatch(segment)]
    if not segments or any(segment.startswith((":", "{")) for segment in segments):
        return ""
    return clean_slug(segments[-1])


def _words(text: str) -> str:
    return slugify(text, allow_unicode=True, lowercase=False, algorithm="modern")
