"""Named selects. What is published is a predicate: no job has to run for a scheduled post to appear."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased, defer, joinedload, load_only, selectinload, with_expression
from sqlalchemy.orm.interfaces import ORMOption

from byline.accounts.caller import Caller
from byline.authors.models import Author
from byline.core.pagination import Sorts
from byline.core.schemas import Output
from byline.posts.models import (
    LIVE,
    Kind,
    Post,
    PostAuthor,
    PostTag,
    PreviewLink,
    ReviewComment,
    ReviewState,
    Revision,
    Status,
    Visibility,
)
from byline.posts.schemas import ManagedPostQuery, PostFilters
from byline.series.models import Series
from byline.tags.models import Tag

SORTS: Sorts = {
    "published_at": Post.published_at,
    "updated_at": Post.updated_at,
    "title": Post.title,
    "series_position": Post.series_rank,
}

# What a field of an answer needs of the row, where that is not the column of its own name.
_COLUMNS: dict[str, tuple[InstrumentedAttribute[Any], ...]] = {
    "url": (Post.kind, Post.slug),
    "status": (Post.status, Post.published_at, Post.expires_at, Post.review_state, Post.review_version, Post.version),
    "live_version": (Post.live_version, Post.status, Post.expires_at),
    "review": (Post.review_state, Post.review_version, Post.version),
    "updated_at": (Post.updated_at, Post.edited_at),
    "series": (Post.series_id, Post.series_position),
    "tags": (Post.id,),
    "authors": (Post.id,),
    "is_original": (Post.translation_of,),
}
MANAGED_SORTS: Sorts = {"updated_at": Post.edited_at, "created_at": Post.created_at, "title": Post.title}
PREVIEW_LINK_SORTS: Sorts = {"created_at": PreviewLink.created_at}
TRASH_SORTS: Sorts = {"trashed_at": Post.deleted_at, "title": Post.title}
TRANSLATION_SORTS: Sorts = {"language": Post.language}
REVISION_SORTS: Sorts = {"number": Revision.number}
COMMENT_SORTS: Sorts = {"id": ReviewComment.id}

Now = datetime | BindParameter[datetime]

_RELATED = {"tags": Post.tags, "authors": Post.authors, "series": Post.series}


def published(kind: Kind, now: Now) -> Select[Post]:
    """What anybody may read at this moment, by its address."""
    return select(Post).where(Post.kind == kind, is_live(Post, now))


def is_live(post: type[Post], now: Now) -> ColumnElement[bool]:
    """Whether readers see it at this moment. `post` is the table, or an alias of it."""
    # In SQL itself, or no plan but one made anew for each request could use the index of what is live.
    status = post.status.in_([literal_column(f"'{status.value}'") for status in LIVE])
    return and_(post.deleted_at.is_(None), status, post.published_at <= now, _lasts(post, now))


def _lasts(post: type[Post], now: Now) -> ColumnElement[bool]:
    """Whether the time is not over yet for which readers are to see it."""
    return or_(post.expires_at.is_(None), post.expires_at > now)


def listed(kind: Kind, now: Now) -> Select[Post]:
    """What is published and not unlisted."""
    return published(kind, now).where(Post.visibility == Visibility.PUBLIC)


def translations(post: Post, now: datetime) -> Select[Post]:
    """What readers' lists show of the same article in other languages."""
    return listed(Kind(post.kind), now).where(Post.article_id == post.article_id, Post.id != post.id)


def with_translated(now: datetime) -> ORMOption:
    """Fills in `Post.is_translated`, so that of most posts nothing more is asked."""
    other = aliased(Post)
    groups = other.article_id == Post.article_id
    others = exists().where(groups, other.id != Post.id, other.visibility == Visibility.PUBLIC, is_live(other, now))
    return with_expression(Post.is_translated, others)


def due(now: datetime) -> Select[Post]:
    """What was scheduled, and is published by now: it stays `scheduled` until it is announced."""
    return select(Post).where(Post.deleted_at.is_(None), Post.status == Status.SCHEDULED, Post.published_at <= now)


def expired(now: datetime) -> Select[Post]:
    """What was published, and is no more by now: it stays `published` until that is announced."""
    return select(Post).where(Post.deleted_at.is_(None), Post.status == Status.PUBLISHED, Post.expires_at <= now)


