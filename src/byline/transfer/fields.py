"""What of a document goes into which field of a post."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from byline.core.schemas import WebAddress
from byline.posts.models import Visibility
from byline.transfer.documents import Document
from byline.transfer.references import References

_ADDRESS: TypeAdapter[str] = TypeAdapter(WebAddress)


def fields_of(document: Document, references: References, notes: list[str]) -> dict[str, Any]:
    """The fields that creating and updating share. What Byline has no room for goes to `custom`, with a note."""
    custom = dict(document.custom)

    def address(name: str, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return _ADDRESS.validate_python(value)
        except ValidationError:
            custom[name] = value
            notes.append(f"{name} is no web address: kept in custom")
            return None

    def short(name: str, value: str | None, limit: int) -> str | None:
        if value is None or not value.strip():
            return None
        if len(value) > limit:
            custom[name] = value
            notes.append(f"{name} has more than {limit} characters: cut, and kept in full in custom")
        return value[:limit].strip()

    cover_url = address("cover_url", document.cover_url)
    return {
        "title": document.title,
        "subtitle": short("subtitle", document.subtitle, 500),
        "excerpt": short("excerpt", document.excerpt, 2000),
        "markdown": document.markdown,
        "language": document.language,
        "visibility": Visibility.UNLISTED if document.unlisted else Visibility.PUBLIC,
        "featured": bool(document.featured),
        "tags": _once(references.tags[tag] for tag in document.tags),
        "authors": _once(references.authors[author.slug] for author in document.authors),
        "series": str(references.series[document.series]) if document.series else None,
        "series_position": document.series_position,
        "cover": {"url": cover_url, "alt": short("cover_alt", document.cover_alt, 2000)} if cover_url else None,
        "canonical_url": address("canonical_url", document.canonical_url),
        "meta_title": short("meta_title", document.meta_title, 500),
        "meta_description": short("meta_description", document.meta_description, 2000),
        "custom": custom,
    }


def _once(ids: Iterable[UUID]) -> list[str]:
    return list(dict.fromkeys(map(str, ids)))
