"""A document from its front matter, its body and its place in a folder."""

import re
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from pydantic import JsonValue

from byline.transfer.documents import CannotRead, Document, Skipped
from byline.transfer.markdown.authors import read_authors
from byline.transfer.markdown.dates import is_ambiguous, read_date
from byline.transfer.markdown.fields import Fields, absolute, address, anywhere, flag, text, texts
from byline.transfer.markdown.front_matter import FrontMatter
from byline.transfer.markdown.languages import language_tag
from byline.transfer.markdown.site import Site
from byline.transfer.markdown.slugs import clean_slug, last_segment, spelled_out
from byline.transfer.markdown.sources import CONTENT_ROOTS, Source
from byline.transfer.markdown.tags import read_tags

MAX_TITLE = 500
MAX_EXCERPT = 2000
MAX_CUSTOM = 100_000

# Hugo's order, and then what others call it.
PUBLISHED = (
    "date",
    "publishdate",
    "pubdate",
    "published",
    "publishedat",
    "publishedon",
    "publisheddate",
    "datepublished",
)
CREATED = ("created", "createdat", "datecreated")
UPDATED = (
    *("lastmod", "modified", "updated", "lastmodified", "lastmodifiedat", "updatedat", "updateddate", "datemodified"),
    *("lastupdated", "lastupdate.date"),
)
ADDRESSES = ("permalink", "path", "url")
COVERS = anywhere(
    *("image", "cover", "coverimage", "featuredimage", "featureimage", "heroimage", "hero", "thumbnail", "banner"),
    *("images", "headerimage", "ogimage", "header.image", "header.overlayimage", "header.teaser"),
)
COVER_TEXTS = anywhere(
    *("imagealt", "coveralt", "coverimagealt", "featuredimagealt", "featureimagealt", "heroimagealt", "heroalt"),
    *("thumbnailalt", "banneralt"),
)
KINDS: dict[str, Literal["post", "page"]] = {"post": "post", "posts": "post", "page": "page", "pages": "page"}
PERMALINK_STYLES = {"date", "pretty", "ordinal", "weekdate", "none"}  # Jekyll's own names for patterns
UNPUBLISHED = {"draft", "pending", "private", "hidden", "unpublished"}
POSITIONS = ("order", "index", "position", "part", "weight", "number")
DATE_IN_NAME = re.compile(r"(\d{4}-\d{1,2}-\d{1,2}(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)(?:[-_. ]+(.*))?", re.DOTALL)
DATE_IN_PATH = re.compile(r"(?:^|/)(\d{4})/(\d{1,2})/(\d{1,2})(?=/|$)")
LINE_BREAKS = re.compile(r" *[\t-\r\x1c-\x1e\x85\u2028\u2029]+ *")
OPENING_OF_BODY = 20_000
HEADINGS = MarkdownIt("commonmark")


def document(source: Source, matter: FrontMatter, site: Site, notes: list[str]) -> Document | Skipped:
    """Raises CannotRead. `notes` are what is known already."""
    fields = Fields(matter.values, notes)
    if not matter.body.strip() and (not fields.see(text, "title") or fields.see(flag, "untranslated")):
        return Skipped(source.path, "nothing in it")
    draft = _is_draft(fields, source, site)
    date_in_name, name = _name(source)
    day = date_in_name or _date_in_path(fields, source)
    published_at, updated_at = _dates(fields, day, site)
    slug = _slug(fields, name)
    excerpt, meta_description = _descriptions(fields)
    cover_url, cover_alt = _cover(fields)
    series, series_position = _series(fields)
    return Document(
        path=source.path,
        kind=_kind(fields, source, site, dated=published_at is not None),
        title=_title(fields, matter.body, name) or slug,
        slug=slug,
        markdown=matter.body,
        subtitle=fields.text(*anywhere("subtitle")),
        excerpt=excerpt,
        published_at=published_at,
        updated_at=updated_at,
        draft=draft,
        unlisted=fields.take(flag, "unlisted") or False,
        tags=read_tags(fields, source.path, site),
        authors=read_authors(fields, source.path, site),
        language=fields.take(_language, "lang", "language", "locale") or source.language or site.language,
        translation_of=source.translation_of,
        aliases=_aliases(fields),
        canonical_url=fields.take(absolute, *anywhere("canonical", "canonicalurl")),
        series=series,
        series_position=series_position,
        cover_url=cover_url,
        cover_alt=cover_alt,
        meta_title=fields.text(*anywhere("metatitle", "seotitle"), "seo.title", "titlemeta"),
        meta_description=meta_description,
        featured=fields.take(flag, "featured", "pinned", "pin", "sticky"),
        custom=_custom(fields),
        notes=tuple(dict.fromkeys(notes)),
    )


