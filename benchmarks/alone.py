"""What could be reached at most from the database: asyncpg in a bare ASGI application, with the same answers.

    /stored/{slug}      an article that lies ready in a table, byte by byte as Byline answered
    /joined/{slug}      the same put together by PostgreSQL
    /rows, /rows/{tag}  a list of 20 by three plain queries, put together here
    /page, /page/{tag}  the same put together by PostgreSQL; /feed with the texts
    /found/{number}     what a search shows: the posts that Byline found for that question, which nobody looks for here

    POST /create, /save/{id}, /publish/{id}     the rows that Byline writes for it, in tables without triggers

`BENCHMARK_DATABASE` names the database, with Byline's tables and those of SCHEMA.
"""

import json
import os
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from pydantic_core import to_json
from starlette.types import ASGIApp, Receive, Scope, Send

WRITTEN = ("posts", "revisions", "events", "post_tags", "post_authors")

SCHEMA = (
    "create schema alone",
    "create table alone.documents (slug text primary key, document text)",
    "create table alone.found (number int primary key, ids uuid[])",
    *(f"create table alone.{table} (like public.{table} including all)" for table in WRITTEN),
)

_TAGS = """select coalesce(json_agg(json_build_object('id', t.id, 'slug', t.slug, 'name', t.name) order by pt.position),
    '[]') from post_tags pt join tags t on t.id = pt.tag_id where pt.post_id = p.id"""
_AUTHORS = """select coalesce(json_agg(json_build_object('id', a.id, 'slug', a.slug, 'name', a.name,
    'avatar_url', a.avatar_url) order by pa.position), '[]')
    from post_authors pa join authors a on a.id = pa.author_id where pa.post_id = p.id"""
_PARTS = f"""'id', p.id, 'slug', p.slug, 'url', 'http://127.0.0.1/posts/' || p.slug, 'kind', p.kind,
    'title', p.title, 'subtitle', p.subtitle, 'excerpt', p.excerpt, 'word_count', p.word_count,
    'reading_minutes', p.reading_minutes, 'language', p.language, 'featured', p.featured, 'tags', ({_TAGS}),
    'authors', ({_AUTHORS}), 'series', null, 'cover', p.cover, 'canonical_url', p.canonical_url,
    'published_at', p.published_at, 'updated_at', p.updated_at"""
_SUMMARY = f"json_build_object({_PARTS})"
_WITH_TEXT = f"json_build_object({_PARTS}, 'html', p.html)"
_WHOLE = f"""json_build_object({_PARTS}, 'html', p.html, 'toc', p.toc,
    'meta_title', p.meta_title, 'meta_description', p.meta_description, 'custom', p.custom)"""

_LIVE = (
    "p.kind = 'post' and p.deleted_at is null and p.status in ('scheduled', 'published') and p.published_at <= now()"
)
_TAGGED = """exists (select from post_tags pt join tags t on t.id = pt.tag_id
    where pt.post_id = p.id and t.slug = $1)"""
_NEWEST = "order by p.published_at desc, p.id desc limit 20"

_JOINED = f"select {_WHOLE}::text from posts p where p.slug = $1 and {_LIVE}"
_STORED = "select document from alone.documents where slug = $1"
_FOUND = f"""select json_build_object('data', json_agg({_SUMMARY} order by i.place))::text
    from alone.found f cross join unnest(f.ids) with ordinality i(id, place) join posts p on p.id = i.id
    where f.number = $1 and {_LIVE}"""

_ROWS = f"""select p.id, p.slug, p.kind, p.title, p.subtitle, p.excerpt, p.word_count, p.reading_minutes, p.language,
    p.featured, p.cover, p.canonical_url, p.published_at, p.updated_at
    from posts p where {_LIVE} and p.visibility = 'public'"""
_ROW_TAGS = """select pt.post_id, t.id, t.slug, t.name from post_tags pt join tags t on t.id = pt.tag_id
    where pt.post_id = any($1) order by pt.post_id, pt.position"""
_ROW_AUTHORS = """select pa.post_id, a.id, a.slug, a.name, a.avatar_url from post_authors pa
    join authors a on a.id = pa.author_id where pa.post_id = any($1) order by pa.post_id, pa.position"""

_CREATE = """insert into alone.posts (id, kind, status, slug, title, excerpt, markdown, html, text, toc, word_count,
    reading_minutes, renderer_version, language, visibility, featured, custom, edited_at, version)
    values ($1, 'post', 'draft', 'written-' || $1::uuid, $2, left($3, 200), $3, $3, $3, '[]', 700, 3, 1, 'en', 'public',
    false, '{}', now(), 1)"""
_SAVE = """update alone.posts set markdown = $2, html = $2, text = $2, edited_at = now(), updated_at = now(),
    version = version + 1 where id = $1"""
_PUBLISH = """update alone.posts set status = 'published', published_at = now(), updated_at = now(),
    version = version + 1, live_version = version + 1 where id = $1"""
_REVISION = """insert into alone.revisions (id, post_id, number, content, status)
    select gen_random_uuid(), id, version, jsonb_build_object('slug', slug, 'title', title, 'markdown', markdown),
    status from alone.posts where id = $1 returning number"""
