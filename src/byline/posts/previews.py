"""Links that show a revision to whoever has them: a draft to its reviewer, before readers may see it."""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller
from byline.core import events
from byline.core.crypto import hash_token
from byline.core.errors import Gone, Invalid, NotFound
from byline.core.schemas import public_address
from byline.posts import drafts, queries
from byline.posts.models import Post, PreviewLink, path_of
from byline.posts.preview_schemas import PreviewLinkCreate, PreviewOut
from byline.posts.schemas import PostContent

PREFIX = "byp_"
LIFETIME = timedelta(days=7)
LONGEST = timedelta(days=90)


class PreviewNotFound(NotFound):
    code = "preview_not_found"
    title = "There is no such preview"


class PreviewExpired(Gone):
    code = "preview_expired"
    title = "This preview link has run out"


class PreviewRevoked(Gone):
    code = "preview_revoked"
    title = "This preview link was revoked"


class PreviewLinkNotFound(NotFound):
    code = "preview_link_not_found"
    title = "There is no such preview link"


class UnknownRevision(Invalid):
    code = "unknown_revision"
    title = "The post has no such revision"


class UnfitExpiry(Invalid):
    code = "unfit_expiry"
    title = f"A preview link ends later than now, and within {LONGEST.days} days"


async def create(
    session: AsyncSession, post: Post, wish: PreviewLinkCreate, *, caller: Caller
) -> tuple[PreviewLink, str]:
    """The link and its token, of which the hash alone is kept. Raises UnknownRevision, UnfitExpiry."""
    now = datetime.now(UTC)
    expires_at = wish.expires_at or now + LIFETIME
    if not now < expires_at <= now + LONGEST:
        raise UnfitExpiry(pointer="/expires_at")
    if wish.revision is not None and await session.scalar(queries.revision(post.id, wish.revision)) is None:
        raise UnknownRevision(pointer="/revision")
    token = PREFIX + secrets.token_urlsafe(32)
    link = PreviewLink(
        post_id=post.id,
        revision=wish.revision,
        token_hash=hash_token(token),
        expires_at=expires_at,
        created_by=caller.user_id,
    )
    session.add(link)
    await session.flush()
    await session.refresh(link, ["creator", "created_at"])
    changes = events.created(link, "post_id", "revision", "expires_at")
    events.record(session, "preview_link.created", link, changes)
    return link, token


async def revoke(session: AsyncSession, link: PreviewLink) -> None:
    """It is kept, so that who opens it learns why it shows nothing. To revoke it again changes nothing."""
    if link.revoked_at is None:
        link.revoked_at = datetime.now(UTC)
        changes = {"revoked_at": {"before": None, "after": link.revoked_at}}
        events.record(session, "preview_link.revoked", link, changes)
        await session.flush()


async def open_link(session: AsyncSession, token: str, *, site_url: str) -> PreviewOut:
    """What the link shows; counted. Raises PreviewNotFound, PreviewExpired, PreviewRevoked."""
    link = await session.scalar(select(PreviewLink).where(PreviewLink.token_hash == hash_token(token)))
    post = await session.scalar(queries.kept().where(Post.id == link.post_id)) if link is not None else None
    if link is None or post is None:
        raise PreviewNotFound()
    if link.revoked_at is not None:
        raise PreviewRevoked()
    if link.expires_at <= datetime.now(UTC):
        raise PreviewExpired()
    shown = await _show(session, post, link, site_url)
    # Last, so that who opens it at the same time waits for no more than the commit.
    opened = {"opened_count": PreviewLink.opened_count + 1, "last_opened_at": func.clock_timestamp()}
    await session.execute(
        update(PreviewLink).where(PreviewLink.id == link.id).values(opened),
        execution_options={"synchronize_session": False},
    )
    return shown


async def _show(session: AsyncSession, post: Post, link: PreviewLink, site_url: str) -> PreviewOut:
    revision = await session.scalar(queries.revision(post.id, link.revision or post.version))
    if revision is None:
        raise PreviewNotFound("the revision is not kept any more")
    content = PostContent.model_validate(revision.content)
    written = content.model_dump(exclude={"tags", "authors", "series", "series_position", "cover", "excerpt"})
    return PreviewOut(
        **{name: value for name, value in written.items() if name in PreviewOut.model_fields},
        **await drafts.as_read(session, content),
        id=post.id,
        kind=post.kind,
        url=public_address(path_of(post.kind, content.slug), site_url),
        cover=content.cover,
        published_at=post.published_at,
        updated_at=revision.created_at,
        status=post.current_status,
        revision=revision.number,
        is_newest=revision.number == post.version,
        expires_at=link.expires_at,
    )
