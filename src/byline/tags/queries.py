from uuid import UUID

from sqlalchemy import Select, exists, select

from byline.core.pagination import Sorts
from byline.tags.models import Tag

SORTS: Sorts = {"name": Tag.name, "created_at": Tag.created_at}


def tags() -> Select[Tag]:
    return select(Tag)


def tag_with_slug(slug: str) -> Select[Tag]:
    return select(Tag).where(Tag.slug == slug)


def stands_under(tag_id: UUID, ancestor_id: UUID) -> Select[bool]:
    """Whether `ancestor_id` is the tag itself or somewhere above it."""
    line = select(Tag.id, Tag.parent_id).where(Tag.id == tag_id).cte("line", recursive=True)
    line = line.union(select(Tag.id, Tag.parent_id).join(line, Tag.id == line.c.parent_id))
    return select(exists().where(line.c.id == ancestor_id))
