from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import TagReader, TagWriter
from byline.core.deps import PreconditionDep, ReadSessionDep, SessionDep, by_id, current
from byline.tags import queries
from byline.tags.models import Tag
from byline.tags.service import TagNotFound


async def get_public_tag(slug: str, session: ReadSessionDep) -> Tag:
    tag = await session.scalar(queries.tag_with_slug(slug))
    if tag is None:
        raise TagNotFound()
    return tag


async def get_managed_tag(tag_id: UUID, caller: TagReader, session: SessionDep) -> Tag:
    return await by_id(session, Tag, tag_id, TagNotFound)


async def get_editable_tag(tag_id: UUID, caller: TagWriter, precondition: PreconditionDep, session: SessionDep) -> Tag:
    return await current(session, Tag, tag_id, TagNotFound, precondition)


PublicTag = Annotated[Tag, Depends(get_public_tag)]
ManagedTagRow = Annotated[Tag, Depends(get_managed_tag)]
EditableTag = Annotated[Tag, Depends(get_editable_tag)]
