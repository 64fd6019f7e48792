"""What crawlers, language models and other sites ask for."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from byline.core.deps import SessionDep, SettingsDep
from byline.core.problems import problems
from byline.core.uris import uri
from byline.crawlers import llms, oembed, robots, sitemaps, structured_data
from byline.crawlers.deps import EmbeddedPost, PageArticle, PostArticle
from byline.crawlers.queries import Room
from byline.crawlers.schemas import Oembed, OembedQuery, StructuredData
from byline.crawlers.structured_data import Article
from byline.posts.service import PostNotFound

router = APIRouter(tags=["Crawlers"])


class SitemapResponse(Response):
    media_type = "application/xml"


class MarkdownTextResponse(PlainTextResponse):
    """Markdown that browsers show as it is: llms.txt is a text by its name."""


class StructuredDataResponse(JSONResponse):
    def render(self, content: StructuredData) -> bytes:
        return structured_data.script_safe(content.model_dump_json()).encode()


class OembedResponse(JSONResponse):
    def render(self, content: Oembed) -> bytes:
        return content.model_dump_json().encode()


class OembedXmlResponse(Response):
    media_type = "text/xml"


@router.get("/robots.txt", response_class=PlainTextResponse)
async def get_robots_txt(settings: SettingsDep) -> PlainTextResponse:
    """Which crawlers may read what (RFC 9309)."""
    policies = (  # `Applebot-Extended` before `Applebot`: some parsers take the first group that a name begins with
        (robots.TRAINING, settings.robots_training),
        (robots.ASSISTANTS, settings.robots_assistants),
        (robots.SEARCH, settings.robots_search),
        (robots.OTHERS, settings.robots_others),
    )
    sitemap = uri(f"{settings.site_url}/sitemap.xml")
    return PlainTextResponse(robots.write(policies, sitemap=sitemap, extra=settings.robots_extra))


@router.get("/sitemap.xml", response_class=SitemapResponse)
async def get_sitemap_index(session: SessionDep, settings: SettingsDep) -> SitemapResponse:
    """The parts of the sitemap, each with its newest change."""
    return SitemapResponse(await sitemaps.index(session, settings, datetime.now(UTC)))


@router.get("/sitemaps/{room}-{number}.xml", response_class=SitemapResponse, responses=problems(sitemaps.NoSuchPart))
async def get_sitemap_part(
    room: Room,
    number: Annotated[int, Path(ge=1, le=1_000_000)],
    session: SessionDep,
    settings: SettingsDep,
) -> SitemapResponse:
    """The addresses of one part, with the pictures and the translations of articles."""
    return SitemapResponse(await sitemaps.part(session, settings, room, number, datetime.now(UTC)))


@router.get("/llms.txt", response_class=MarkdownTextResponse)
async def get_llms_txt(session: SessionDep, settings: SettingsDep) -> MarkdownTextResponse:
    """What there is to read, for language models (https://llmstxt.org): links to Markdown."""
    return MarkdownTextResponse(await llms.overview(session, settings, datetime.now(UTC)))


@router.get("/llms-full.txt", response_class=MarkdownTextResponse)
async def get_llms_full_txt(session: SessionDep, settings: SettingsDep) -> MarkdownTextResponse:
    """Whole articles in Markdown, for language models: featured ones, pages and the newest posts, as many as fit."""
    return MarkdownTextResponse(await llms.full(session, settings, datetime.now(UTC)))


@router.get("/v1/posts/{slug}/structured-data", responses=problems(PostNotFound), response_model=StructuredData)
async def get_post_structured_data(article: PostArticle) -> Response:
    """What the head of a post's page says to machines: Open Graph, Twitter card, JSON-LD."""
    return _structured(article)


@router.get("/v1/pages/{slug}/structured-data", responses=problems(PostNotFound), response_model=StructuredData)
async def get_page_structured_data(article: PageArticle) -> Response:
    """What the head of a page says to machines: Open Graph, Twitter card, JSON-LD."""
    return _structured(article)


def _structured(article: Article) -> Response:
    return StructuredDataResponse(structured_data.write(article), headers={"Content-Language": article.post.language})


@router.get(
    "/oembed",
    response_model=Oembed,
    responses={
        200: {"content": {OembedXmlResponse.media_type: {"schema": {"type": "string"}}}},
        **problems(PostNotFound, oembed.FormatNotSupported),
    },
)
async def get_oembed(query: Annotated[OembedQuery, Query()], post: EmbeddedPost, settings: SettingsDep) -> Response:
    """What another site shows in place of a link to an article here (https://oembed.com)."""
    if query.format not in {"json", "xml"}:
        raise oembed.FormatNotSupported()
    answer = oembed.write(post, query, settings)
    return OembedXmlResponse(oembed.as_xml(answer)) if query.format == "xml" else OembedResponse(answer)