def next_change(now: datetime) -> Select[datetime | None]:
    """The first moment after this one at which time alone changes what readers see."""
    moments = [Post.published_at, Post.expires_at]
    firsts = [
        select(func.min(moment)).where(Post.deleted_at.is_(None), Post.status.in_(LIVE), moment > now).scalar_subquery()
        for moment in moments
    ]
    return select(func.least(*firsts))


def kept() -> Select[Post]:
    """Everything that is not in the trash."""
    return select(Post).where(Post.deleted_at.is_(None))


def own(user_id: UUID) -> ColumnElement[bool]:
    """Whether the user began the post, or stands over it: over what readers see, while it is live.

    One list, so that PostgreSQL asks it for the one post that is wanted, or begins with it.
    """
    standing = select(PostAuthor.post_id).join(Author, Author.id == PostAuthor.author_id)
    begun = select(Revision.post_id).where(Revision.number == 1, Revision.created_by == user_id)
    return Post.id.in_(union_all(standing.where(Author.user_id == user_id), begun))


def own_in_trash(user_id: UUID) -> ColumnElement[bool]:
    """The same for the trash, where nobody stands over a post any more: its newest revision says who did."""
    author = select(cast(Author.id, Text)).where(Author.user_id == user_id).scalar_subquery()
    newest = select(Revision.post_id).where(
        Revision.post_id == Post.id, Revision.number == Post.version, Revision.content["authors"].has_key(author)
    )
    begun = select(Revision.post_id).where(Revision.number == 1, Revision.created_by == user_id)
    return newest.exists() | Post.id.in_(begun)


def trashed(caller: Caller) -> Select[Post]:
    """What of the trash the caller may know of."""
    reach = own_in_trash(caller.user_id) if caller.own_only else true()
    return select(Post).where(Post.deleted_at.is_not(None), reach)


def preview_links(post_id: UUID) -> Select[PreviewLink]:
    return select(PreviewLink).where(PreviewLink.post_id == post_id).options(joinedload(PreviewLink.creator))


def comments(post_id: UUID) -> Select[ReviewComment]:
    people = joinedload(ReviewComment.author), joinedload(ReviewComment.resolver)
    return select(ReviewComment).where(ReviewComment.post_id == post_id).options(*people)


def reachable_by(caller: Caller) -> ColumnElement[bool]:
    """Whether the caller may know of the post at the desk."""
    return own(caller.user_id) if caller.own_only else true()


def sorts(filters: PostFilters) -> Sorts:
    """By time, what has a tag or an author is in the order of that table: so a page costs the same for a rare tag."""
    return {**SORTS, "published_at": _time(filters)}


def _time(filters: PostFilters) -> InstrumentedAttribute[datetime | None]:
    if filters.tag is not None:
        return PostTag.published_at
    return Post.published_at if filters.author is None else PostAuthor.published_at


def matching(filters: PostFilters) -> list[ColumnElement[bool]]:
    """The conditions that a client's filters set."""
    conditions: list[ColumnElement[bool]] = []
    if filters.tag is not None:
        tag = select(Tag.id).where(Tag.slug == filters.tag).scalar_subquery()
        conditions += [PostTag.post_id == Post.id, PostTag.tag_id == tag]
    if filters.author is not None:
        author = select(Author.id).where(Author.slug == filters.author).scalar_subquery()
        conditions += [PostAuthor.post_id == Post.id, PostAuthor.author_id == author]
    if filters.series is not None:
        conditions.append(Post.series_id == select(Series.id).where(Series.slug == filters.series).scalar_subquery())
    if filters.language is not None:
        conditions.append(func.lower(Post.language) == func.lower(filters.language))
    if filters.featured is not None:
        conditions.append(
            Post.featured.expression if filters.featured else ~Post.featured
        )  # said in SQL itself, for its index
    if filters.published_after is not None:
        conditions.append(_time(filters) > filters.published_after)
    if filters.published_before is not None:
        conditions.append(_time(filters) < filters.published_before)
    return conditions


