from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import AuthorReader, AuthorWriter
from byline.authors import queries
from byline.authors.models import Author
from byline.authors.service import AuthorNotFound
from byline.core.deps import PreconditionDep, SessionDep


async def get_public_author(slug: str, session: SessionDep) -> Author:
    author = await session.scalar(queries.author_with_slug(slug))
    if author is None:
        raise AuthorNotFound()
    return author


async def get_managed_author(author_id: UUID, caller: AuthorReader, session: SessionDep) -> Author:
    author = await session.get(Author, author_id)
    if author is None:
        raise AuthorNotFound()
    return author


async def get_editable_author(
    author_id: UUID, caller: AuthorWriter, precondition: PreconditionDep, session: SessionDep
) -> Author:
    """Locked until the transaction ends, so that of two saves of one version the second is refused."""
    author = await session.get(Author, author_id, with_for_update=True)
    if author is None:
        raise AuthorNotFound()
    precondition.check(author.version)
    return author


PublicAuthor = Annotated[Author, Depends(get_public_author)]
ManagedAuthorRow = Annotated[Author, Depends(get_managed_author)]
EditableAuthor = Annotated[Author, Depends(get_editable_author)]
