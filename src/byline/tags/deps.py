from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import TagReader, TagWriter
from byline.core.deps import PreconditionDep, SessionDep
from byline.tags import queries
from byline.tags.models import Tag
from byline.tags.service import TagNotFound


async def get_public_tag(slug: str, session: SessionDep) -> Tag:
    tag = await session.scalar(queries.tag_with_slug(slug))
    if tag is None:
        raise TagNotFound()
    return tag


async def get_managed_tag(tag_id: UUID, caller: TagReader, session: SessionDep) -> Tag:
    tag = await session.get(Tag, tag_id)
    if tag is None:
        raise TagNotFound()
    return tag


async def get_editable_tag(tag_id: UUID, caller: TagWriter, precondition: PreconditionDep, session: SessionDep) -> Tag:
    """Locked until the transaction ends, so that of two saves of one version the second is refused."""
    tag = await session.get(Tag, tag_id, with_for_update=True)
    if tag is None:
        raise TagNotFound()
    precondition.check(tag.version)
    return tag


PublicTag = Annotated[Tag, Depends(get_public_tag)]
ManagedTagRow = Annotated[Tag, Depends(get_managed_tag)]
EditableTag = Annotated[Tag, Depends(get_editable_tag)]
