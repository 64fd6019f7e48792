from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from byline.core.schemas import Input, LanguageTag, Moment, Output, SiteUrl
from byline.posts.models import Kind
from byline.posts.schemas import PostSummary

DEEPEST = 1000
"""How many hits may be paged through."""

Asked = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500),
    Field(
        description='Words, not all of which need be there; `"a phrase"` must be, `-what` must not be; `this or that`.',
        examples=["how to measure"],
    ),
]


class SearchQuery(Input):
    q: Asked
    kind: Kind | None = Field(None, description="Posts or pages alone.")
    tag: str | None = Field(None, max_length=200, description="The slug of a tag.")
    author: str | None = Field(None, max_length=200, description="The slug of an author.")
    series: str | None = Field(None, max_length=200, description="The slug of a series.")
    language: LanguageTag | None = None
    published_after: Moment | None = None
    published_before: Moment | None = None
    sort: Literal["relevance", "-published_at"] = Field(
        "relevance", description="The newest first are only those that have most of the words."
    )
    limit: int = Field(20, ge=1, le=100, description="How many, at most.")
    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


class Passage(Output):
    """The heading under which the best passage stands."""

    id: str = Field(description="The `id` of the heading in `html`: the anchor.")
    text: str


class SearchHit(PostSummary):
    """An article that was found. Snippets are HTML: text, escaped, with what was found in `<mark>`."""

    score: float | None = Field(
        description="To be compared within one answer only; null where the newest come first.", examples=[7.5]
    )
    title_snippet: str = Field(examples=["How to <mark>measure</mark>"])
    snippet: str = Field(examples=["<mark>Measure</mark> first."])
    heading: Passage | None


class FacetCount(Output):
    value: str = Field(description="What to send to have these alone: a slug, a language, a year.")
    name: str
    count: int


class Facets(Output):
    """How many of all that were found have what, the most frequent first: at most 20 of each."""

    tags: list[FacetCount]
    authors: list[FacetCount]
    languages: list[FacetCount]
    years: list[FacetCount]


class SearchAnswer(Output):
    data: list[SearchHit]
    next_cursor: str | None
    total: int
    facets: Facets
    did_you_mean: str | None = Field(description="The same, with words that occur in place of words that do not.")
    click_token: str | None = Field(
        None,
        description="For `POST /v1/search/clicks`, when one of these hits is opened. Null where nothing is counted.",
    )


SuggestionType = Literal["tag", "author", "post", "page"]


class SuggestQuery(Input):
    q: Asked
    limit: int = Field(10, ge=1, le=20, description="How many, at most.")


class Suggestion(Output):
    type: SuggestionType
    id: UUID
    slug: str
    text: str = Field(description="The title, or the name.")
    url: SiteUrl


class Suggestions(Output):
    data: list[Suggestion]


class RelatedQuery(Input):
    limit: int = Field(5, ge=1, le=20, description="How many, at most.")


class RelatedPosts(Output):
    data: list[PostSummary]
