"""Saving what was read: documents become posts, and a second import of the same folder changes only what changed.

A file is known by the source it came from and its path there. Each document is saved in a transaction of its own
(a savepoint of one that is rolled back, for a dry run), so that a crash leaves whole documents, and the next import
goes on where this one ended.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.authors import service as authors
from byline.authors.models import Author
from byline.authors.schemas import AuthorCreate
from byline.core.errors import BylineError
from byline.core.schemas import WebAddress
from byline.core.slugs import free_slug
from byline.posts import publishing, service, translations
from byline.posts.models import Post, Visibility
from byline.posts.schemas import PostCreate, PostPublish, PostUpdate
from byline.redirects import service as redirects
from byline.redirects.paths import normal_path
from byline.series import service as series
from byline.series.models import Series
from byline.series.schemas import SeriesCreate
from byline.tags import service as tags
from byline.tags.models import Tag
from byline.tags.schemas import TagCreate
from byline.transfer.documents import Document, ImportedAuthor, ImportedTag, Skipped, Unreadable
from byline.transfer.models import ImportedFile
from byline.transfer.report import Item, Outcome

Read = Document | Skipped | Unreadable

_ADDRESS: TypeAdapter[str] = TypeAdapter(WebAddress)


async def import_documents(
    sessions: async_sessionmaker[AsyncSession], source: str, read: Iterable[Read], *, language: str, dry_run: bool
) -> AsyncIterator[Item]:
    """One item for each thing read, as it is saved; `language` is for documents that name none.

    A dry run does all of it in one transaction, and takes it back.
    """
    if not dry_run:
        for found in read:
            async with sessions.begin() as session:
                yield await _import(session, source, found, language)
        return
    async with sessions() as session:
        for found in read:
            yield await _import(session, source, found, language)
        await session.rollback()


async def _import(session: AsyncSession, source: str, found: Read, language: str) -> Item:
    if isinstance(found, Skipped):
        return Item(path=found.path, outcome=Outcome.SKIPPED, reason=found.reason)
    if isinstance(found, Unreadable):
        return Item(path=found.path, outcome=Outcome.FAILED, reason=found.reason)
    try:
        async with session.begin_nested():
            outcome, notes = await _save(session, source, found, language)
    except (BylineError, ValidationError, DBAPIError) as error:
        return Item(path=found.path, outcome=Outcome.FAILED, reason=_reason(error))
    return Item(path=found.path, outcome=outcome, reason="; ".join(notes) or None)


def _reason(error: BylineError | ValidationError | DBAPIError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors())
    if isinstance(error, DBAPIError):
        return f"the database refused it: {error.orig}"
    return f"{error.title}: {error.detail}" if error.detail else error.title


async def _save(
    session: AsyncSession, source: str, document: Document, language: str
) -> tuple[Outcome, tuple[str, ...]]:
    digest = _digest(document)
    known = await session.get(ImportedFile, (source, document.path), with_for_update=True)
    if known is not None and known.digest == digest:
        return Outcome.UNCHANGED, ()
    notes = list(document.notes)
    fields = await _fields(session, document, notes)
    post_id = None if known is None else known.post_id
    fields["translation_of"] = await _original(
        session, source, document, post_id, fields["language"] or language, notes
    )
    if known is None:
        fields["slug"] = await _slug(session, document, None, notes)
        new = PostCreate(kind=document.kind, message=f"Imported from {document.path}", **fields)
        post = await service.create(session, new, caller=None, language=language)
        known = ImportedFile(source=source, path=document.path, post_id=post.id)
        outcome = Outcome.CREATED
    else:
        post = await session.get_one(Post, known.post_id, with_for_update=True)
        if post.deleted_at is not None:
            return Outcome.SKIPPED, ("its post is in the trash",)
        fields["slug"] = await _slug(session, document, post, notes)
        fields["language"] = document.language or language
        changes = PostUpdate(message=f"Imported from {document.path}", **fields)
        await service.update(session, post, changes, caller=None)
        outcome = Outcome.UPDATED
    await _publish(session, document, post)
    await _redirect(session, document, post, notes)
    known.digest = digest
    session.add(known)
    await session.flush()
    return outcome, tuple(notes)


def _digest(document: Document) -> bytes:
    """Of all that was read: an author renamed in `authors.yml` changes the documents that they wrote."""
    stated = {name: value for name, value in dataclasses.asdict(document).items() if name != "notes"}
    if document.translation_of is None:  # what was imported before there were translations has not changed
        del stated["translation_of"]
    text = json.dumps(stated, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=32).digest()


async def _fields(session: AsyncSession, document: Document, notes: list[str]) -> dict[str, Any]:
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
        "tags": [await _tag(session, tag) for tag in document.tags],
        "authors": [await _author(session, author) for author in document.authors],
        "series": await _series(session, document.series) if document.series else None,
        "series_position": document.series_position,
        "cover": {"url": cover_url, "alt": short("cover_alt", document.cover_alt, 2000)} if cover_url else None,
        "canonical_url": address("canonical_url", document.canonical_url),
        "meta_title": short("meta_title", document.meta_title, 500),
        "meta_description": short("meta_description", document.meta_description, 2000),
        "custom": custom,
    }


async def _original(
    session: AsyncSession, source: str, document: Document, post_id: UUID | None, language: str, notes: list[str]
) -> UUID | None:
    """The post that the document is a translation of, as far as the two go together."""
    if document.translation_of is None:
        return None
    file = await session.get(ImportedFile, (source, document.translation_of))
    original = None if file is None else await translations.original_of(session, file.post_id, document.kind)
    if original is None or original == post_id:
        notes.append(f"{document.translation_of}, which it translates, is not there as a {document.kind}")
    elif await translations.is_taken(session, original, language, besides=post_id):
        notes.append(f"another translation of {document.translation_of} is in {language}: not linked")
    elif post_id is not None and await translations.has_translations(session, post_id):
        notes.append("others are translations of it: not linked to another")
    else:
        return original
    return None


async def _slug(session: AsyncSession, document: Document, post: Post | None, notes: list[str]) -> str:
    """The document's own slug, or one with a number behind it where another post has that already."""
    if post is not None and re.fullmatch(rf"{re.escape(document.slug)}(-[0-9]+)?", post.slug):
        return post.slug
    slug = await free_slug(session, Post.slug, document.slug, *service.rivals(document.kind))
    if slug != document.slug:
        notes.append(f"another {document.kind} has the slug {document.slug}: imported as {slug}")
    return slug


