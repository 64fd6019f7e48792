from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query

from byline.core.deps import ReadSessionDep, SettingsDep
from byline.crawlers.oembed import article_at
from byline.crawlers.schemas import OembedQuery
from byline.crawlers.structured_data import Article
from byline.posts import queries
from byline.posts.deps import PublishedPage, PublishedPost, find_published
from byline.posts.models import Post
from byline.posts.schemas import TranslationOut
from byline.posts.service import PostNotFound


async def get_post_article(post: PublishedPost, session: ReadSessionDep, settings: SettingsDep) -> Article:
    return await _article(post, session, settings)


async def get_page_article(page: PublishedPage, session: ReadSessionDep, settings: SettingsDep) -> Article:
    return await _article(page, session, settings)


async def _article(post: Post, session: ReadSessionDep, settings: SettingsDep) -> Article:
    statement = queries.translations(post, datetime.now(UTC)).options(*queries.shown(TranslationOut))
    others = (await session.scalars(statement.order_by(Post.language))).all() if post.is_translated else []
    return Article(post, others, settings)


async def get_embedded_post(
    query: Annotated[OembedQuery, Query()], session: ReadSessionDep, settings: SettingsDep
) -> Post:
    """What stands at the address that is asked for."""
    named = article_at(query.url, settings.site_url)
    if named is None:
        raise PostNotFound()
    kind, slug = named
    return await find_published(session, kind, slug)


PostArticle = Annotated[Article, Depends(get_post_article)]
PageArticle = Annotated[Article, Depends(get_page_article)]
EmbeddedPost = Annotated[Post, Depends(get_embedded_post)]
