from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, create_model

from byline.authors.schemas import AuthorRef
from byline.core.schemas import (
    Input,
    LanguageTag,
    Moment,
    Output,
    PageQuery,
    ShortText,
    SiteUrl,
    Slug,
    WallClock,
    WebAddress,
)
from byline.posts.models import Kind, ReviewState, Status, Visibility
from byline.tags.schemas import TagRef

MARKDOWN_MAX_LENGTH = 1_000_000
_CUSTOM_MAX_LENGTH = 100_000

Markdown = Annotated[str, StringConstraints(max_length=MARKDOWN_MAX_LENGTH), Field(examples=["Measure *first*."])]
Excerpt = Annotated[str, StringConstraints(max_length=2000)]
SlugOrId = Annotated[str, StringConstraints(min_length=1, max_length=200), Field(examples=["measurement"])]
"""Names a tag, an author or a series by its slug or its id."""


def _check_custom(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(str(value)) > _CUSTOM_MAX_LENGTH:
        raise ValueError(f"holds more than {_CUSTOM_MAX_LENGTH:,} characters")
    return value


Custom = Annotated[dict[str, JsonValue], AfterValidator(_check_custom), Field(examples=[{"sponsor": "none"}])]
"""Whatever else belongs to the article: any JSON object."""


class Cover(BaseModel):
    """The picture over an article."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)

    url: WebAddress
    alt: str | None = Field(None, max_length=2000, description="What the picture shows, for who cannot see it.")
    caption: str | None = Field(None, max_length=2000)


class PostCreate(Input):
    kind: Kind = Kind.POST
    title: ShortText = Field(examples=["How to measure"])
    slug: Slug | None = Field(None, description="Made from the title when absent.")
    subtitle: ShortText | None = None
    excerpt: Excerpt | None = Field(None, description="Made from the text when absent.")
    markdown: Markdown = ""
    language: LanguageTag | None = Field(None, description="The site's language when absent.")
    visibility: Visibility = Field(Visibility.PUBLIC, description="What is unlisted is read by its address only.")
    featured: bool = False
    tags: list[SlugOrId] = Field([], max_length=100)
    authors: list[SlugOrId] | None = Field(None, max_length=50, description="You, when absent.")
    series: SlugOrId | None = None
    series_position: int | None = Field(None, ge=0, le=1_000_000)
    cover: Cover | None = None
    canonical_url: WebAddress | None = Field(None, description="Where it was published first.")
    meta_title: ShortText | None = None
    meta_description: Excerpt | None = None
    custom: Custom = Field({})
    translation_of: UUID | None = Field(
        None,
        description="The post that it is a translation of. Of one that is a translation itself, its original.",
        json_schema_extra={"examples": [None]},
    )
    message: ShortText | None = Field(None, description="A note on this version, for the desk.")


class PostUpdate(Input):
    """Fields left out stay as they are."""

    title: ShortText | MISSING = Field(MISSING, examples=["How to measure well"])
    slug: Slug | MISSING = MISSING
    subtitle: ShortText | None | MISSING = MISSING
    excerpt: Excerpt | None | MISSING = MISSING
    markdown: Markdown | MISSING = MISSING
    language: LanguageTag | MISSING = MISSING
    visibility: Visibility | MISSING = MISSING
    featured: bool | MISSING = MISSING
    tags: list[SlugOrId] | MISSING = Field(MISSING, max_length=100)
    authors: list[SlugOrId] | MISSING = Field(MISSING, max_length=50)
    series: SlugOrId | None | MISSING = MISSING
    series_position: int | None | MISSING = Field(MISSING, ge=0, le=1_000_000)
    cover: Cover | None | MISSING = MISSING
    canonical_url: WebAddress | None | MISSING = MISSING
    meta_title: ShortText | None | MISSING = MISSING
    meta_description: Excerpt | None | MISSING = MISSING
    custom: Custom | MISSING = MISSING
    translation_of: UUID | None | MISSING = Field(MISSING, json_schema_extra={"examples": [None]})
    message: ShortText | None = Field(None, description="A note on this version, for the desk.")


class PostPublish(Input):
    at: WallClock | None = Field(
        None,
        description="When readers see it: later is scheduled, earlier is backdated. Without an offset, what clocks "
        "show in the site's zone: of two such moments the first one; a time that clocks skip is refused.",
    )
    expires_at: WallClock | None | MISSING = Field(
        MISSING,
        description="When readers see it no more, later than `at` and than now, written as `at`. Null: never. Left "
        "out, it stays what it was, unless that is over.",
    )
    message: ShortText | None = Field(None, description="A note on this version, for the desk.")


class PostContent(BaseModel):
    """All that is written of an article: what a revision keeps. Tags, authors and series by id."""

    model_config = ConfigDict(frozen=True)

    slug: str
    title: str
    subtitle: str | None
    excerpt: str | None
    markdown: str
    language: str
    visibility: Visibility
    featured: bool
    tags: list[UUID]
    authors: list[UUID]
    series: UUID | None
    series_position: int | None
    cover: Cover | None
    canonical_url: str | None
    meta_title: str | None
    meta_description: str | None
    custom: dict[str, JsonValue]
    translation_of: UUID | None = None  # older revisions have none


class TocEntry(Output):
    level: int = Field(ge=1, le=6)
    id: str = Field(description="The `id` of the heading in `html`.")
    text: str


class SeriesPlace(Output):
    """The series an article belongs to, and its place in it."""

    id: UUID
    slug: str
    title: str
    position: int | None


class PostSummary(Output):
    """An article in a list."""

    id: UUID
    slug: str = Field(examples=["how-to-measure"])
    url: SiteUrl = Field(validation_alias="path")
    kind: Kind
    title: str = Field(examples=["How to measure"])
    subtitle: str | None
    excerpt: str
    word_count: int
    reading_minutes: int
    language: str = Field(examples=["en"])
    featured: bool
    tags: list[TagRef]
    authors: list[AuthorRef]
    series: SeriesPlace | None = Field(validation_alias="place_in_series")
    cover: Cover | None
    canonical_url: str | None
    published_at: datetime
    updated_at: datetime


class PostOut(PostSummary):
    """An article as its readers get it."""

    html: str = Field(examples=["<p>Measure <em>first</em>.</p>\n"])
    toc: list[TocEntry]
    meta_title: str | None
    meta_description: str | None
    custom: dict[str, JsonValue]


class Alternate(Output):
    """The same article in another language."""

    language: str
    url: SiteUrl = Field(validation_alias="path")
    is_original: bool


class Rendition(Output):
    """What the headers of an article tell."""

    url: SiteUrl = Field(validation_alias="path")
    language: str
    updated_at: datetime
    is_original: bool
    alternates: list[Alternate]


class PostSource(Rendition):
    """An article as it was written."""

    markdown: str


_optional: dict[str, Any] = {
    name: (field.annotation | MISSING, MISSING) for name, field in PostSummary.model_fields.items() if field.annotation
}
PostFields = create_model("PostFields", __doc__="The fields that `fields` named.", **_optional)


class ReviewSummary(Output):
    """Where the newest revision stands with the editors."""

    state: ReviewState = Field(description="`in_review` again, where what was approved has been changed since.")
    revision: int = Field(description="The one that was submitted, approved or sent back.")


class ManagedPostSummary(Output):
    """An article in the desk's list: the row, which of a live article is what readers see."""

    id: UUID
    kind: Kind
    status: Status = Field(validation_alias="current_status")
    slug: str
    url: SiteUrl = Field(validation_alias="path")
    title: str
    excerpt: str
    language: str
    visibility: Visibility
    featured: bool
    tags: list[TagRef]
    authors: list[AuthorRef]
    series: SeriesPlace | None = Field(validation_alias="place_in_series")
    word_count: int
    reading_minutes: int
    version: int
    live_version: int | None = Field(validation_alias="current_live_version")
    review: ReviewSummary | None
    published_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime = Field(validation_alias="edited_at", description="When it was saved last.")


class RevisionAuthor(Output):
    id: UUID
    name: str


class ReviewOut(ReviewSummary):
    by: RevisionAuthor | None = Field(description="Who did that; null for deleted users.")
    at: datetime
    message: str | None


class PostDraft(Output):
    """An article as the desk has it: its newest revision, and where it stands."""

    id: UUID
    kind: Kind
    status: Status
    slug: str
    url: SiteUrl
    title: str
    subtitle: str | None
    excerpt: str | None = Field(description="As written; null where readers get one made from the text.")
    markdown: str
    html: str
    toc: list[TocEntry]
    word_count: int
    reading_minutes: int
    language: str
    visibility: Visibility
    featured: bool
    tags: list[TagRef]
    authors: list[AuthorRef]
    series: SeriesPlace | None
    cover: Cover | None
    canonical_url: str | None
    meta_title: str | None
    meta_description: str | None
    custom: dict[str, JsonValue]
    translation_of: UUID | None
    version: int = Field(description="The number of the newest revision, and the ETag.", examples=[7])
    live_version: int | None = Field(description="The revision that readers see; null while none is live.")
    review: ReviewOut | None = Field(description="Null where it was not submitted since it was published last.")
    published_at: datetime | None
    expires_at: datetime | None = Field(description="The first moment at which readers do not see it any more.")
    created_at: datetime
    updated_at: datetime


class RevisionOut(Output):
    """One save: who made it, when, and what it was then."""

    number: int
    created_at: datetime
    author: RevisionAuthor | None = Field(description="The user who saved; null for imports and deleted users.")
    message: str | None
    name: str | None = Field(description="A label that somebody gave it, such as `before the lawyers`.")
    status: Status = Field(description="Where the article stood after it.")


def _check_fields(value: str) -> str:
    unknown = set(value.split(",")) - PostSummary.model_fields.keys()
    if unknown:
        raise ValueError(
            f"knows no {', '.join(sorted(map(repr, unknown)))}; there are {', '.join(PostSummary.model_fields)}"
        )
    return value


class PostFilters(PageQuery):
    tag: str | None = Field(None, max_length=200, description="The slug of a tag.")
    author: str | None = Field(None, max_length=200, description="The slug of an author.")
    series: str | None = Field(None, max_length=200, description="The slug of a series.")
    language: LanguageTag | None = None
    featured: bool | None = None
    published_after: Moment | None = None
    published_before: Moment | None = None


class PostQuery(PostFilters):
    sort: Literal[
        "-published_at", "published_at", "-updated_at", "updated_at", "title", "-title", "series_position"
    ] = "-published_at"
    fields: Annotated[str, AfterValidator(_check_fields)] | None = Field(
        None, max_length=500, description="Only these fields, with commas between.", examples=["title,slug"]
    )

    @cached_property
    def names(self) -> frozenset[str]:
        """The fields to answer."""
        return frozenset(self.fields.split(",") if self.fields else PostSummary.model_fields)


class ManagedPostQuery(PostFilters):
    kind: Kind | None = None
    status: Status | None = None
    review: ReviewState | None = Field(
        None, description="Where the newest revision stands: also of a live article whose next version is reviewed."
    )
    sort: Literal["-updated_at", "updated_at", "-created_at", "created_at", "title", "-title"] = "-updated_at"


class TranslationQuery(PageQuery):
    pass


class TranslationOut(Output):
    """The same article in another language."""

    id: UUID
    language: str = Field(examples=["fr"])
    slug: str = Field(examples=["comment-mesurer"])
    url: SiteUrl = Field(validation_alias="path")
    title: str = Field(examples=["Comment mesurer"])
    is_original: bool = Field(description="Whether the others are translations of it.")


class RevisionQuery(PageQuery):
    pass
