"""Every table, for Alembic and the mappers."""

from byline.accounts.models import Session, User
from byline.authors.models import Author
from byline.core.database import Base
from byline.posts.models import Post, PostAuthor, PostTag, Revision
from byline.redirects.models import Redirect
from byline.series.models import Series
from byline.tags.models import Tag
from byline.transfer.models import ImportedFile

__all__ = [
    "Author",
    "Base",
    "ImportedFile",
    "Post",
    "PostAuthor",
    "PostTag",
    "Redirect",
    "Revision",
    "Series",
    "Session",
    "Tag",
    "User",
]
