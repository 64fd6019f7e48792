"""Saving what was read: documents become posts, and a second import of the same folder changes only what changed.

A file is known by the source it came from and its path there. Many documents are saved in one transaction (which is
rolled back, for a dry run), so that a crash leaves whole documents, and the next import goes on where this one ended.
What is new among them is saved together; where that fails, each half of it by itself, down to the one that is at fault.
"""

import asyncio
import dataclasses
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.core.errors import BylineError
from byline.core.ids import uuid7
from byline.core.markdown import Rendered, render
from byline.core.slugs import free_slug, free_slugs
from byline.posts import bringing, publishing, service
from byline.posts.bringing import Brought
from byline.posts.models import Kind, Post
from byline.posts.schemas import PostContent, PostCreate, PostPublish, PostUpdate
from byline.redirects import service as redirects
from byline.redirects.paths import normal_path
from byline.transfer import originals
from byline.transfer.documents import Document, Skipped, Unreadable
from byline.transfer.fields import fields_of
from byline.transfer.models import ImportedFile
from byline.transfer.originals import Member
from byline.transfer.references import find_or_make
from byline.transfer.report import Item, Outcome

Read = Document | Skipped | Unreadable

TOGETHER = 100
"""So many documents are saved in one transaction; fewer, where their texts have more than LENGTH characters."""
LENGTH = 5_000_000

REFUSALS = (BylineError, ValidationError, DBAPIError)


@dataclasses.dataclass(frozen=True, slots=True)
class _New:
    """A document that has no post yet."""

    document: Document
    digest: bytes
    rendered: Rendered


async def import_documents(
    sessions: async_sessionmaker[AsyncSession], source: str, read: Iterable[Read], *, language: str, dry_run: bool
) -> AsyncIterator[Item]:
    """One item for each thing read, once it is saved; `language` is for documents that name none.

    A dry run does all of it in one transaction, and takes it back.
    """
    if not dry_run:
        for batch in _batches(read):
            async with sessions.begin() as session:
                items = await _import(session, source, batch, language)
            for item in items:
                yield item
        return
    async with sessions() as session:
        for batch in _batches(read):
            for item in await _import(session, source, batch, language):
                yield item
        await session.rollback()


def _batches(read: Iterable[Read]) -> Iterator[list[Read]]:
    batch: list[Read] = []
    length = 0
    for found in read:
        batch.append(found)
        length += len(found.markdown) if isinstance(found, Document) else 0
        if len(batch) == TOGETHER or length > LENGTH:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


async def _import(session: AsyncSession, source: str, batch: Sequence[Read], language: str) -> list[Item]:
    """In order: what is new comes first into the database, for what is changed may be a translation of it."""
    digests = {found.path: _digest(found) for found in batch if isinstance(found, Document)}
    files = await _files(session, source, digests)
    new = [found for found in batch if isinstance(found, Document) and found.path not in files]
    rendered = await asyncio.to_thread(lambda: [render(document.markdown) for document in new])
    fresh = [_New(one, digests[one.path], done) for one, done in zip(new, rendered, strict=True)]
    items = {item.path: item for item in await _create(session, source, fresh, language)}
    for found in batch:
        if isinstance(found, Skipped):
            items[found.path] = Item(path=found.path, outcome=Outcome.SKIPPED, reason=found.reason)
        elif isinstance(found, Unreadable):
            items[found.path] = Item(path=found.path, outcome=Outcome.FAILED, reason=found.reason)
        elif found.path in files:
            items[found.path] = await _again(session, found, files[found.path], digests[found.path], language)
    return [items[found.path] for found in batch]


def _digest(document: Document) -> bytes:
    """Of all that was read: an author renamed in `authors.yml` changes the documents that they wrote."""
    stated = _fields(document)
    del stated["notes"]
    if document.translation_of is None:  # what was imported before there were translations has not changed
        del stated["translation_of"]
    text = json.dumps(stated, sort_keys=True, ensure_ascii=False, default=_fields)
    return hashlib.blake2b(text.encode(), digest_size=32).digest()


