"""What documents refer to, found or made once for many of them: tags, authors and series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.authors import service as authors
from byline.authors.models import Author
from byline.authors.schemas import AuthorCreate
from byline.series import service as series
from byline.series.models import Series
from byline.series.schemas import SeriesCreate
from byline.tags import service as tags
from byline.tags.models import Tag
from byline.tags.schemas import TagCreate
from byline.transfer.documents import Document, ImportedAuthor, ImportedTag


@dataclass(frozen=True, slots=True)
class References:
    tags: dict[ImportedTag, UUID]
    authors: dict[str, UUID]
    """By slug."""
    series: dict[str, UUID]
    """By title."""


async def find_or_make(session: AsyncSession, documents: Sequence[Document]) -> References:
    """All that the documents name. Raises ValidationError for an author or a tag that cannot be."""
    return References(
        tags=await _tags(session, [tag for document in documents for tag in document.tags]),
        authors=await _authors(session, [author for document in documents for author in document.authors]),
        series=await _series(session, [document.series for document in documents if document.series]),
    )


async def _tags(session: AsyncSession, named: Iterable[ImportedTag]) -> dict[ImportedTag, UUID]:
    """The tag of this slug, or known by this name; made if there is none."""
    wanted = dict.fromkeys(named)
    slugs, names = [tag.slug for tag in wanted], [tag.name for tag in wanted]
    by_slug: dict[str, UUID] = {}
    by_alias: dict[str, UUID] = {}
    if wanted:
        there = select(Tag.id, Tag.slug, Tag.aliases).where(Tag.slug.in_(slugs) | Tag.aliases.overlap(names))
        for tag_id, slug, aliases in await session.execute(there.order_by(Tag.slug.desc())):
            by_slug[slug] = tag_id
            by_alias |= dict.fromkeys(aliases, tag_id)
    new = {tag.slug: tag for tag in reversed(wanted) if tag.slug not in by_slug and tag.name not in by_alias}
    if new:
        fields = [
            TagCreate(name=tag.name, slug=tag.slug, description=tag.description) for tag in reversed(new.values())
        ]
        made = await tags.add(session, [one.model_dump() for one in fields])
        by_slug |= {tag.slug: tag.id for tag in made}
    return {tag: by_slug.get(tag.slug) or by_alias[tag.name] for tag in wanted}


async def _authors(session: AsyncSession, named: Iterable[ImportedAuthor]) -> dict[str, UUID]:
    """The author of this slug, made if there is none."""
    wanted = {author.slug: author for author in reversed(list(named))}  # as who is named first has it
    known: dict[str, UUID] = {}
    if wanted:
        there = select(Author.slug, Author.id).where(Author.slug.in_(wanted))
        known.update((await session.execute(there)).all())
    new = [author for author in reversed(wanted.values()) if author.slug not in known]
    if new:
        made = await authors.add(session, [_new_author(author).model_dump() for author in new])
        known |= {author.slug: author.id for author in made}
    return known


def _new_author(author: ImportedAuthor) -> AuthorCreate:
    return AuthorCreate.model_validate(
        {
            "name": author.name,
            "slug": author.slug,
            "headline": author.headline,
            "bio": author.bio,
            "avatar_url": author.avatar_url,
            "links": [{"label": label, "url": url} for label, url in author.links],
        }
    )


async def _series(session: AsyncSession, titles: Iterable[str]) -> dict[str, UUID]:
    wanted = dict.fromkeys(titles)
    known: dict[str, UUID] = {}
    if wanted:
        there = select(Series.title, Series.id).where(Series.title.in_(wanted)).order_by(Series.created_at.desc())
        known.update((await session.execute(there)).all())  # of two with one title the older one
    for title in wanted:
        if title not in known:
            known[title] = (await series.create(session, SeriesCreate(title=title))).id
    return known
