from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.caller import Caller
from byline.accounts.deps import AuthorReader, AuthorWriter
from byline.authors import policy, queries
from byline.authors.models import Author
from byline.authors.service import AuthorNotFound, EditorsOnly, NotYourByline
from byline.core.deps import PreconditionDep, ReadSessionDep, SessionDep, by_id


async def get_public_author(slug: str, session: ReadSessionDep) -> Author:
    author = await session.scalar(queries.author_with_slug(slug))
    if author is None:
        raise AuthorNotFound()
    return author


async def get_managed_author(author_id: UUID, caller: AuthorReader, session: SessionDep) -> Author:
    return await by_id(session, Author, author_id, AuthorNotFound)


async def get_editable_author(
    author_id: UUID, caller: AuthorWriter, precondition: PreconditionDep, session: SessionDep
) -> Author:
    """Locked until the transaction ends, so that of two saves of one version the second is refused."""
    author = await session.get(Author, author_id, with_for_update=True)
    if author is None:
        raise AuthorNotFound()
    if not policy.may_change(caller, author):
        raise NotYourByline()
    precondition.check(author.version)
    return author


async def get_author_keeper(caller: AuthorWriter) -> Caller:
    if not policy.may_add_and_remove(caller):
        raise EditorsOnly()
    return caller


PublicAuthor = Annotated[Author, Depends(get_public_author)]
ManagedAuthorRow = Annotated[Author, Depends(get_managed_author)]
EditableAuthor = Annotated[Author, Depends(get_editable_author)]
AuthorKeeper = Annotated[Caller, Depends(get_author_keeper)]