def _name(source: Source) -> tuple[str | None, str]:
    """The date in a file's name, and the rest of it; for `index`, of its folder's."""
    name = source.name
    if name.lower() == "index" and source.folders:
        folder = source.folders[-1]
        is_language = source.language and language_tag(folder) == source.language
        name = name if folder in CONTENT_ROOTS or is_language else folder
    found = DATE_IN_NAME.fullmatch(name)
    if not found or not read_date(found[1], UTC):
        return None, name
    return found[1], found[2] or found[1]


def _date_in_path(fields: Fields, source: Source) -> str | None:
    """A date that only an address has, as `2016/07/07/title`, or the folders that the file is in."""
    addresses = (fields.see(text, key) or "" for key in ("slug", *ADDRESSES))
    found = next(filter(None, map(DATE_IN_PATH.search, ("/".join(source.folders), *addresses))), None)
    return "-".join(found.groups()) if found else None


def _dates(fields: Fields, day: str | None, site: Site) -> tuple[datetime | None, datetime | None]:
    """When it was published, and changed. Without a date it was published when it was changed, as in Hugo."""

    def read(value: JsonValue) -> datetime | None:
        moment = read_date(value, site.zone, day_first=site.generator == "jekyll")
        if moment and is_ambiguous(value):
            fields.notes.append(f"the date {value} was read as {moment:%Y-%m-%d}")
        elif not moment and text(value):
            fields.notes.append(f"{str(value)[:50]!r} is no date: kept in custom")
        return moment

    names: tuple[str, ...] = PUBLISHED
    date, release = fields.see(read, "date"), fields.see(read, "publishdate")
    if date and release and release > date:  # Hugo does not show it before
        names = tuple(name for name in PUBLISHED if name != "date")
    updated = fields.take(read, *UPDATED)
    published = fields.take(read, *names) or read_date(day, site.zone) or fields.take(read, *CREATED)
    return published or updated, updated


def _kind(fields: Fields, source: Source, site: Site, *, dated: bool) -> Literal["post", "page"]:
    """As the front matter says, or else as the generator does: in Hugo and Zola, a page is what is in no section."""
    folders = (site.above + source.path).split("/")[:-1]
    if not {"_posts", "_drafts"}.isdisjoint(folders):
        if fields.see(_said_kind, "layout") == "post":
            fields.drop("layout")
        return "post"
    said: Literal["post", "page"] | None = fields.take(_said_kind, "type", "layout")
    if said:
        return said
    is_page = False
    match site.generator:
        case "jekyll":
            is_page = site.has_posts_folder
        case "docusaurus":
            is_page = folders[:1] in (["docs"], ["src"])
        case "hugo" | "zola":
            sections = folders[:-1] if source.name == "index" else folders
            roots = {"content", *"/".join(site.content).split("/"), *site.languages}
            is_page = not dated and all(folder.lower() in roots for folder in sections)
    return "page" if is_page else "post"


def _said_kind(value: JsonValue) -> Literal["post", "page"] | None:
    return KINDS.get((text(value) or "").lower())


def _is_draft(fields: Fields, source: Source, site: Site) -> bool:
    """`published` is a flag in Jekyll, and a date in Hugo."""
    said = fields.take(flag, *anywhere("draft"))
    published = fields.take(flag, "published")
    hidden = fields.take(lambda value: (text(value) or "").lower() in UNPUBLISHED or None, "status")
    return bool(said or hidden or published is False or "_drafts" in (site.above + source.path).split("/"))


def _slug(fields: Fields, name: str) -> str:
    for key in ("slug", "basename"):
        written = (fields.see(text, key) or "").strip("/")
        if slug := clean_slug(written.rpartition("/")[2]):
            if slug == written:
                fields.take(text, key)
            else:
                fields.notes.append(f"the slug {written[:50]!r} became {slug[:50]!r}")
            return slug
    for key in ADDRESSES:
        written = fields.see(text, key) or ""
        elsewhere = key == "url" and "://" in written  # what a post links to
        if not elsewhere and written not in PERMALINK_STYLES and (slug := last_segment(written)):
            if slug == written.strip("/"):
                fields.take(text, key)
            return slug
    return clean_slug(name) or spelled_out(name)


