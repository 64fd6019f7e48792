from uuid import UUID

from sqlalchemy import Select, select

from byline.authors.models import Author
from byline.core.pagination import Sorts

SORTS: Sorts = {"name": Author.name, "created_at": Author.created_at}


def authors() -> Select[Author]:
    return select(Author)


def author_with_slug(slug: str) -> Select[Author]:
    return select(Author).where(Author.slug == slug)


def author_of_user(user_id: UUID) -> Select[Author]:
    return select(Author).where(Author.user_id == user_id)
