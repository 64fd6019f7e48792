"""What reading a source gives, whatever its format: a document, or a sentence that says why there is none."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import JsonValue


class CannotRead(ValueError):
    """The source cannot become a document. Its message is one sentence for the person who imports."""


@dataclass(frozen=True, slots=True)
class ImportedAuthor:
    """`slug` is the identity: two authors with one slug are one author."""

    slug: str
    name: str
    headline: str | None = None
    bio: str | None = None
    avatar_url: str | None = None
    """Absolute, or relative to the site or to the document."""
    links: tuple[tuple[str, str], ...] = ()
    """Pairs of a label and an address, absolute or relative to the site."""


@dataclass(frozen=True, slots=True)
class ImportedTag:
    """`slug` is the identity: two tags with one slug are one tag."""

    slug: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A post or a page as its source states it. Its texts can be stored: no NUL, no half of a surrogate pair."""

    path: str
    """Relative to the imported folder, with `/`: what the document is known by in the next import."""
    kind: Literal["post", "page"]
    title: str
    """1 to 500 characters, on one line."""
    slug: str
    """As `core.slugs.is_slug` has it. Two documents may have the same."""
    markdown: str
    """The body exactly as in the file: Liquid, shortcodes, MDX and line ends included."""
    subtitle: str | None = None
    excerpt: str | None = None
    published_at: datetime | None = None
    """With a zone. It may lie in the future."""
    updated_at: datetime | None = None
    draft: bool = False
    unlisted: bool = False
    tags: tuple[ImportedTag, ...] = ()
    authors: tuple[ImportedAuthor, ...] = ()
    language: str | None = None
    """BCP 47, as in `de` or `pt-BR`."""
    translation_of: str | None = None
    """The path of the same document in its first language, which is read before this one."""
    aliases: tuple[str, ...] = ()
    """Former addresses: each starts with `/`, is more than `/`, and keeps its query string."""
    canonical_url: str | None = None
    series: str | None = None
    series_position: int | None = None
    cover_url: str | None = None
    """Absolute, or relative to the site (`/…`) or to the document."""
    cover_alt: str | None = None
    meta_title: str | None = None
    meta_description: str | None = None
    featured: bool | None = None
    custom: dict[str, JsonValue] = field(default_factory=dict)
    """What the front matter says and no field above holds in full."""
    notes: tuple[str, ...] = ()
    """What the person who imports should know: guesses made, values not understood."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Left out on purpose."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A failure: something was meant to be read and was not."""

    path: str
    reason: str
