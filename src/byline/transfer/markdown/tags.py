"""Tags of an imported document: its tags, categories and their taxonomies, together."""

from collections.abc import Callable

from pydantic import JsonValue

from byline.transfer.documents import ImportedTag
from byline.transfer.markdown.fields import MAX_TEXT, Fields, anywhere, bare, text
from byline.transfer.markdown.site import Site
from byline.transfer.markdown.slugs import last_segment, name_slug

SINGULAR = anywhere("category", "tag")
PLURAL = (*anywhere("categories", "tags"), "taxonomies.categories", "taxonomies.tags")
LABELS = ("label", "name", "title")
ADDRESSES = ("permalink", "slug")


def read_tags(fields: Fields, path: str, site: Site) -> tuple[ImportedTag, ...]:
    """All of them without repetition. The text of a singular key is one tag; a plural one's is split."""

    def named(name: str) -> ImportedTag:
        return _tag(name, site.entry(site.tags, path, name) or {})

    tags: dict[str, ImportedTag] = {}
    for split, names in ((_whole, SINGULAR), (_at_commas if site.lists_tags else _at_commas_or_spaces, PLURAL)):
        for name in names:
            for tag in fields.take(_Reader(named, split), name) or []:
                tags.setdefault(tag.slug, tag)
    return tuple(tags.values())


class _Reader:
    """Reads names, definitions and lists of them; None for what is none of these, so that it is kept."""

    def __init__(self, named: Callable[[str], ImportedTag], split: Callable[[str], list[str]]) -> None:
        self._named = named
        self._split = split

    def __call__(self, value: JsonValue) -> list[ImportedTag] | None:
        match value:
            case None:
                return []
            case list():
                parts = [_Reader(self._named, _whole)(item) for item in value]
                return None if None in parts else [tag for part in parts for tag in part or []]
            case dict():
                entry = {bare(key): item for key, item in value.items()}
                label = next((found for key in LABELS if (found := text(entry.get(key)))), None)
                return [_tag(label, entry)] if label and entry.keys() <= {*LABELS, *ADDRESSES, "description"} else None
        names = self._split(str(value).lower() if isinstance(value, bool) else text(value) or "")
        return [self._named(name) for name in names] if all(len(name) <= MAX_TEXT for name in names) else None


def _tag(name: str, entry: dict[str, JsonValue]) -> ImportedTag:
    label = next((found for key in LABELS if (found := text(entry.get(key)))), name)
    addresses = (last_segment(text(entry.get(key)) or "") for key in ADDRESSES)
    return ImportedTag(next(filter(None, addresses), name_slug(name)), label[:MAX_TEXT], text(entry.get("description")))


def _whole(name: str) -> list[str]:
    return [name] if name else []


def _at_commas(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _at_commas_or_spaces(names: str) -> list[str]:
    return _at_commas(names) if "," in names else names.split()
