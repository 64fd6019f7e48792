"""What a folder is: the site of Jekyll, Hugo, Zola or Docusaurus, or just a folder; and what its configuration says."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from byline.transfer.documents import CannotRead, Unreadable
from byline.transfer.markdown.fields import bare, text, texts
from byline.transfer.markdown.languages import language_tag
from byline.transfer.markdown.mappings import MAX_LENGTH, parse_mapping

Generator = Literal["jekyll", "hugo", "zola", "docusaurus"]
Entries = Mapping[str, Mapping[str, dict[str, JsonValue]]]
"""By folder (`""` or with a slash at its end), then by name."""

DATA: dict[str, Literal["yaml", "toml", "json"]] = {".yml": "yaml", ".yaml": "yaml", ".toml": "toml", ".json": "json"}
_DATA_ENDINGS = ("toml", "yaml", "yml", "json")
CONFIGURATIONS: tuple[tuple[str, Generator | None], ...] = (
    *((f"_config.{ending}", "jekyll") for ending in ("yml", "yaml", "toml")),
    *((f"docusaurus.config.{ending}", "docusaurus") for ending in ("js", "ts", "mjs", "cjs")),
    *((f"{name}.{ending}", "hugo") for name in ("hugo", "config/_default/hugo") for ending in _DATA_ENDINGS),
    ("zola.toml", "zola"),
    # Hugo's older name, and Zola's: their keys tell them apart.
    *((f"{name}.{ending}", None) for name in ("config", "config/_default/config") for ending in _DATA_ENDINGS),
)


@dataclass(frozen=True, slots=True)
class Site:
    generator: Generator | None = None
    zone: tzinfo = UTC
    """What dates without a zone are in."""
    language: str | None = None
    languages: Mapping[str, str] = field(default_factory=dict)
    """What folders and endings of the site's languages are called, to the language."""
    above: str = ""
    """The way from the site's root to the imported folder: `""` or such as `content/`."""
    content: tuple[str, ...] = ()
    """The folders that alone hold content, below the imported one. None: it holds content anywhere."""
    has_posts_folder: bool = False
    """Whether posts have a folder of their own, `_posts`: then the rest of a Jekyll site is pages."""
    collections: frozenset[str] = frozenset()
    excluded: tuple[str, ...] = ()
    authors: Entries = field(default_factory=dict)
    tags: Entries = field(default_factory=dict)

    @property
    def lists_tags(self) -> bool:
        """Whether the generator takes a text for one tag, and lists for several."""
        return self.generator in {"hugo", "zola", "docusaurus"}

    def entry(self, entries: Entries, path: str, name: str) -> dict[str, JsonValue] | None:
        """What the nearest folder above the path says of a name, or else any folder."""
        above = sorted((folder for folder in entries if path.startswith(folder)), key=len, reverse=True)
        return next((entries[folder][name] for folder in (*above, *entries) if name in entries[folder]), None)

    def excludes(self, path: str) -> bool:
        return any(fnmatch(path, pattern.strip("/")) for pattern in self.excluded)


def find_site(folder: Path) -> tuple[Site, list[Unreadable]]:
    """The site whose root is the folder or the one above it, and which of its files could not be read."""
    problems: list[Unreadable] = []
    for root in (folder, folder.resolve().parent):
        for name, generator in CONFIGURATIONS:
            if not (root / name).is_file():
                continue
            settings: dict[str, JsonValue] = {}
            if generator != "docusaurus":  # a program: only that it is there says something
                try:
                    settings = {bare(key): value for key, value in read_data(root / name).items()}
                except CannotRead as error:
                    if generator or root == folder:
                        problems.append(Unreadable(name, str(error)))
            generator = generator or _told_by(settings)
            if generator:
                return _site(folder, root, name, generator, settings, problems), problems
    above = f"{folder.resolve().name}/" if folder.resolve().name in {"_posts", "_drafts"} else ""
    return Site("jekyll" if above or (folder / "_posts").is_dir() else None, above=above), problems


def read_data(file: Path) -> dict[str, JsonValue]:
    """A mapping from a data file, by its ending. Raises CannotRead."""
    try:
        with file.open("rb") as stream:
            text_in_it = stream.read(4 * MAX_LENGTH).decode("utf-8-sig")
    except OSError as error:
        raise CannotRead(f"cannot be opened: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CannotRead(f"not UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start:,}") from None
    return parse_mapping(text_in_it, DATA[file.suffix])[0]


def read_entries(file: Path) -> dict[str, dict[str, JsonValue]]:
    """Authors or tags by name, what is said of each by bare keys. Raises CannotRead."""
    return _entries(read_data(file))