def _fields(value: object) -> Any:
    """What JSON has no form for: a document, an author or a tag; or a time."""
    if not dataclasses.is_dataclass(value):
        return str(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


async def _files(session: AsyncSession, source: str, paths: Iterable[str]) -> dict[str, ImportedFile]:
    """Those of an earlier import; whoever imports one of them at the same time waits."""
    known = select(ImportedFile).where(ImportedFile.source == source, ImportedFile.path.in_(paths))
    found = await session.scalars(known.order_by(ImportedFile.path).with_for_update())
    return {file.path: file for file in found}


def _item(document: Document, outcome: Outcome, notes: Iterable[str]) -> Item:
    return Item(path=document.path, outcome=outcome, reason="; ".join(notes) or None)


def _failed(document: Document, error: BylineError | ValidationError | DBAPIError) -> Item:
    if isinstance(error, ValidationError):
        notes = [f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors()]
    elif isinstance(error, DBAPIError):
        notes = [f"the database refused it: {error.orig}"]
    else:
        notes = [f"{error.title}: {error.detail}" if error.detail else error.title]
    return _item(document, Outcome.FAILED, notes)


# ── what is new ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _create(session: AsyncSession, source: str, new: Sequence[_New], language: str) -> list[Item]:
    if not new:
        return []
    try:
        async with session.begin_nested():
            return await _create_together(session, source, new, language)
    except REFUSALS as error:
        if len(new) == 1:
            return [_failed(new[0].document, error)]
    half = len(new) // 2
    first = await _create(session, source, new[:half], language)
    return [*first, *await _create(session, source, new[half:], language)]


async def _create_together(session: AsyncSession, source: str, new: Sequence[_New], language: str) -> list[Item]:
    documents = [one.document for one in new]
    references = await find_or_make(session, documents)
    translated = await originals.find(session, source, documents)
    slugs = await _slugs(session, documents)
    brought: list[Brought] = []
    notes: list[list[str]] = []
    for one, slug in zip(new, slugs, strict=True):
        document = one.document
        notes.append(list(document.notes))
        fields = fields_of(document, references, notes[-1])
        spoken = document.language or language
        fields["translation_of"] = translated.of(document, spoken, notes[-1])
        if slug != document.slug:
            notes[-1].append(f"another {document.kind} has the slug {document.slug}: imported as {slug}")
        brought.append(_brought(one, fields | {"slug": slug, "language": spoken}))
        post_id, original = brought[-1].id, fields["translation_of"]
        translated.add(document.path, Member(post_id, original or post_id, document.kind, spoken, not document.draft))
    posts = await bringing.bring(session, brought)
    files = [
        {"source": source, "path": one.document.path, "post_id": post.id, "digest": one.digest}
        for one, post in zip(new, posts, strict=True)
    ]
    await session.execute(insert(ImportedFile), files)
    await _redirect(session, list(zip(documents, posts, notes, strict=True)))
    return [_item(document, Outcome.CREATED, said) for document, said in zip(documents, notes, strict=True)]


async def _slugs(session: AsyncSession, documents: Sequence[Document]) -> list[str]:
    """Of each its own slug, or one with a number behind it where another post has that already."""
    found: dict[str, str] = {}
    for kind in Kind:
        alike = [document for document in documents if document.kind == kind]
        if alike:
            free = await free_slugs(session, Post.slug, [one.slug for one in alike], *service.rivals(kind))
            found |= zip((one.path for one in alike), free, strict=True)
    return [found[document.path] for document in documents]


def _brought(one: _New, fields: dict[str, Any]) -> Brought:
    """Raises ValidationError."""
    document = one.document
    message = f"Imported from {document.path}"
    new = PostCreate(kind=document.kind, message=message, **fields)
    return Brought(
        id=uuid7(),
        kind=document.kind,
        content=PostContent.model_validate(new.model_dump(exclude={"kind", "message"})),
        rendered=one.rendered,
        wish=None if document.draft else PostPublish(at=document.published_at),
        updated_at=document.updated_at or document.published_at,
        message=message,
    )


async def _redirect(session: AsyncSession, imported: Sequence[tuple[Document, Post, list[str]]]) -> None:
    """The documents' former addresses lead to them, unless they lead elsewhere already: then a note says so."""
    former: list[tuple[str, Post, str, list[str]]] = []
    for document, post, notes in imported:
        for alias in document.aliases:
            try:
                path = normal_path(alias)
            except ValueError as error:
                notes.append(f"the alias {alias[:50]!r} {error}: left out")
            else:
                if path != post.path:
                    former.append((path, post, alias, notes))
    there = await redirects.alias(session, [(path, post.path, post.id) for path, post, _, _ in former])
    for path, post, alias, notes in former:
        if there[path] != post.path:
            notes.append(f"the alias {alias} leads to {there[path] or 'nowhere'} already")


# ── what was imported before ─────────────────────────────────────────────────────────────────────────────────────────


async def _again(session: AsyncSession, document: Document, file: ImportedFile, digest: bytes, language: str) -> Item:
    if file.digest == digest:
        return _item(document, Outcome.UNCHANGED, ())
    try:
        async with session.begin_nested():
            outcome, notes = await _update(session, document, file, language)
            if outcome == Outcome.UPDATED:
                file.digest = digest
    except REFUSALS as error:
        return _failed(document, error)
    return _item(document, outcome, notes)


async def _update(
    session: AsyncSession, document: Document, file: ImportedFile, language: str
) -> tuple[Outcome, list[str]]:
    post = await session.get_one(Post, file.post_id, with_for_update=True)
    if post.deleted_at is not None:
        return Outcome.SKIPPED, ["its post is in the trash"]
    notes = list(document.notes)
    spoken = document.language or language
    fields = fields_of(document, await find_or_make(session, [document]), notes) | {"language": spoken}
    translated = await originals.find(session, file.source, [document], post_id=post.id)
    fields["translation_of"] = translated.of(document, spoken, notes, post_id=post.id)
    fields["slug"] = await _slug(session, document, post, notes)
    changes = PostUpdate(message=f"Imported from {document.path}", **fields)
    await service.update(session, post, changes, caller=None)
    await _publish(session, document, post)
    await _redirect(session, [(document, post, notes)])
    return Outcome.UPDATED, notes


async def _slug(session: AsyncSession, document: Document, post: Post, notes: list[str]) -> str:
    """The document's own slug, or one with a number behind it: the post's, where that is such a one."""
    if re.fullmatch(rf"{re.escape(document.slug)}(-[0-9]+)?", post.slug):
        return post.slug
    slug = await free_slug(session, Post.slug, document.slug, *service.rivals(document.kind))
    if slug != document.slug:
        notes.append(f"another {document.kind} has the slug {document.slug}: imported as {slug}")
    return slug


async def _publish(session: AsyncSession, document: Document, post: Post) -> None:
    """As the document has it: a draft, published at its date, or scheduled for it."""
    if document.draft:
        if post.is_live:
            await publishing.unpublish(session, post, caller=None)
        return
    wish = PostPublish(at=document.published_at, message=f"Imported from {document.path}")
    await publishing.publish(session, post, wish, caller=None)
    post.updated_at = document.updated_at or document.published_at or post.updated_at
