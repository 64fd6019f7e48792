"""What readers get of a post, as columns of one statement: so an article and its authors are of one moment, and a list
of twenty costs one round trip.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, ColumnElement, DateTime, Label, Text, bindparam, case, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, aliased

from byline.authors.models import Author
from byline.core.schemas import Output
from byline.posts.models import Kind, Post, PostAuthor, PostTag, Visibility, path_of
from byline.posts.queries import is_live
from byline.series.models import Series
from byline.tags.models import Tag

NOW = bindparam("now", type_=DateTime(timezone=True))
"""The moment for which what is translated is looked for, where an answer shows that."""


def said(text: str) -> ColumnElement[str]:
    """In the statement itself: a parameter would be sent with each."""
    return literal_column(f"'{text}'", Text())


def _object(**members: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    pairs: Iterable[tuple[Any, Any]] = ((said(name), value) for name, value in members.items())
    return func.json_build_object(*(part for pair in pairs for part in pair), type_=JSON())


def _array(items: ColumnElement[Any], position: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.json_agg(aggregate_order_by(items, position)), said("[]"), type_=JSON())


def _below(folder: str, slug: InstrumentedAttribute[str]) -> ColumnElement[Any]:
    return said(path_of(folder, "")).concat(slug)


def _path(post: type[Post]) -> ColumnElement[Any]:
    is_post = post.kind == said(Kind.POST)
    return case((is_post, _below(Kind.POST, post.slug)), else_=_below(Kind.PAGE, post.slug))


def authors(**more: ColumnElement[Any]) -> ColumnElement[Any]:
    """With `more` of each than what an `AuthorRef` shows."""
    author = _object(id=Author.id, slug=Author.slug, name=Author.name, avatar_url=Author.avatar_url, **more)
    written = select(_array(author, PostAuthor.position))
    return (
        written.where(PostAuthor.post_id == Post.id, Author.id == PostAuthor.author_id)
        .correlate(Post)
        .scalar_subquery()
    )


_TAGS = _array(_object(id=Tag.id, slug=Tag.slug, name=Tag.name), PostTag.position)
_PLACE = _object(id=Series.id, slug=Series.slug, title=Series.title, position=Post.series_position)

_OTHER = aliased(Post)
_ALTERNATES = _array(
    _object(language=_OTHER.language, path=_path(_OTHER), is_original=_OTHER.translation_of.is_(None)), _OTHER.language
)

COMPUTED: dict[str, ColumnElement[Any]] = {
    "path": _path(Post),
    "tags": select(_TAGS).where(PostTag.post_id == Post.id, Tag.id == PostTag.tag_id).correlate(Post).scalar_subquery(),
    "authors": authors(path=_below("author", Author.slug)),
    "place_in_series": select(_PLACE).where(Series.id == Post.series_id).correlate(Post).scalar_subquery(),
    "is_original": Post.translation_of.is_(None),
    "alternates": select(_ALTERNATES)
    .where(
        Post.visibility == Visibility.PUBLIC,  # who lists one of them has to list all
        _OTHER.article_id == Post.article_id,
        _OTHER.id != Post.id,
        _OTHER.kind == Post.kind,
        _OTHER.visibility == Visibility.PUBLIC,
        is_live(_OTHER, NOW),
    )
    .correlate(Post)
    .scalar_subquery(),
}


@lru_cache(maxsize=1000)
def columns(model: type[Output], *, sort: InstrumentedAttribute[Any] = Post.id) -> tuple[Label[Any], ...]:
    """What the model is made of; and what a page is cut by."""
    wanted = [str(field.validation_alias or name) for name, field in model.model_fields.items()]
    return tuple(column(name).label(name) for name in dict.fromkeys(("id", sort.key, *wanted)))


def column(name: str) -> ColumnElement[Any] | InstrumentedAttribute[Any]:
    found: ColumnElement[Any] | InstrumentedAttribute[Any] = COMPUTED[name] if name in COMPUTED else getattr(Post, name)
    return found
