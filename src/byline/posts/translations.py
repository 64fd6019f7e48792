"""One article in several languages: a translation names its original, and all that name one belong together.

The original is part of what a revision holds, as tags and the series are: it is saved, compared, restored and
published with the rest, so that readers are never led to a translation that the desk only thinks of.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.errors import Conflict
from byline.core.uris import uri
from byline.posts.models import Post

X_DEFAULT = "x-default"
"""For readers of whichever other language (https://developers.google.com/search/docs/specialty/international)."""


class LanguageTaken(Conflict):
    code = "language_taken"
    title = "Another translation of the same article is live in this language"
    constraints = ("uq_posts_translation",)


class HasTranslations(Conflict):
    code = "has_translations"
    title = "Others are translations of this post, so it can be none of another"


async def original_of(session: AsyncSession, named: UUID, kind: str) -> UUID | None:
    """Of a translation, its original: so there are no chains. None for what is not there, or of another kind."""
    there = select(Post.id, Post.translation_of).where(Post.id == named, Post.kind == kind, Post.deleted_at.is_(None))
    found = (await session.execute(there)).one_or_none()
    return found and (found.translation_of or found.id)


async def has_translations(session: AsyncSession, post_id: UUID) -> bool:
    others = exists().where(Post.translation_of == post_id, Post.deleted_at.is_(None), Post.id != post_id)
    return bool(await session.scalar(select(others)))


def links(members: Iterable[tuple[str, str, bool]]) -> list[tuple[str, str]]:
    """Pairs of a language and an address, and the original's once more for all other languages.

    `members` of one group have a language, an address, and whether they are the original. Empty for one alone.
    """
    group = list(members)
    if len(group) < 2:
        return []
    found = [(language, uri(address)) for language, address, _ in group]
    return [*found, *((X_DEFAULT, uri(address)) for _, address, is_original in group if is_original)]
