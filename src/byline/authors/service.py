from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from byline.authors.models import Author
from byline.authors.schemas import AuthorCreate, AuthorUpdate
from byline.core import events
from byline.core.errors import Conflict, Forbidden, NotFound
from byline.core.slugs import free_slug, slug_from
from byline.redirects import service as redirects


class AuthorNotFound(NotFound):
    code = "author_not_found"
    title = "There is no such author"


class AuthorSlugTaken(Conflict):
    code = "author_slug_taken"
    title = "Another author has this slug"
    constraints = ("uq_authors_slug",)


class AuthorHasPosts(Conflict):
    code = "author_has_posts"
    title = "This author stands over posts: give those to somebody else first"
    constraints = ("fk_post_authors_author_id",)


class NotYourByline(Forbidden):
    code = "not_your_byline"
    title = "You may change your own byline alone"


class EditorsOnly(Forbidden):
    code = "editors_only"
    title = "Only editors add and remove bylines"


async def create(session: AsyncSession, new: AuthorCreate, *, user_id: UUID | None = None) -> Author:
    """Raises AuthorSlugTaken, for a slug that was asked for."""
    fields: dict[str, Any] = new.model_dump()
    if new.slug is None:
        fields["slug"] = await free_slug(session, Author.slug, slug_from(new.name, fallback="author"))
    [author] = await add(session, [fields | {"user_id": user_id}])
    return author


async def add(session: AsyncSession, new: Sequence[dict[str, Any]]) -> list[Author]:
    """Of the fields of AuthorCreate, the slug among them. Raises AuthorSlugTaken."""
    authors = [Author(**fields) for fields in new]
    session.add_all(authors)
    await session.flush()
    await redirects.take(session, *(author.path for author in authors))
    for author in authors:
        _record(session, "author.created", author, events.created(author, *AuthorCreate.model_fields, "user_id"))
    return authors


async def update(session: AsyncSession, author: Author, changes: AuthorUpdate) -> Author:
    """Raises AuthorSlugTaken."""
    former_path = author.path
    _record(session, "author.updated", author, author.change(changes.model_dump()))
    await session.flush()
    await redirects.rename(session, author.id, former_path, author.path)
    return author


async def delete(session: AsyncSession, author: Author) -> None:
    """Raises AuthorHasPosts."""
    _record(session, "author.deleted", author, events.deleted(author, *AuthorCreate.model_fields))
    await session.delete(author)
    await session.flush()
    await redirects.forget(session, author.id)


def _record(session: AsyncSession, type: str, author: Author, changes: events.Changes) -> None:
    events.record(session, type, author, changes, shown=events.shown("author", author, changes))
