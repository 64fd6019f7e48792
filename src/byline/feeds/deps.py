from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

from byline.authors.deps import PublicAuthor, get_public_author
from byline.authors.models import Author
from byline.core.deps import ReadSessionDep, SettingsDep
from byline.core.pagination import paginate
from byline.core.settings import Settings
from byline.core.uris import uri
from byline.feeds.schemas import Entry, Feed, FeedQuery, SiteFeedQuery
from byline.posts import queries
from byline.posts.columns import columns
from byline.posts.models import Kind, Post
from byline.posts.schemas import PostFilters
from byline.series.deps import PublicSeries, get_public_series
from byline.series.models import Series
from byline.tags.deps import PublicTag, get_public_tag
from byline.tags.models import Tag

LENGTH = 20
_NEWEST_FIRST = "-published_at"

Narrowed = Annotated[FeedQuery, Query()]


async def get_site_feed(
    query: Annotated[SiteFeedQuery, Query()], session: ReadSessionDep, settings: SettingsDep
) -> Feed:
    tag = await get_public_tag(query.tag, session) if query.tag is not None else None
    author = await get_public_author(query.author, session) if query.author is not None else None
    series = await get_public_series(query.series, session) if query.series is not None else None
    about = [one for one in (tag, author, series) if one is not None]
    which = PostFilters(tag=query.tag, author=query.author, series=query.series)
    if len(about) == 1:  # one feed has one address, whichever way it was asked for
        return await _feed(session, settings, query, about, which, path=about[0].path)
    return await _feed(session, settings, query, about, which, tag=query.tag, author=query.author, series=query.series)


async def get_tag_feed(tag: PublicTag, query: Narrowed, session: ReadSessionDep, settings: SettingsDep) -> Feed:
    return await _feed(session, settings, query, [tag], PostFilters(tag=tag.slug), path=tag.path)


async def get_author_feed(
    author: PublicAuthor, query: Narrowed, session: ReadSessionDep, settings: SettingsDep
) -> Feed:
    return await _feed(session, settings, query, [author], PostFilters(author=author.slug), path=author.path)


async def get_series_feed(
    series: PublicSeries, query: Narrowed, session: ReadSessionDep, settings: SettingsDep
) -> Feed:
    return await _feed(session, settings, query, [series], PostFilters(series=series.slug), path=series.path)


async def _feed(
    session: AsyncSession,
    settings: Settings,
    query: FeedQuery,
    about: list[Tag | Author | Series],
    which: PostFilters,
    *,
    path: str = "/",
    **filters: str | None,
) -> Feed:
    """The posts that `which` selects, in the language that is asked for; `filters` are those that are not in the path.

    Hubs are told of feeds by one thing only, so only those name one.
    """
    language, is_one_thing = query.language, len(about) + (query.language is not None) <= 1
    which = which.model_copy(update={"language": language, "limit": LENGTH, "cursor": query.cursor})
    statement = queries.listed(Kind.POST, datetime.now(UTC)).where(*queries.matching(which))
    rows = await paginate(
        session,
        statement.with_only_columns(*columns(Entry, sort=Post.published_at)),
        which,
        sort=_NEWEST_FIRST,
        sorts=queries.sorts(which),
        secret=settings.secret_key.get_secret_value(),
    )
    return Feed(
        title=" · ".join([*map(_name, about), settings.site_title]) + (f" ({language})" if language else ""),
        description=(len(about) == 1 and _description(about[0])) or settings.site_description,
        language=language or settings.site_language,
        home=uri(settings.site_url + path),
        site_url=settings.site_url,
        site_title=settings.site_title,
        entries=[Entry.of(post, site_url=settings.site_url) for post in rows.data],
        filters={**filters, "language": language and language.lower()},
        cursor=query.cursor,
        next_cursor=rows.next_cursor,
        hub=settings.websub_hub if is_one_thing else None,
        is_full=settings.feed_content == "full",
    )


def _name(one: Tag | Author | Series) -> str:
    return one.title if isinstance(one, Series) else one.name


def _description(one: Tag | Author | Series) -> str | None:
    return one.headline if isinstance(one, Author) else one.description


SiteFeed = Annotated[Feed, Depends(get_site_feed)]
TagFeed = Annotated[Feed, Depends(get_tag_feed)]
AuthorFeed = Annotated[Feed, Depends(get_author_feed)]
SeriesFeed = Annotated[Feed, Depends(get_series_feed)]
