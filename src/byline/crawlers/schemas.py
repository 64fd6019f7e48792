from typing import Any, Literal

from pydantic import Field, JsonValue

from byline.core.schemas import Input, Output


class StructuredData(Output):
    """What the head of a page says of an article. In a `<script>` it has to stay escaped: see `json_ld`."""

    open_graph: dict[str, str | list[str]] = Field(
        description="By `property`, for `<meta property= content=>` (https://ogp.me): a list is one element for each.",
        examples=[{"og:type": "article", "og:title": "How to measure"}],
    )
    twitter: dict[str, str] = Field(
        description="By `name`, for `<meta name= content=>`.", examples=[{"twitter:card": "summary_large_image"}]
    )
    json_ld: dict[str, JsonValue] = Field(
        description="For `<script type=application/ld+json>` (https://schema.org). This answer has `<`, `>` and `&` as "
        "`\\u003c`, `\\u003e` and `\\u0026`, so that its bytes are safe there; who parses it and writes it again "
        "has to do the same.",
        examples=[{"@context": "https://schema.org", "@graph": []}],
    )


class OembedQuery(Input):
    url: str = Field(
        min_length=1,
        max_length=8000,
        description="The address of an article on the site.",
        examples=["https://example.com/posts/how-to-measure"],
    )
    format: str = Field("json", max_length=100, description="`json` or `xml`; any other is a 501, as oEmbed has it.")
    maxwidth: int | None = Field(None, ge=1, le=100_000, description="In pixels.")
    maxheight: int | None = Field(None, ge=1, le=100_000, description="In pixels.")


class Oembed(Output):
    """An answer of oEmbed 1.0 (https://oembed.com). Where there is too little room for `rich`, it is a `link`."""

    type: Literal["rich", "link"]
    version: Literal["1.0"] = "1.0"
    title: str
    author_name: str | None = Field(exclude_if=lambda value: value is None)
    author_url: str | None = Field(exclude_if=lambda value: value is None)
    provider_name: str
    provider_url: str
    cache_age: int = Field(description="Seconds for which it may be kept.")
    html: str | None = Field(None, exclude_if=lambda value: value is None, description="Without scripts or frames.")
    width: int | None = Field(None, exclude_if=lambda value: value is None)
    height: int | None = Field(None, exclude_if=lambda value: value is None)

    def members(self) -> dict[str, Any]:
        """What the answer has, by name."""
        return self.model_dump(exclude_none=True)
