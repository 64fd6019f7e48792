from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from byline.core import events
from byline.core.errors import Conflict, Invalid, NotFound
from byline.core.slugs import free_slug, slug_from
from byline.redirects import service as redirects
from byline.tags import queries
from byline.tags.models import Tag
from byline.tags.schemas import TagCreate, TagUpdate


class TagNotFound(NotFound):
    code = "tag_not_found"
    title = "There is no such tag"


class TagSlugTaken(Conflict):
    code = "tag_slug_taken"
    title = "Another tag has this slug"
    constraints = ("uq_tags_slug",)


class UnfitParent(Invalid):
    code = "unfit_parent"
    title = "A tag stands under a tag that exists, and not under itself"
    constraints = ("fk_tags_parent_id", "ck_tags_not_its_own_parent")


async def create(session: AsyncSession, new: TagCreate) -> Tag:
    """Raises TagSlugTaken for a slug that was asked for, UnfitParent."""
    fields: dict[str, Any] = new.model_dump()
    await _check_parent(session, new.parent_id)
    if new.slug is None:
        fields["slug"] = await free_slug(session, Tag.slug, slug_from(new.name, fallback="tag"))
    [tag] = await add(session, [fields])
    return tag


async def add(session: AsyncSession, new: Sequence[dict[str, Any]]) -> list[Tag]:
    """Of the fields of TagCreate, the slug among them. Raises TagSlugTaken."""
    tags = [Tag(**fields) for fields in new]
    session.add_all(tags)
    await session.flush()
    await redirects.take(session, *(tag.path for tag in tags))
    for tag in tags:
        _record(session, "tag.created", tag, events.created(tag, *TagCreate.model_fields))
    return tags


async def update(session: AsyncSession, tag: Tag, changes: TagUpdate) -> Tag:
    """Raises TagSlugTaken, UnfitParent."""
    fields = changes.model_dump()
    parent_id: UUID | None = fields.get("parent_id")
    await _check_parent(session, parent_id)
    if parent_id is not None and await session.scalar(queries.stands_under(parent_id, tag.id)):
        raise UnfitParent(pointer="/parent_id")
    former_path = tag.path
    _record(session, "tag.updated", tag, tag.change(fields))
    await session.flush()
    await redirects.rename(session, tag.id, former_path, tag.path)
    return tag


async def _check_parent(session: AsyncSession, parent_id: UUID | None) -> None:
    if parent_id is not None and await session.get(Tag, parent_id) is None:
        raise UnfitParent(f"there is no {str(parent_id)!r}", pointer="/parent_id")


async def delete(session: AsyncSession, tag: Tag) -> None:
    """Articles lose the tag; the tags under it stand on their own."""
    _record(session, "tag.deleted", tag, events.deleted(tag, *TagCreate.model_fields))
    await session.delete(tag)
    await session.flush()
    await redirects.forget(session, tag.id)


def _record(session: AsyncSession, type: str, tag: Tag, changes: events.Changes) -> None:
    events.record(session, type, tag, changes, shown=events.shown("tag", tag, changes))
