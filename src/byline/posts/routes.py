"""What anybody may read: published posts and pages."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import HTMLResponse

from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.http import prefers
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page, only, public_address
from byline.core.uris import uri
from byline.posts import previews, queries, translations
from byline.posts.deps import PublishedPage, PublishedPost
from byline.posts.html import CONTENT_SECURITY_POLICY, html_document
from byline.posts.models import Kind, Post
from byline.posts.schemas import (
    PostFields,
    PostOut,
    PostQuery,
    PostSummary,
    PreviewOut,
    TranslationOut,
    TranslationQuery,
)
from byline.posts.service import PostNotFound

posts = APIRouter(prefix="/v1/posts", tags=["Posts"])
pages = APIRouter(prefix="/v1/pages", tags=["Pages"])
previews_of_posts = APIRouter(prefix="/v1/previews", tags=["Previews"])


class MarkdownResponse(Response):
    media_type = "text/markdown"


_PROBLEMS = problems(PostNotFound)
_AS_MARKDOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {MarkdownResponse.media_type: {"schema": {"type": "string"}}}}
}
_SUMMARIES = Page[PostSummary] | Page[PostFields]

_LONGEST_LINK = 4000
"""Proxies refuse headers that are longer than 8 KB or less; a part of the languages would be an untrue list."""

AcceptHeader = Annotated[str, Header(description="`text/markdown` for the source.")]


async def _list(
    kind: Kind, query: PostQuery, paginator: PaginatorDep, settings: SettingsDep
) -> Page[PostSummary] | Response:
    statement = queries.listed(kind, datetime.now(UTC)).where(*queries.matching(query))
    sort = queries.SORTS[query.sort.removeprefix("-")]
    statement = statement.options(*queries.shown(PostSummary, query.names, sort=sort))
    page = await paginator.page(statement, query, query.sort, queries.SORTS)
    if query.fields is None:
        return Page[PostSummary].of(page, site_url=settings.site_url)
    selected = Page[only(PostSummary, query.names)].of(page, site_url=settings.site_url)  # type: ignore[misc]
    return Response(selected.model_dump_json(), headers=dict(paginator.response.headers), media_type="application/json")


async def _one(
    post: Post, session: SessionDep, settings: SettingsDep, accept: str, response: Response
) -> PostOut | Response:
    if prefers(accept, MarkdownResponse.media_type, "application/json"):
        return await _markdown(post, session, settings)
    response.headers.update(await _headers(post, session, settings))
    return PostOut.of(post, site_url=settings.site_url)


async def _markdown(post: Post, session: SessionDep, settings: SettingsDep) -> MarkdownResponse:
    await session.refresh(post, ["markdown"])  # left out of what is loaded: no other rendition needs it
    return MarkdownResponse(post.markdown, headers=await _headers(post, session, settings))


async def _html(post: Post, session: SessionDep, settings: SettingsDep) -> HTMLResponse:
    headers = {**await _headers(post, session, settings), "Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return HTMLResponse(html_document(post, address=settings.site_url + post.path), headers=headers)


async def _headers(post: Post, session: SessionDep, settings: SettingsDep) -> dict[str, str]:
    headers = {
        "Content-Language": post.language,
        "Last-Modified": format_datetime(post.updated_at, usegmt=True),
        "Vary": "Accept",
    }
    languages = await translations.hreflang(session, post, site_url=settings.site_url)
    links = [f'<{address}>; rel="alternate"; hreflang="{language}"' for language, address in languages]
    links = links if sum(map(len, links)) <= _LONGEST_LINK else []
    own = uri(public_address(post.path, settings.site_url))
    embed = f"{uri(settings.site_url)}/oembed?url={quote(own, safe='')}"
    headers["Link"] = ", ".join([*links, f'<{embed}>; rel="alternate"; type="application/json+oembed"'])
    return headers


async def _translations(
    post: Post, query: TranslationQuery, paginator: PaginatorDep, settings: SettingsDep
) -> Page[TranslationOut]:
    statement = queries.translations(post, datetime.now(UTC)).options(*queries.shown(TranslationOut))
    page = await paginator.page(statement, query, "language", queries.TRANSLATION_SORTS)
    return Page[TranslationOut].of(page, site_url=settings.site_url)


@posts.get("", response_model=_SUMMARIES, responses=problems(InvalidCursor))
async def list_posts(
    query: Annotated[PostQuery, Query()], paginator: PaginatorDep, settings: SettingsDep
) -> Page[PostSummary] | Response:
    """Published posts, the newest first."""
    return await _list(Kind.POST, query, paginator, settings)


@posts.get("/{slug}.html", response_class=HTMLResponse, responses=_PROBLEMS)
async def get_post_html(post: PublishedPost, session: SessionDep, settings: SettingsDep) -> HTMLResponse:
    """One post as a plain HTML page."""
    return await _html(post, session, settings)


@posts.get("/{slug}.md", response_class=MarkdownResponse, responses=_PROBLEMS)
async def get_post_markdown(post: PublishedPost, session: SessionDep, settings: SettingsDep) -> MarkdownResponse:
    """One post as it was written."""
    return await _markdown(post, session, settings)


@posts.get("/{slug}/translations", responses=problems(PostNotFound, InvalidCursor))
async def list_post_translations(
    post: PublishedPost,
    query: Annotated[TranslationQuery, Query()],
    paginator: PaginatorDep,
    settings: SettingsDep,
) -> Page[TranslationOut]:
    """The same post in other languages, as far as it is published in them."""
    return await _translations(post, query, paginator, settings)


@posts.get("/{slug}", responses=_PROBLEMS | _AS_MARKDOWN, response_model=PostOut)
async def get_post(
    post: PublishedPost,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    accept: AcceptHeader = "*/*",
) -> PostOut | Response:
    """One post."""
    return await _one(post, session, settings, accept, response)


@pages.get("", response_model=_SUMMARIES, responses=problems(InvalidCursor))
async def list_pages(
    query: Annotated[PostQuery, Query()], paginator: PaginatorDep, settings: SettingsDep
) -> Page[PostSummary] | Response:
    """Published pages, the newest first."""
    return await _list(Kind.PAGE, query, paginator, settings)


@pages.get("/{slug}.html", response_class=HTMLResponse, responses=_PROBLEMS)
async def get_page_html(page: PublishedPage, session: SessionDep, settings: SettingsDep) -> HTMLResponse:
    """One page as a plain HTML page."""
    return await _html(page, session, settings)


@pages.get("/{slug}.md", response_class=MarkdownResponse, responses=_PROBLEMS)
async def get_page_markdown(page: PublishedPage, session: SessionDep, settings: SettingsDep) -> MarkdownResponse:
    """One page as it was written."""
    return await _markdown(page, session, settings)


@pages.get("/{slug}/translations", responses=problems(PostNotFound, InvalidCursor))
async def list_page_translations(
    page: PublishedPage,
    query: Annotated[TranslationQuery, Query()],
    paginator: PaginatorDep,
    settings: SettingsDep,
) -> Page[TranslationOut]:
    """The same page in other languages, as far as it is published in them."""
    return await _translations(page, query, paginator, settings)


@pages.get("/{slug}", responses=_PROBLEMS | _AS_MARKDOWN, response_model=PostOut)
async def get_page(
    page: PublishedPage,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    accept: AcceptHeader = "*/*",
) -> PostOut | Response:
    """One page."""
    return await _one(page, session, settings, accept, response)


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
