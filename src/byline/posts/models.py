"""Posts and pages, who stands over them, what they are about, and every version of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, mapped_column, query_expression, relationship, synonym

from byline.accounts.models import User
from byline.authors.models import Author
from byline.core.database import Base, Row
from byline.core.ids import uuid7
from byline.series.models import Series
from byline.tags.models import Tag


class Kind(StrEnum):
    POST = "post"
    PAGE = "page"


class Status(StrEnum):
    """Where an article stands. The row keeps what readers have of it; `in_review` and `approved` come of its review."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"


class ReviewState(StrEnum):
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"


class Visibility(StrEnum):
    PUBLIC = "public"
    UNLISTED = "unlisted"


LIVE = (Status.SCHEDULED, Status.PUBLISHED)
"""What readers see once `published_at` has come: the schedule is this predicate, not a job."""


_LIVE = text("deleted_at is null and status in ('scheduled', 'published')")

_STORED = (Status.DRAFT, Status.SCHEDULED, Status.PUBLISHED, Status.UNPUBLISHED)


def _one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} in ({', '.join(repr(value.value) for value in values)})", name=column)


_FOLDERS = {Kind.POST: "/posts", Kind.PAGE: "", "author": "/authors", "tag": "/tags", "series": "/series"}


def path_of(kind: str, slug: str) -> str:
    """Where a front end shows it, below the address of the site: a post, a page, or what posts refer to."""
    return f"{_FOLDERS[kind]}/{slug}"


class Post(Row, Base):
    """`version` is the number of the newest revision; `live_version` that of what the row shows, while it is live."""

    __tablename__ = "posts"
    __table_args__ = (
        _one_of("kind", Kind),
        _one_of("status", _STORED),
        _one_of("visibility", Visibility),
        _one_of("review_state", ReviewState),
        CheckConstraint("(review_state is null) = (review_version is null)", name="review_has_version"),
        CheckConstraint("expires_at > published_at", name="expires_after_published"),
        CheckConstraint("status not in ('scheduled', 'published') or published_at is not null", name="live_has_date"),
        Index("uq_posts_kind_slug", "kind", "slug", unique=True, postgresql_where=text("deleted_at is null")),
        Index("ix_posts_live", "kind", "published_at", "id", postgresql_where=_LIVE),
        Index("ix_posts_live_updated", "kind", "updated_at", "id", postgresql_where=_LIVE),
        Index("ix_posts_live_title", "kind", "title", "id", postgresql_where=_LIVE),
        Index("ix_posts_live_language", "kind", text("lower(language)"), "published_at", "id", postgresql_where=_LIVE),
        Index(
            "ix_posts_live_featured",
            "kind",
            "published_at",
            "id",
            postgresql_where=text("deleted_at is null and status in ('scheduled', 'published') and featured"),
        ),
        Index("ix_posts_live_series", "series_id", "published_at", "id", postgresql_where=_LIVE),
        Index(
            "ix_posts_live_series_order",
            "series_id",
            text("coalesce(series_position, 2147483648)"),
            "id",
            postgresql_where=_LIVE,
        ),
        Index("ix_posts_series_id", "series_id"),
        Index("ix_posts_seen_slug", "seen_slug", postgresql_where=text("seen_slug is not null")),
        Index("ix_posts_translation_of", "translation_of", postgresql_where=text("translation_of is not null")),
        Index(
            "uq_posts_translation",
            text("coalesce(translation_of, id)"),
            text("lower(language)"),
            unique=True,
            postgresql_where=_LIVE,
        ),
        Index("ix_posts_due", "published_at", postgresql_where=text("deleted_at is null and status = 'scheduled'")),
        Index(
            "ix_posts_expiring",
            "expires_at",
            postgresql_where=text("deleted_at is null and status = 'published' and expires_at is not null"),
        ),
        Index(
            "ix_posts_review_state",
            "review_state",
            postgresql_where=text("deleted_at is null and review_state is not null"),
        ),
    )

    kind: Mapped[str]
    status: Mapped[str] = mapped_column(default=Status.DRAFT)
    slug: Mapped[str]
    title: Mapped[str]
    subtitle: Mapped[str | None]
    excerpt: Mapped[str]
    markdown: Mapped[str]
    html: Mapped[str]
    text: Mapped[str]
    toc: Mapped[list[dict[str, Any]]]
    word_count: Mapped[int]
    reading_minutes: Mapped[int]
    renderer_version: Mapped[int]
    language: Mapped[str]
    visibility: Mapped[str]
    featured: Mapped[bool]
    cover: Mapped[dict[str, Any] | None]
    canonical_url: Mapped[str | None]
    meta_title: Mapped[str | None]
    meta_description: Mapped[str | None]
    custom: Mapped[dict[str, Any]]
    series_id: Mapped[UUID | None] = mapped_column(ForeignKey("series.id", ondelete="SET NULL"))
    series_position: Mapped[int | None] = mapped_column()
    published_at: Mapped[datetime | None]
    edited_at: Mapped[datetime]  # of the newest revision; `updated_at` is that of what the row shows
    version: Mapped[int]
    live_version: Mapped[int | None]
    deleted_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]  # the first moment at which readers do not see it any more
    review_state: Mapped[str | None]
    review_version: Mapped[int | None]  # the revision that was submitted, approved or sent back
    seen_slug: Mapped[str | None]  # that readers know it by, while no other post has taken it
    translation_of: Mapped[UUID | None]  # no foreign key: what has lost its original still belongs together

    series: Mapped[Series | None] = relationship(lazy="raise")
    authors: Mapped[list[Author]] = relationship(
        secondary="post_authors", order_by="PostAuthor.position", viewonly=True, lazy="raise"
    )
    tags: Mapped[list[Tag]] = relationship(
        secondary="post_tags", order_by="PostTag.position", viewonly=True, lazy="raise"
    )

    # Where a list in the order of a series puts it: what has no place comes last.
    series_rank: Mapped[int] = column_property(func.coalesce(series_position, 2**31))

    # Whether readers' lists show it in other languages: asked for by `queries.with_translated`, None where it was not.
    is_translated: Mapped[bool | None] = query_expression()

    @property
    def path(self) -> str:
        return path_of(self.kind, self.slug)

    def advance(self) -> None:
        """To its next revision, which is made now."""
        self.version += 1
        self.edited_at = datetime.now(UTC)

    @hybrid_property
    def article_id(self) -> UUID:
        """The same for an article in all its languages: the id of the original."""
        return self.translation_of or self.id

    @article_id.inplace.expression
    @classmethod
    def _article_id(cls) -> ColumnElement[UUID]:
        return func.coalesce(cls.translation_of, cls.id)

    @property
    def is_original(self) -> bool:
        return self.translation_of is None

    @property
    def is_live(self) -> bool:
        """Whether the row is what readers see, or will see from `published_at` on."""
        return self.status in LIVE

    @property
    def shows_newest(self) -> bool:
        """Whether the row holds what the newest revision holds."""
        return self.live_version in {None, self.version}

    @property
    def has_expired(self) -> bool:
        """Whether it was live until its time was over: so it is, before that is announced."""
        return self.is_live and self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    @property
    def review(self) -> dict[str, Any] | None:
        """Where the newest revision stands with the editors: an approval counts for the revision that it was given for.

        What was saved since is in review again.
        """
        if self.review_state is None:
            return None
        is_void = self.review_state == ReviewState.APPROVED and self.review_version != self.version
        return {"state": ReviewState.IN_REVIEW if is_void else self.review_state, "revision": self.review_version}

    @property
    def is_approved(self) -> bool:
        """Whether the newest revision is the one that was approved."""
        return self.review_state == ReviewState.APPROVED and self.review_version == self.version

    @property
    def current_status(self) -> str:
        """The status as of now: what was scheduled is published once its time has come, and no more once it is over.

        Of what readers do not and will not see, it is that of its review.
        """
        if self.is_live and not self.has_expired:
            is_here = self.published_at is not None and self.published_at <= datetime.now(UTC)
            return Status.PUBLISHED if is_here else self.status
        if self.review is not None and self.review["state"] != ReviewState.CHANGES_REQUESTED:
            return Status(self.review["state"])
        return Status.UNPUBLISHED if self.is_live else self.status

    @property
    def current_live_version(self) -> int | None:
        return None if self.has_expired else self.live_version

    @property
    def listed_slug(self) -> str | None:
        """The slug under which readers' lists show it as of now; None where they do not, as what is unlisted.

        Until it is announced that it has expired, readers were told that it is there: so it is here.
        """
        is_listed = self.deleted_at is None and self.visibility == Visibility.PUBLIC and self.is_live
        return self.slug if is_listed and self.published_at and self.published_at <= datetime.now(UTC) else None

    @property
    def place_in_series(self) -> dict[str, Any] | None:
        if self.series is None:
            return None
        series = self.series
        return {"id": series.id, "slug": series.slug, "title": series.title, "position": self.series_position}