def _entries(value: JsonValue) -> dict[str, dict[str, JsonValue]]:
    if not isinstance(value, dict):
        return {}
    return {
        name: {bare(key): item for key, item in entry.items()}
        for name, entry in value.items()
        if isinstance(entry, dict)
    }


def _told_by(settings: dict[str, JsonValue]) -> Generator | None:
    """Whose `config.toml` this is. Zola's must have `base_url`, and Hugo writes it as one word: bare keys are equal."""
    if "baseurl" not in settings and not settings.keys() & {"languagecode", "defaultcontentlanguage"}:
        return None
    zola = settings.keys() & {"defaultlanguage", "compilesass", "generatefeeds", "generatefeed", "buildsearchindex"}
    return "zola" if zola else "hugo"


def _site(
    folder: Path,
    root: Path,
    name: str,
    generator: Generator,
    settings: dict[str, JsonValue],
    problems: list[Unreadable],
) -> Site:
    zone_name = text(settings.get("timezone"))
    zone: tzinfo = UTC
    if zone_name:
        try:
            zone = ZoneInfo(zone_name)
        except (ValueError, KeyError, OSError):
            problems.append(Unreadable(name, f"no time zone {zone_name!r} is known: dates without a zone are in UTC"))
    languages = settings.get("languages") or _languages_beside(root / name, problems)
    codes = ("defaultcontentlanguage", "defaultlanguage", "languagecode", "lang", "locale", "language")
    collections = settings.get("collections")
    return Site(
        generator=generator,
        zone=zone,
        language=next((tag for code in codes if (tag := language_tag(text(settings.get(code)) or ""))), None),
        languages=dict(_language_names(languages)),
        above="" if root == folder else f"{folder.resolve().name}/",
        content=_content(folder, settings, languages) if root == folder and generator in {"hugo", "zola"} else (),
        collections=frozenset(
            key
            for key, value in (collections if isinstance(collections, dict) else {}).items()
            if isinstance(value, dict) and value.get("output") is True
        ),
        excluded=tuple(texts(settings.get("exclude"))) if generator == "jekyll" else (),
        authors={"": _data_entries(root, "authors", problems) | _entries(settings.get("authors"))},
    )


def _languages_beside(configuration: Path, problems: list[Unreadable]) -> JsonValue:
    """Hugo's configuration may be a folder of files, one of them for the languages."""
    file = configuration.with_stem("languages")
    if configuration.parent.name != "_default" or not file.is_file():
        return None
    try:
        return read_data(file)
    except CannotRead as error:
        problems.append(Unreadable(f"config/_default/{file.name}", str(error)))
        return None


def _language_names(languages: JsonValue) -> Iterator[tuple[str, str]]:
    """Zola and Hugo have a mapping by code, with Hugo's own folder for it; plugins of Jekyll have a list."""
    for name in texts(languages):
        if tag := language_tag(name):
            yield name.lower(), tag
    for name, value in languages.items() if isinstance(languages, dict) else ():
        details = {bare(key): item for key, item in value.items()} if isinstance(value, dict) else {}
        tag = language_tag(name) or language_tag(text(details.get("languagecode")) or "")
        if tag:
            yield name.lower(), tag
            yield (text(details.get("contentdir")) or name).rstrip("/").rpartition("/")[2].lower(), tag


def _content(folder: Path, settings: dict[str, JsonValue], languages: JsonValue) -> tuple[str, ...]:
    wanted = [text(settings.get("contentdir")) or "content"]
    for value in languages.values() if isinstance(languages, dict) else ():
        wanted += (
            [text(item) or "" for key, item in value.items() if bare(key) == "contentdir"]
            if isinstance(value, dict)
            else []
        )
    roots: list[str] = []
    for name in sorted({re.sub(r"^(\./)+|/+$", "", name) for name in wanted}):
        inside_another = any(name.startswith(f"{root}/") for root in roots)
        if name and not inside_another and (folder / name).is_dir():
            roots.append(name)
    return tuple(roots)


def _data_entries(root: Path, name: str, problems: list[Unreadable]) -> dict[str, dict[str, JsonValue]]:
    """What Jekyll's `_data` or Hugo's `data` says of authors."""
    for place in (f"{folder}/{name}{ending}" for folder in ("_data", "data") for ending in DATA):
        if (root / place).is_file():
            try:
                return read_entries(root / place)
            except CannotRead as error:
                problems.append(Unreadable(place, str(error)))
    return {}