def managed(query: ManagedPostQuery, now: datetime, caller: Caller) -> Select[Post]:
    """What the desk's list shows."""
    statement = kept().where(reachable_by(caller), *matching(query))
    if query.kind is not None:
        statement = statement.where(Post.kind == query.kind)
    if query.status is not None:
        statement = statement.where(_stands(query.status, now))
    if query.review is not None:
        statement = statement.where(_review() == query.review)
    return statement


def _review() -> ColumnElement[str | None]:
    """As `Post.review` has it."""
    is_void = (Post.review_state == ReviewState.APPROVED) & (Post.review_version != Post.version)
    return case((is_void, ReviewState.IN_REVIEW.value), else_=Post.review_state)


def _stands(status: Status, now: datetime) -> ColumnElement[bool]:
    """As `Post.current_status` has it."""
    is_live = Post.status.in_(LIVE) & _lasts(Post, now)
    reviewed = func.coalesce(_review().in_([ReviewState.IN_REVIEW, ReviewState.APPROVED]), False)
    match status:
        case Status.SCHEDULED:
            return is_live & (Post.published_at > now)
        case Status.PUBLISHED:
            return is_live & (Post.published_at <= now)
        case Status.IN_REVIEW | Status.APPROVED:
            return ~is_live & (_review() == status.value)
        case Status.DRAFT:
            return (Post.status == status) & ~reviewed
        case Status.UNPUBLISHED:
            return or_(Post.status == status, Post.status.in_(LIVE) & ~_lasts(Post, now)) & ~reviewed


def shown(
    model: type[Output], names: frozenset[str] | None = None, *, sort: InstrumentedAttribute[Any] = Post.id
) -> list[ORMOption]:
    """Loads what the answer needs, or the named fields of it: at most three more queries, for any number of rows."""
    names = frozenset(model.model_fields) if names is None else names
    columns = [column for name in names for column in _COLUMNS.get(name) or (getattr(Post, name),)]
    options: list[ORMOption] = [load_only(sort, *columns, raiseload=True)]
    options.extend(selectinload(_RELATED[name]) for name in names & _RELATED.keys())
    return options


def revisions(post_id: UUID) -> Select[Revision]:
    """All of a post, without what they hold."""
    options = (defer(Revision.content, raiseload=True), joinedload(Revision.author))
    return select(Revision).where(Revision.post_id == post_id).options(*options)


def revision(post_id: UUID, number: int) -> Select[Revision]:
    return select(Revision).where(Revision.post_id == post_id, Revision.number == number)


def revision_before(post_id: UUID, number: int) -> Select[Revision]:
    """The last one before it that is there."""
    earlier = select(Revision).where(Revision.post_id == post_id, Revision.number < number)
    return earlier.order_by(Revision.number.desc()).limit(1)


def thinnable(days_before: datetime, weeks_before: datetime) -> Select[UUID, UUID]:
    """Revisions that thinning drops, and their posts: before `weeks_before` all but the last of each week, from there
    to `days_before` all but the last of each day, in UTC.

    Never the first, the newest, the live or the reviewed one, one that was published, has a name or a comment, or is
    shown by a preview link. Both times begin a week or a day.
    """
    at = func.timezone("UTC", Revision.created_at)
    weekly = Revision.created_at < weeks_before
    span = case((weekly, func.date_trunc("week", at)), else_=func.date_trunc("day", at))
    later = func.row_number().over(partition_by=(Revision.post_id, weekly, span), order_by=Revision.number.desc())
    old = select(Revision.id, later.label("place")).where(Revision.created_at < days_before).subquery()
    was_published = func.coalesce(Revision.published, Revision.status.in_(LIVE))
    of_revision = PreviewLink.post_id == Revision.post_id, PreviewLink.revision == Revision.number
    on_revision = ReviewComment.post_id == Revision.post_id, ReviewComment.revision == Revision.number
    return (
        select(Revision.id, Revision.post_id)
        .join(old, old.c.id == Revision.id)
        .join(Post, Post.id == Revision.post_id)
        .where(
            old.c.place > 1,
            Revision.number > 1,
            Revision.number < Post.version,
            Revision.number.is_distinct_from(Post.live_version),
            Revision.number.is_distinct_from(Post.review_version),
            Revision.name.is_(None),
            ~was_published,
            ~exists(select(PreviewLink.id).where(*of_revision)),
            ~exists(select(ReviewComment.id).where(*on_revision)),
        )
    )