_EVENT = """insert into alone.events (id, type, subject_type, subject_id, changes)
    values (gen_random_uuid(), $2, 'post', $1, '{}')"""


def _aggregated(entry: str, condition: str = "true") -> str:
    newest = f"select * from posts p where {_LIVE} and p.visibility = 'public' and {condition} {_NEWEST}"
    return f"""select json_build_object('data', json_agg({entry} order by p.published_at desc, p.id desc),
        'next_cursor', null)::text from ({newest}) p"""


_PAGES = {"page": _aggregated(_SUMMARY), "feed": _aggregated(_WITH_TEXT)}
_TAGGED_PAGE = _aggregated(_SUMMARY, _TAGGED)


async def text(connection: Any, what: str, name: str) -> bytes:
    """What PostgreSQL has ready, or puts together."""
    match what, name:
        case "stored", _:
            found = await connection.fetchval(_STORED, name)
        case "joined", _:
            found = await connection.fetchval(_JOINED, name)
        case "found", _:
            found = await connection.fetchval(_FOUND, int(name))
        case _, "":
            found = await connection.fetchval(_PAGES[what])
        case _:
            found = await connection.fetchval(_TAGGED_PAGE, name)
    return str(found).encode()


async def rows(connection: Any, tag: str) -> bytes:
    condition, values = (f" and {_TAGGED}", [tag]) if tag else ("", [])
    found = await connection.fetch(f"{_ROWS}{condition} {_NEWEST}", *values)
    posts = {row["id"]: {**row, "series": None, "tags": [], "authors": []} for row in found}
    for name, query in (("tags", _ROW_TAGS), ("authors", _ROW_AUTHORS)):
        for post_id, *parts in await connection.fetch(query, list(posts)):
            posts[post_id][name].append(dict(zip(("id", "slug", "name", "avatar_url"), parts, strict=False)))
    for post in posts.values():
        post["url"] = f"http://127.0.0.1/posts/{post['slug']}"
    return to_json({"data": list(posts.values()), "next_cursor": None})


async def write(connection: Any, what: str, name: str, body: dict[str, Any]) -> bytes:
    """In one transaction: the post locked and changed, a revision, an event."""
    post_id = UUID(name) if name else uuid4()
    async with connection.transaction():
        if what == "create":
            await connection.execute(_CREATE, post_id, body["title"], body["markdown"])
        else:
            await connection.fetchrow("select * from alone.posts where id = $1 for update", post_id)
            values = [body["markdown"]] if what == "save" else []
            await connection.execute(_SAVE if what == "save" else _PUBLISH, post_id, *values)
        number = await connection.fetchval(_REVISION, post_id)
        await connection.execute(_EVENT, post_id, f"post.{what}")
    return to_json({"id": post_id, "version": number})


async def _body(receive: Receive) -> dict[str, Any]:
    content, is_complete = b"", False
    while not is_complete:
        message = await receive()
        content += message.get("body", b"")
        is_complete = not message.get("more_body", False)
    found: dict[str, Any] = json.loads(content or b"{}")
    return found


def app() -> ASGIApp:
    pool: Any = None

    async def live(receive: Receive, send: Send) -> None:
        nonlocal pool
        await receive()
        pool = await asyncpg.create_pool(os.environ["BENCHMARK_DATABASE"], min_size=10, max_size=10)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        pool.terminate()
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(scope: Scope, receive: Receive) -> bytes:
        what, _, name = str(scope["path"]).removeprefix("/").partition("/")
        async with pool.acquire() as connection:
            if scope["method"] == "POST":
                return await write(connection, what, name, await _body(receive))
            return await (rows(connection, name) if what == "rows" else text(connection, what, name))

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        body = await answer(scope, receive) if scope["path"] != "/" else b""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return respond


async def install(address: str) -> None:
    connection = await asyncpg.connect(address)
    for statement in SCHEMA:
        await connection.execute(statement)
    await connection.close()


async def bring_in(address: str, batches: int) -> float:
    """Writes all that is in Byline's tables once more; the seconds of this process that it took."""
    connection = await asyncpg.connect(address)
    there = {table: await connection.fetch(f"select * from {table}") for table in WRITTEN}
    began = time.process_time()
    for batch in range(batches):
        async with connection.transaction():
            for table, all_of_it in there.items():
                part = all_of_it[len(all_of_it) * batch // batches : len(all_of_it) * (batch + 1) // batches]
                places = ", ".join(f"${place}" for place, _ in enumerate(all_of_it[0], 1))
                await connection.executemany(f"insert into alone.{table} values ({places})", part)
    took = time.process_time() - began
    await connection.close()
    return took


async def fill(address: str, documents: Sequence[tuple[str, str]], found: Sequence[tuple[int, list[UUID]]]) -> None:
    """With what Byline answered."""
    connection = await asyncpg.connect(address)
    await connection.executemany("insert into alone.documents values ($1, $2)", documents)
    await connection.executemany("insert into alone.found values ($1, $2)", found)
    await connection.execute("vacuum analyze")
    await connection.close()
