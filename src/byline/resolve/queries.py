"""What readers see, by its path and by its id."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import load_only

from byline.authors.models import Author
from byline.posts import queries as posts
from byline.posts.models import Kind, Post
from byline.redirects.models import Redirect
from byline.redirects.paths import keys
from byline.series.models import Series
from byline.tags.models import Tag

Readable = Post | Tag | Author | Series

_PATH = re.compile(r"(?:/(posts|tags|authors|series))?/([^/?]+)(?:\?.*)?")
_ROOMS: dict[str, type[Tag] | type[Author] | type[Series]] = {"tags": Tag, "authors": Author, "series": Series}


def readable_at(path: str, now: datetime) -> Select[Any] | None:
    """None where there can be nothing."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    room, slug = found.groups()
    if room in _ROOMS:
        model = _ROOMS[room]
        return select(model).where(model.slug == slug)
    kind = Kind.PAGE if room is None else Kind.POST
    return _addressed(posts.published(kind, now).where(Post.slug == slug))


def readable_post(kind: str, post_id: UUID, now: datetime) -> Select[Post]:
    return _addressed(posts.published(Kind(kind), now).where(Post.id == post_id))


def kind_of(post_id: UUID) -> Select[str]:
    return select(Post.kind).where(Post.id == post_id)


def redirects_at(path: str) -> Select[Redirect]:
    """With the query of the path or without it, of which the longer one counts."""
    return select(Redirect).where(Redirect.path.in_(keys(path))).order_by(func.length(Redirect.path).desc()).limit(1)


def _addressed(statement: Select[Post]) -> Select[Post]:
    return statement.options(load_only(Post.kind, Post.slug, Post.updated_at, raiseload=True))