def _title(fields: Fields, body: str, name: str) -> str:
    """On one line; `""` for a name of white space."""
    written = fields.see(lambda value: str(value) if isinstance(value, bool) else text(value), "title")
    title = LINE_BREAKS.sub(" ", written or "").strip()
    if len(title) > MAX_TITLE:
        fields.notes.append(f"the title has more than {MAX_TITLE} characters: the whole of it is in custom")
    elif title:
        fields.drop("title")
    elif title := _first_heading(body):
        fields.notes.append("no title: taken from the first heading")
    else:
        fields.notes.append("no title: taken from the name of the file")
        words = name if DATE_IN_NAME.fullmatch(name) else re.sub(r"[-_]+", " ", name).strip() or name
        title = words[0].upper() + words[1:]
    return LINE_BREAKS.sub(" ", title)[:MAX_TITLE].strip()


def _first_heading(body: str) -> str:
    tokens = HEADINGS.parse(body[:OPENING_OF_BODY])
    place = next((place for place, token in enumerate(tokens) if token.type == "heading_open"), None)
    if place is None:
        return ""
    shown = (part for part in tokens[place + 1].children or () if part.type != "html_inline")
    parts = (" " if part.type.endswith("break") else part.content for part in shown)
    return re.sub(r"\s*\{#[^}]*\}$", "", "".join(parts)).strip()


def _descriptions(fields: Fields) -> tuple[str | None, str | None]:
    """The excerpt, and what search engines are told where that is something else."""
    excerpt = fields.text(*anywhere("excerpt", "summary", "description"), limit=MAX_EXCERPT)
    names = (*anywhere("metadescription", "seodescription"), "seo.description", "description")
    meta_description = fields.text(*names, limit=MAX_EXCERPT)
    return excerpt, meta_description if meta_description != excerpt else None


def _cover(fields: Fields) -> tuple[str | None, str | None]:
    for key in COVERS:
        if picture := fields.see(_picture, key):
            url, alt, whole = picture
            if whole:
                fields.take(_picture, key)
            return url, alt or fields.text(*COVER_TEXTS, limit=MAX_EXCERPT)
    return None, None


def _picture(value: JsonValue) -> tuple[str, str | None, bool] | None:
    """Its address, what it shows, and whether that is all there is to the value."""
    match value:
        case [first, *others]:
            found = _picture(first)
            return (found[0], found[1], found[2] and not others) if found else None
        case dict():
            url = next(
                (url for key in ("path", "src", "url", "image", "source") if (url := address(value.get(key)))), None
            )
            alt = text(value.get("alt"))
            short = len(alt or "") <= MAX_EXCERPT
            return (url, alt if short else None, short and len(value) == 1 + bool(alt)) if url else None
    url = address(value)
    return (url, None, True) if url else None


def _series(fields: Fields) -> tuple[str | None, int | None]:
    names = (*anywhere("series"), "taxonomies.series")
    given = fields.raw(*names)
    position = None
    if isinstance(given, dict):
        title = next(filter(None, (text(given.get(key)) for key in ("name", "title"))), None)
        position = next((found for key in POSITIONS if (found := _position(given.get(key))) is not None), None)
    else:
        title = next(iter(texts(given)), None)
        if len(texts(given)) == 1:
            fields.drop(*names)
    if not title or len(title) > MAX_TITLE:
        return None, None
    ordered = fields.take(_position, *anywhere(*(f"series{key}" for key in POSITIONS)))
    return title, position if ordered is None else ordered


def _position(value: JsonValue) -> int | None:
    written = text(value) or ""
    return int(written) if re.fullmatch(r"[0-9]{1,6}", written) else None


def _aliases(fields: Fields) -> tuple[str, ...]:
    aliases: dict[str, None] = {}
    for key in anywhere("aliases", "alias", "redirectfrom"):
        for written in fields.take(lambda value: texts(value) or None, key) or ():
            alias = _former_address(written)
            if alias:
                aliases[alias] = None
            else:
                fields.notes.append(f"the alias {written[:50]!r} is no address of its own: left out")
    return tuple(aliases)


def _former_address(written: str) -> str | None:
    """Its path with the query string, which is all that tells WordPress' old addresses apart."""
    try:
        parts = urlsplit(written.removeprefix("./"))
    except ValueError:
        return None
    path = "/" + parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    return path if path != "/" else None


def _custom(fields: Fields) -> dict[str, JsonValue]:
    custom = fields.left
    if len(str(custom)) > MAX_CUSTOM:
        raise CannotRead(f"the front matter has more than {MAX_CUSTOM:,} characters that are no field of an article")
    return custom


def _language(value: JsonValue) -> str | None:
    return language_tag(text(value) or "")