async def _tag(session: AsyncSession, tag: ImportedTag) -> str:
    """The id of the tag of this slug, or known by this name; made if there is none."""
    known = await session.scalar(
        select(Tag.id).where((Tag.slug == tag.slug) | Tag.aliases.contains([tag.name])).order_by(Tag.slug != tag.slug)
    )
    if known is None:
        made = await tags.create(session, TagCreate(name=tag.name, slug=tag.slug, description=tag.description))
        known = made.id
    return str(known)


async def _author(session: AsyncSession, author: ImportedAuthor) -> str:
    """The id of the author of this slug, made if there is none."""
    known = await session.scalar(select(Author.id).where(Author.slug == author.slug))
    if known is None:
        new = AuthorCreate.model_validate(
            {
                "name": author.name,
                "slug": author.slug,
                "headline": author.headline,
                "bio": author.bio,
                "avatar_url": author.avatar_url,
                "links": [{"label": label, "url": url} for label, url in author.links],
            }
        )
        known = (await authors.create(session, new)).id
    return str(known)


async def _series(session: AsyncSession, title: str) -> str:
    known = await session.scalar(select(Series.id).where(Series.title == title).order_by(Series.created_at).limit(1))
    if known is None:
        known = (await series.create(session, SeriesCreate(title=title))).id
    return str(known)


async def _publish(session: AsyncSession, document: Document, post: Post) -> None:
    """As the document has it: a draft, published at its date, or scheduled for it."""
    if document.draft:
        if post.is_live:
            await publishing.unpublish(session, post, caller=None)
        return
    wish = PostPublish(at=document.published_at, message=f"Imported from {document.path}")
    await publishing.publish(session, post, wish, caller=None)
    post.updated_at = document.updated_at or document.published_at or post.updated_at


async def _redirect(session: AsyncSession, document: Document, post: Post, notes: list[str]) -> None:
    """The document's former addresses lead to it, unless they lead elsewhere already."""
    for alias in document.aliases:
        try:
            path = normal_path(alias)
        except ValueError as error:
            notes.append(f"the alias {alias[:50]!r} {error}: left out")
            continue
        if path == post.path:
            continue
        elsewhere = await redirects.alias(session, path, post.path, post.id)
        if elsewhere is not None:
            notes.append(f"the alias {alias} leads to {elsewhere} already")