class PostAuthor(Base):
    __tablename__ = "post_authors"
    __table_args__ = (Index("ix_post_authors_published", "author_id", "published_at", "post_id"),)

    post_id: Mapped[UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("authors.id"), primary_key=True)
    position: Mapped[int]
    published_at: Mapped[datetime | None]  # the post's, as triggers see to it: lists are in its order

    id: Mapped[UUID] = synonym("post_id")


class PostTag(Base):
    __tablename__ = "post_tags"
    __table_args__ = (Index("ix_post_tags_published", "tag_id", "published_at", "post_id"),)

    post_id: Mapped[UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int]
    published_at: Mapped[datetime | None]  # the post's, as triggers see to it: lists are in its order

    id: Mapped[UUID] = synonym("post_id")


class Revision(Base):
    """One version of a post, whole, written once and never changed; only its `name` may be given and taken.

    `content` is what `schemas.PostContent` holds. Some of a post may have been thinned out: numbers have gaps, and are
    never used again.
    """

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("post_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    number: Mapped[int]
    content: Mapped[dict[str, Any]]
    status: Mapped[str]
    message: Mapped[str | None]
    name: Mapped[str | None]
    # Whether publishing made it; null of those that are older than this column.
    published: Mapped[bool | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    author: Mapped[User | None] = relationship(lazy="raise")


class PreviewLink(Row, Base):
    """Shows a revision to whoever has its token: that one, or where `revision` is null the newest."""

    __tablename__ = "preview_links"

    post_id: Mapped[UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), index=True)
    revision: Mapped[int | None]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    opened_count: Mapped[int] = mapped_column(default=0)
    last_opened_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)

    creator: Mapped[User | None] = relationship(lazy="raise")


class ReviewComment(Row, Base):
    """What somebody says of a revision: of a passage under a heading, of one of both, or of all of it."""

    __tablename__ = "review_comments"
    __table_args__ = (Index("ix_review_comments_post_id", "post_id", "id"),)

    post_id: Mapped[UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    revision: Mapped[int]
    heading: Mapped[str | None]
    quote: Mapped[str | None]
    text: Mapped[str]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)

    author: Mapped[User | None] = relationship(foreign_keys=created_by, lazy="raise")
    resolver: Mapped[User | None] = relationship(foreign_keys=resolved_by, lazy="raise")
