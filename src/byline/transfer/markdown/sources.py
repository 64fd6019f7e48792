"""The files of a folder that hold documents, found without reading them."""

import errno
import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from byline.transfer.documents import CannotRead, Skipped, Unreadable
from byline.transfer.markdown.front_matter import has_front_matter
from byline.transfer.markdown.languages import language_tag
from byline.transfer.markdown.site import Site, find_site, read_entries

MARKDOWN = (".md", ".markdown", ".mkd", ".mkdn", ".mkdown", ".mdown", ".mdx")
HTML = (".html", ".htm")
NEVER = {"node_modules", "bower_components", "_site", "_layouts", "_includes", "_data", "_sass", "_plugins"}
NOT_AT_THE_ROOT_OF_A_SITE = {
    *("themes", "layouts", "archetypes", "templates", "static", "assets", "public"),
    *("build", "resources", "vendor"),
}
# Where content may begin: a folder for each language stands right below.
CONTENT_ROOTS = {"content", "source", "src", "_posts", "_drafts", "posts", "post", "blog", "docs", "pages"}
SECTION = re.compile(r"_index(\.[\w-]+)?")
OF_A_REPOSITORY = re.compile(
    r"(readme|licen[cs]e|copying|contributing|contributors|changelog|code[-_]of[-_]conduct|security|support"
    r"|governance|maintainers|issue_template|pull_request_template)([-_.]\w+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Source:
    path: str
    """Relative to the imported folder, with `/`."""
    file: Path
    name: str
    """The file's name without its ending and the mark of its language."""
    language: str | None
    """As a folder or the file's name says it."""
    key: str = ""
    """The path without ending, and without what names the language: the same for all translations of a document."""
    translation_of: str | None = None
    """The path of the same document in its first language."""

    @property
    def folders(self) -> list[str]:
        return self.path.split("/")[:-1]

    @property
    def is_html(self) -> bool:
        return self.path.lower().endswith(HTML)

    def starts_with_front_matter(self) -> bool:
        try:
            with self.file.open("rb") as stream:
                return has_front_matter(stream.read(200).decode("utf-8-sig", errors="replace"))
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Folder:
    site: Site
    entries: tuple[Source | Skipped | Unreadable, ...]
    """In the order of their paths, translations last. What is no Source will not be read, for the reason it gives."""


def find_sources(folder: Path) -> Folder:
    """Raises FileNotFoundError or NotADirectoryError for what is no folder."""
    if not folder.is_dir():
        raise (NotADirectoryError if folder.exists() else FileNotFoundError)(str(folder))
    site, problems = find_site(folder)
    walk = _Walk(folder, site)
    others: list[Skipped | Unreadable] = [*problems, *walk.run()]
    sources = _with_originals(list(_sources(folder, walk.found, site)), site.language)
    left_out = dict(_left_out(sources, site))
    others += [Skipped(path, reason) for path, reason in left_out.items()]
    entries = [*(source for source in sources if source.path not in left_out), *others]
    site = replace(
        site,
        has_posts_folder=any("_posts" in source.folders for source in sources),
        authors={**site.authors, **walk.authors},
        tags=walk.tags,
    )
    return Folder(site, tuple(sorted(entries, key=lambda entry: (_is_translation(entry), entry.path))))


class _Walk:
    """Goes through a folder once. A link to a folder is never followed, so there is no way to go in circles."""

    def __init__(self, top: Path, site: Site) -> None:
        self.found: list[str] = []
        self.authors: dict[str, dict[str, dict[str, JsonValue]]] = {}
        self.tags: dict[str, dict[str, dict[str, JsonValue]]] = {}
        self._top = top
        self._real_top = os.path.realpath(top)
        self._site = site
        self._waiting: list[str] = []
        self._named_like_documents: list[str] = []

    def run(self) -> Iterator[Skipped | Unreadable]:
        for root in self._site.content or ("",):
            problem = root and self._leads_astray(root)
            if problem:
                yield Unreadable(root, problem)
            else:
                self._waiting.append(f"{root}/" if root else "")
        while self._waiting:
            folder = self._waiting.pop()
            try:
                names = sorted(os.listdir(self._top / folder))
            except OSError as error:
                yield Unreadable(folder.rstrip("/") or ".", f"the folder cannot be opened: {error.strerror}")
                continue
            for name in names:
                yield from self._visit(folder, name)
        for path in self._named_like_documents:
            if not any(found.startswith(f"{path}/") for found in self.found):
                yield Skipped(path, "a folder, with no document in it")

    def _visit(self, folder: str, name: str) -> Iterator[Skipped | Unreadable]:
        path = folder + name
        if name.startswith(".") or name in NEVER or self._is_machinery(path):
            return
        is_folder, is_link = os.path.isdir(self._top / path), os.path.islink(self._top / path)
        if not (is_folder or _is_document(name) or (is_link and "." not in name)):
            yield from self._read_entries(folder, name)
        elif not _is_unicode(path):
            yield Unreadable(os.fsencode(path).decode(errors="replace"), "its name is not UTF-8")
        elif is_link and (problem := self._leads_astray(path)):
            yield Unreadable(path, problem)
        elif reason := self._reason_to_skip(path, name, is_folder):
            yield Skipped(path, reason)
        elif is_folder and is_link:
            yield Skipped(path, "a link to a folder, which is read where it is")
        elif is_folder:
            self._waiting.append(f"{path}/")
            self._named_like_documents += [path] if _is_document(name) else []
        elif problem := self._irregular(path):
            yield Unreadable(path, problem)
        elif _is_document(name):
            self.found.append(path)

    def _is_machinery(self, path: str) -> bool:
        """Whether it is what a generator works with, at the root of its site."""
        return bool(self._site.generator) and not self._site.above and path in NOT_AT_THE_ROOT_OF_A_SITE

    def _reason_to_skip(self, path: str, name: str, is_folder: bool) -> str | None:
        generator = self._site.generator
        if self._site.excludes(self._site.above + path):
            return "excluded by the configuration of the site"
        if not name.startswith("_") or name.startswith("_index."):
            return None
        if is_folder and generator == "jekyll":
            published = name in {"_posts", "_drafts"} or name[1:] in self._site.collections
            return None if published else "a folder that Jekyll does not publish"
        is_partial = generator in {"jekyll", "docusaurus"} or name.lower().endswith(".mdx")
        return "a partial, for other documents to include" if is_partial else None

    def _leads_astray(self, path: str) -> str | None:
        """What is wrong with where a link leads, if anything is."""
        try:
            target = os.path.realpath(self._top / path, strict=True)
        except OSError as error:
            return "a link that leads to itself" if error.errno == errno.ELOOP else "a link that leads nowhere"
        if os.path.commonpath([target, self._real_top]) != self._real_top:
            return "a link that leads out of the folder"
        real_path = os.path.join(os.path.realpath((self._top / path).parent), "")
        return "a link that leads back to a folder above it" if real_path.startswith(f"{target}{os.sep}") else None

    def _irregular(self, path: str) -> str | None:
        try:
            mode = os.stat(self._top / path).st_mode
        except OSError as error:
            return f"cannot be opened: {error.strerror}"
        return None if stat.S_ISREG(mode) else "not a regular file"

    def _read_entries(self, folder: str, name: str) -> Iterator[Unreadable]:
        """Docusaurus says in files beside the documents who its authors are, and what its tags are called."""
        stem, _, ending = name.rpartition(".")
        if stem not in {"authors", "tags"} or ending not in {"yml", "yaml"} or self._site.generator == "jekyll":
            return
        try:
            entries = read_entries(self._top / folder / name)
        except CannotRead as error:
            yield Unreadable(folder + name, str(error))
        else:
            (self.authors if stem == "authors" else self.tags)[folder] = entries


def _sources(top: Path, paths: list[str], site: Site) -> Iterator[Source]:
    places = {path: _language_place(site, path) for path in paths}
    siblings: dict[str, set[str]] = defaultdict(set)
    for above, folder in filter(None, places.values()):
        siblings[above].update([folder] if language_tag(folder) else [])
    stems = {path: path.rpartition(".")[0] for path in paths}
    versions = Counter(stem.rpartition(".")[0] for stem in stems.values() if language_tag(stem.rpartition(".")[2]))
    versions.update(stems.values())
    for path, stem in stems.items():
        base, _, mark = stem.rpartition(".")
        by_name = site.languages.get(mark.lower()) if base else None
        if base and not by_name and site.generator not in {"jekyll", "docusaurus"} and versions[base] > 1:
            by_name = language_tag(mark)
        by_folder = None
        if place := places[path]:
            above, folder = place
            several = len(siblings[above]) > 1 or above == "i18n"
            by_folder = site.languages.get(folder.lower()) or (language_tag(folder) if several else None)
        bare = base if by_name else stem
        key = _without_folder(bare, *place, site.above) if place and by_folder else site.above + bare
        yield Source(path, top / path, bare.rpartition("/")[2], by_name or by_folder, key)


def _language_place(site: Site, path: str) -> tuple[str, str] | None:
    """The folder that is a language's, if there are several beside it: where it is, and its name."""
    folders = (site.above + path).split("/")[:-1]
    roots = {"i18n"} if folders[:1] == ["i18n"] else CONTENT_ROOTS | set(site.content)
    depth = next((depth for depth, folder in enumerate(folders) if folder not in roots), len(folders))
    return ("/".join(folders[:depth]), folders[depth]) if depth < len(folders) else None


def _with_originals(sources: list[Source], language: str | None) -> list[Source]:
    """Of each document one is the original: in the site's language, or none said, or that of the most documents."""
    spread = Counter(source.language for source in sources)
    documents: dict[str, dict[str | None, Source]] = defaultdict(dict)
    for source in sources:
        documents[source.key].setdefault(source.language or language, source)
    originals: dict[str, str] = {}
    for versions in documents.values():
        first = max(versions, key=lambda version: (version == language, version is None, spread[version]))
        others = (source.path for version, source in versions.items() if version != first)
        originals |= dict.fromkeys(others, versions[first].path)
    return [replace(source, translation_of=originals.get(source.path)) for source in sources]


def _without_folder(stem: str, above: str, folder: str, root: str) -> str:
    """The path without the folder of its language."""
    rest = (root + stem).removeprefix(f"{above}/" if above else "").removeprefix(f"{folder}/")
    return f"{above}/{rest}"


def _left_out(sources: list[Source], site: Site) -> Iterator[tuple[str, str]]:
    bundles = {tuple(source.folders) for source in sources if source.name == "index"}
    bundles -= {(), *(tuple(root.split("/")) for root in site.content)}
    bare = {source.path for source in sources if OF_A_REPOSITORY.fullmatch(source.name)}
    bare -= {source.path for source in sources if source.path in bare and source.starts_with_front_matter()}
    of_repository = bare if bare and any(source.starts_with_front_matter() for source in sources) else set()
    for source in sources:
        if SECTION.fullmatch(source.name):
            yield source.path, "the page of a section, not an article"
        elif site.generator in {"hugo", "zola"} and source.name != "index" and tuple(source.folders) in bundles:
            yield source.path, "a resource of the page in index.md beside it"
        elif source.path in of_repository:
            yield source.path, "about the repository: the documents here begin with front matter"


def _is_translation(entry: Source | Skipped | Unreadable) -> bool:
    return isinstance(entry, Source) and entry.translation_of is not None


def _is_document(name: str) -> bool:
    return name.lower().endswith((*MARKDOWN, *HTML))


def _is_unicode(path: str) -> bool:
    """Whether a name is text: bytes that are not come as halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in path)
