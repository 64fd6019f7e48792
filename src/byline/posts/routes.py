"""What anybody may read: published posts and pages."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from byline.core.deps import ReadPaginatorDep, SessionDep, SettingsDep, link_to_next
from byline.core.direct import DirectRoute
from byline.core.http import prefers_markdown
from byline.core.pagination import InvalidCursor
from byline.core.plain import Row
from byline.core.problems import problems
from byline.core.rendering import json_response, page_of
from byline.core.schemas import Page, public_address
from byline.core.uris import uri
from byline.posts import lists, previews, queries, translations
from byline.posts.deps import PublishedPage, PublishedPost, published_document, published_source
from byline.posts.html import CONTENT_SECURITY_POLICY, html_document
from byline.posts.models import Kind, Post
from byline.posts.preview_schemas import PreviewOut
from byline.posts.schemas import (
    PostFields,
    PostOut,
    PostQuery,
    PostSummary,
    TranslationOut,
    TranslationQuery,
)
from byline.posts.service import PostNotFound

posts = APIRouter(prefix="/v1/posts", tags=["Posts"])
direct_posts = APIRouter(prefix=posts.prefix, tags=["Posts"], route_class=DirectRoute)
pages = APIRouter(prefix="/v1/pages", tags=["Pages"])
direct_pages = APIRouter(prefix=pages.prefix, tags=["Pages"], route_class=DirectRoute)
previews_of_posts = APIRouter(prefix="/v1/previews", tags=["Previews"])


class MarkdownResponse(Response):
    media_type = "text/markdown"


AcceptHeader = Annotated[str, Header(description="`text/markdown` for the source.")]

_PROBLEMS = problems(PostNotFound)
_AS_MARKDOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {MarkdownResponse.media_type: {"schema": {"type": "string"}}}}
}
_SUMMARIES = Page[PostSummary] | Page[PostFields]

_LONGEST_LINK = 4000
"""Proxies refuse headers that are longer than 8 KB or less; a part of the languages would be an untrue list."""


async def _list(request: Request, kind: Kind, query: PostQuery) -> Response:
    page = await lists.page(request, kind, query)
    response = json_response(page_of([row["document"] for row in page.data], page.next_cursor, page.total))
    link_to_next(request, response, page.next_cursor)
    return response


async def _one(request: Request, kind: Kind, slug: str, accept: str) -> Response:
    if prefers_markdown(accept):
        return await _markdown(request, kind, slug)
    row = await published_document(request, kind, slug)
    return json_response(row["document"], _headers(row, request.app.state.settings.site_url))


async def _markdown(request: Request, kind: Kind, slug: str) -> MarkdownResponse:
    row = await published_source(request, kind, slug)
    return MarkdownResponse(row["markdown"], headers=_headers(row, request.app.state.settings.site_url))


async def _html(request: Request, kind: Kind, slug: str) -> HTMLResponse:
    row = await published_document(request, kind, slug)
    post = PostOut.model_validate_json(row["document"], by_name=True)
    headers = _headers(row, request.app.state.settings.site_url)
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return HTMLResponse(html_document(post, address=post.url), headers=headers)


def _headers(row: Row, site_url: str) -> dict[str, str]:
    """Of a row with all that a `Rendition` needs."""
    members = (row, *row["alternates"])
    group = [(one["language"], public_address(one["path"], site_url), one["is_original"]) for one in members]
    languages = translations.links(group)
    links = [f'<{address}>; rel="alternate"; hreflang="{language}"' for language, address in languages]
    links = links if sum(map(len, links)) <= _LONGEST_LINK else []
    return {
        "Content-Language": row["language"],
        "Last-Modified": format_datetime(row["updated_at"], usegmt=True),
        "Vary": "Accept",
        "Link": ", ".join([*links, _embed_link(row["path"], site_url)]),
    }


@lru_cache(10_000)
def _embed_link(path: str, site_url: str) -> str:
    address = quote(uri(public_address(path, site_url)), safe="")
    return f'<{uri(site_url)}/oembed?url={address}>; rel="alternate"; type="application/json+oembed"'


async def _translations(
    post: Post, query: TranslationQuery, paginator: ReadPaginatorDep, settings: SettingsDep
) -> Page[TranslationOut]:
    statement = queries.translations(post, datetime.now(UTC)).options(*queries.shown(TranslationOut))
    page = await paginator.page(statement, query, "language", queries.TRANSLATION_SORTS)
    return Page[TranslationOut].of(page, site_url=settings.site_url)


@direct_posts.get("", response_model=_SUMMARIES, responses=problems(InvalidCursor))
async def list_posts(request: Request, query: Annotated[PostQuery, Query()]) -> Response:
    """Published posts, the newest first."""
    return await _list(request, Kind.POST, query)


@direct_posts.get("/{slug}.html", response_class=HTMLResponse, responses=_PROBLEMS)
async def get_post_html(request: Request, slug: str) -> HTMLResponse:
    """One post as a plain HTML page."""
    return await _html(request, Kind.POST, slug)


@direct_posts.get("/{slug}.md", response_class=MarkdownResponse, responses=_PROBLEMS)
async def get_post_markdown(request: Request, slug: str) -> MarkdownResponse:
    """One post as it was written."""
    return await _markdown(request, Kind.POST, slug)


@posts.get("/{slug}/translations", responses=problems(PostNotFound, InvalidCursor))
async def list_post_translations(
    post: PublishedPost,
    query: Annotated[TranslationQuery, Query()],
    paginator: ReadPaginatorDep,
    settings: SettingsDep,
) -> Page[TranslationOut]:
    """The same post in other languages, as far as it is published in them."""
    return await _translations(post, query, paginator, settings)


@direct_posts.get("/{slug}", responses=_PROBLEMS | _AS_MARKDOWN, response_model=PostOut)
async def get_post(request: Request, slug: str, accept: AcceptHeader = "*/*") -> Response:
    """One post."""
    return await _one(request, Kind.POST, slug, accept)


@direct_pages.get("", response_model=_SUMMARIES, responses=problems(InvalidCursor))
async def list_pages(request: Request, query: Annotated[PostQuery, Query()]) -> Response:
    """Published pages, the newest first."""
    return await _list(request, Kind.PAGE, query)


@direct_pages.get("/{slug}.html", response_class=HTMLResponse, responses=_PROBLEMS)
async def get_page_html(request: Request, slug: str) -> HTMLResponse:
    """One page as a plain HTML page."""
    return await _html(request, Kind.PAGE, slug)


@direct_pages.get("/{slug}.md", response_class=MarkdownResponse, responses=_PROBLEMS)
async def get_page_markdown(request: Request, slug: str) -> MarkdownResponse:
    """One page as it was written."""
    return await _markdown(request, Kind.PAGE, slug)


@pages.get("/{slug}/translations", responses=problems(PostNotFound, InvalidCursor))
async def list_page_translations(
    page: PublishedPage,
    query: Annotated[TranslationQuery, Query()],
    paginator: ReadPaginatorDep,
    settings: SettingsDep,
) -> Page[TranslationOut]:
    """The same page in other languages, as far as it is published in them."""
    return await _translations(page, query, paginator, settings)


@direct_pages.get("/{slug}", responses=_PROBLEMS | _AS_MARKDOWN, response_model=PostOut)
async def get_page(request: Request, slug: str, accept: AcceptHeader = "*/*") -> Response:
    """One page."""
    return await _one(request, Kind.PAGE, slug, accept)


_UNKEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_PREVIEW_PROBLEMS = problems(previews.PreviewNotFound, previews.PreviewExpired, previews.PreviewRevoked)
Token = Annotated[str, Path(max_length=100, description="As it was told when the link was made.")]


@previews_of_posts.get("/{token}.html", response_class=HTMLResponse, responses=_PREVIEW_PROBLEMS)
async def get_preview_html(token: Token, session: SessionDep, settings: SettingsDep) -> HTMLResponse:
    """What a preview link shows, as a plain HTML page."""
    preview = await previews.open_link(session, token, site_url=settings.site_url)
    headers = {**_UNKEPT, "Content-Language": preview.language, "Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return HTMLResponse(html_document(preview, address=preview.url), headers=headers)


@previews_of_posts.get("/{token}", responses=_PREVIEW_PROBLEMS)
async def get_preview(token: Token, session: SessionDep, settings: SettingsDep, response: Response) -> PreviewOut:
    """What a preview link shows: an article as its readers would get it, if that revision were published."""
    preview = await previews.open_link(session, token, site_url=settings.site_url)
    response.headers.update({**_UNKEPT, "Content-Language": preview.language})
    return preview
