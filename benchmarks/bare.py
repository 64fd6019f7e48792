"""The yardstick: the least code that gives the same answers, asyncpg in a bare ASGI application.

`/stored/{slug}` sends a document that lies ready in a table, `/joined/{slug}` has PostgreSQL put it together,
`/list` asks three plain queries, `/nothing` asks nobody.
"""

import os
from typing import Any

import asyncpg
from pydantic_core import to_json

_TAGS = """select coalesce(json_agg(json_build_object('id', t.id, 'slug', t.slug, 'name', t.name) order by pt.position),
    '[]') from post_tags pt join tags t on t.id = pt.tag_id where pt.post_id = p.id"""
_AUTHORS = """select coalesce(json_agg(json_build_object('id', a.id, 'slug', a.slug, 'name', a.name,
    'avatar_url', a.avatar_url) order by pa.position), '[]')
    from post_authors pa join authors a on a.id = pa.author_id where pa.post_id = p.id"""
DOCUMENT = f"""json_build_object('id', p.id, 'slug', p.slug, 'url', 'http://127.0.0.1/posts/' || p.slug, 'kind', p.kind,
    'title', p.title, 'subtitle', p.subtitle, 'excerpt', p.excerpt, 'word_count', p.word_count,
    'reading_minutes', p.reading_minutes, 'language', p.language, 'featured', p.featured, 'tags', ({_TAGS}),
    'authors', ({_AUTHORS}), 'series', null, 'cover', p.cover, 'canonical_url', p.canonical_url,
    'published_at', p.published_at, 'updated_at', p.updated_at, 'html', p.html, 'toc', p.toc,
    'meta_title', p.meta_title, 'meta_description', p.meta_description, 'custom', p.custom)::text"""

DOCUMENTS = (
    "create table bare_documents (slug text primary key, document text)",
    f"""insert into bare_documents select slug, {DOCUMENT} from posts p
    where slug in (select 'post-' || n * cast(:step as int) from generate_series(1, 500) n)""",
)

_LIVE = (
    "p.kind = 'post' and p.deleted_at is null and p.status in ('scheduled', 'published') and p.published_at <= now()"
)
_JOINED = f"select {DOCUMENT} from posts p where p.slug = $1 and {_LIVE}"
_STORED = "select document from bare_documents where slug = $1"
_LIST = f"""select id, slug, kind, title, subtitle, excerpt, word_count, reading_minutes, language, featured, cover,
    canonical_url, published_at, updated_at from posts p where {_LIVE} and visibility = 'public'
    order by published_at desc, id desc limit 21"""
_LIST_TAGS = """select pt.post_id, t.id, t.slug, t.name from post_tags pt join tags t on t.id = pt.tag_id
    where pt.post_id = any($1) order by pt.post_id, pt.position"""
_LIST_AUTHORS = """select pa.post_id, a.id, a.slug, a.name, a.avatar_url from post_authors pa
    join authors a on a.id = pa.author_id where pa.post_id = any($1) order by pa.post_id, pa.position"""

_NOTHING = b'{"data":"' + b"x" * 8000 + b'"}'


class Bare:
    def __init__(self) -> None:
        self.pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        body = await self.answer(scope["path"])
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def live(self, receive: Any, send: Any) -> None:
        await receive()
        address = os.environ["BYLINE_DATABASE_URL"].replace("+asyncpg", "")
        self.pool = await asyncpg.create_pool(address, min_size=10, max_size=10)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, path: str) -> bytes:
        assert self.pool is not None
        _, what, *slug = path.split("/")
        if what == "nothing":
            return _NOTHING
        async with self.pool.acquire() as connection:
            match what:
                case "stored":
                    document: str = await connection.fetchval(_STORED, slug[0])
                    return document.encode()
                case "joined":
                    document = await connection.fetchval(_JOINED, slug[0])
                    return document.encode()
                case _:
                    return await _page(connection)


async def _page(connection: Any) -> bytes:
    posts = {row["id"]: {**row, "tags": [], "authors": []} for row in (await connection.fetch(_LIST))[:20]}
    for name, query in (("tags", _LIST_TAGS), ("authors", _LIST_AUTHORS)):
        for post_id, *values in await connection.fetch(query, list(posts)):
            posts[post_id][name].append(dict(zip(("id", "slug", "name", "avatar_url"), values, strict=False)))
    for post in posts.values():
        post["url"] = f"http://127.0.0.1/posts/{post['slug']}"
        post["series"] = None
    return to_json({"data": list(posts.values()), "next_cursor": None})


app = Bare()
