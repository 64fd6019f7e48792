"""Preview links of a post."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response, status

from byline.accounts.deps import PostWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep, SettingsDep
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.posts import previews, queries, service
from byline.posts.deps import EditablePreviewLink, ManagedPost, PreviewablePost
from byline.posts.preview_schemas import NewPreviewLink, PreviewLinkCreate, PreviewLinkOut, PreviewQuery

router = APIRouter(prefix="/posts/{post_id}/preview-links", tags=["Manage posts"], route_class=IdempotentRoute)


@router.get("", responses=problems(service.PostNotFound, InvalidCursor))
async def list_preview_links(
    post: ManagedPost, query: Annotated[PreviewQuery, Query()], paginator: PaginatorDep, settings: SettingsDep
) -> Page[PreviewLinkOut]:
    """The links that show this post to whoever has them, the newest first, those that have ended too."""
    page = await paginator.page(queries.preview_links(post.id), query, "-created_at", queries.PREVIEW_LINK_SORTS)
    return Page[PreviewLinkOut].of(page, site_url=settings.site_url)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=problems(service.PostNotFound, previews.UnknownRevision, previews.UnfitExpiry),
)
async def create_preview_link(
    post: PreviewablePost,
    caller: PostWriter,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    wish: Annotated[PreviewLinkCreate | None, Body()] = None,
) -> NewPreviewLink:
    """Show one revision, or always the newest, to whoever has the link. Its address is told this once."""
    response.headers["Cache-Control"] = "no-store"
    link, token = await previews.create(session, post, wish or PreviewLinkCreate(), caller=caller)
    url = f"{settings.site_url}/v1/previews/{token}.html"
    shown = PreviewLinkOut.model_validate(link)
    return NewPreviewLink(**shown.model_dump(), token=token, url=url)


@router.delete(
    "/{link_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(service.PostNotFound, previews.PreviewLinkNotFound),
)
async def revoke_preview_link(link: EditablePreviewLink, session: SessionDep) -> None:
    """End a preview link at once."""
    await previews.revoke(session, link)
