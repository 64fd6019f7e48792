from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from byline.authors.deps import PublicAuthor
from byline.core.deps import SessionDep, SettingsDep
from byline.core.settings import Settings
from byline.core.uris import uri
from byline.feeds.schemas import Entry, Feed
from byline.posts import queries
from byline.posts.models import Kind, Post
from byline.posts.schemas import PostFilters
from byline.tags.deps import PublicTag

LENGTH = 20


async def get_site_feed(session: SessionDep, settings: SettingsDep) -> Feed:
    return Feed(
        title=settings.site_title,
        description=settings.site_description,
        language=settings.site_language,
        home=uri(f"{settings.site_url}/"),
        site_title=settings.site_title,
        entries=await _newest(session, settings, PostFilters()),
    )


async def get_tag_feed(tag: PublicTag, session: SessionDep, settings: SettingsDep) -> Feed:
    return Feed(
        title=f"{tag.name} · {settings.site_title}",
        description=tag.description or settings.site_description,
        language=settings.site_language,
        home=uri(settings.site_url + tag.path),
        site_title=settings.site_title,
        entries=await _newest(session, settings, PostFilters(tag=tag.slug)),
    )


async def get_author_feed(author: PublicAuthor, session: SessionDep, settings: SettingsDep) -> Feed:
    return Feed(
        title=f"{author.name} · {settings.site_title}",
        description=author.headline or settings.site_description,
        language=settings.site_language,
        home=uri(settings.site_url + author.path),
        site_title=settings.site_title,
        entries=await _newest(session, settings, PostFilters(author=author.slug)),
    )


async def _newest(session: AsyncSession, settings: Settings, filters: PostFilters) -> list[Entry]:
    statement = queries.listed(Kind.POST, datetime.now(UTC)).where(*queries.matching(filters))
    statement = statement.order_by(Post.published_at.desc(), Post.id.desc()).limit(LENGTH)
    posts = await session.scalars(statement.options(*queries.shown(Entry)))
    return [Entry.of(post, site_url=settings.site_url) for post in posts]


SiteFeed = Annotated[Feed, Depends(get_site_feed)]
TagFeed = Annotated[Feed, Depends(get_tag_feed)]
AuthorFeed = Annotated[Feed, Depends(get_author_feed)]
