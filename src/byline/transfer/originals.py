"""Which post each document is a translation of, as far as the two go together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.posts.models import LIVE, Post
from byline.transfer.documents import Document
from byline.transfer.models import ImportedFile


@dataclass(frozen=True, slots=True)
class Member:
    """A post of a group of translations: `original` is its own id or that of what it is a translation of."""

    id: UUID
    original: UUID
    kind: str
    language: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class Originals:
    files: dict[str, UUID] = field(default_factory=dict)
    members: dict[UUID, Member] = field(default_factory=dict)

    def add(self, path: str, member: Member) -> None:
        self.files[path] = member.id
        self.members[member.id] = member

    def of(self, document: Document, language: str, notes: list[str], *, post_id: UUID | None = None) -> UUID | None:
        """`post_id` is that of the document, if it has a post already."""
        if document.translation_of is None:
            return None
        named = self.files.get(document.translation_of)
        found = self.members.get(named) if named is not None else None
        if found is None or found.kind != document.kind or found.original == post_id:
            notes.append(f"{document.translation_of}, which it translates, is not there as a {document.kind}")
        elif any(self._is_rival(member, found.original, language, post_id) for member in self.members.values()):
            notes.append(f"another translation of {document.translation_of} is in {language}: not linked")
        elif any(member.original == post_id != member.id for member in self.members.values()):
            notes.append("others are translations of it: not linked to another")
        else:
            return found.original
        return None

    def _is_rival(self, member: Member, original: UUID, language: str, post_id: UUID | None) -> bool:
        is_same = member.original == original and member.language.lower() == language.lower()
        return is_same and member.is_live and member.id != post_id


async def find(
    session: AsyncSession, source: str, documents: Iterable[Document], *, post_id: UUID | None = None
) -> Originals:
    """What the documents are translations of, with all other translations of it, and those of the post."""
    originals = Originals()
    paths = {document.translation_of for document in documents if document.translation_of}
    if not paths:
        return originals
    files = select(ImportedFile.path, ImportedFile.post_id).where(ImportedFile.source == source)
    originals.files.update((await session.execute(files.where(ImportedFile.path.in_(paths)))).all())
    named = [*originals.files.values(), *([post_id] if post_id else [])]
    groups = (await session.scalars(select(Post.article_id).where(Post.id.in_(named)))).all()
    columns = (Post.id, Post.article_id, Post.kind, Post.language, Post.status.in_(LIVE))
    posts = select(*columns).where(Post.deleted_at.is_(None))
    for row in await session.execute(posts.where(Post.id.in_(groups) | Post.translation_of.in_(groups))):
        originals.members[row[0]] = Member(*row)
    return originals
