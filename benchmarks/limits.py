"""What could be reached at most: applications that do nothing but what is compared, on the same server.

`BENCHMARK_BYTES` names a folder of answers as Byline gave them, each a file of JSON with status, headers and body.
`uvicorn --factory benchmarks.limits:bare` gives them as they are, `:fastapi` from a route; `:database` asks PostgreSQL
through asyncpg alone, and writes what it finds as JSON.
"""

import base64
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI, Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

POST = """
select id, kind, slug, title, subtitle, excerpt, html, language, visibility, featured, word_count, reading_minutes,
    published_at, updated_at from posts
where kind = 'post' and deleted_at is null and status in ('published', 'scheduled') and published_at <= now()
"""
ONE = POST + " and slug = $1"
LIST = POST.replace(" html,", "") + " and visibility = 'public' order by published_at desc, id desc limit 20"
TAGS = """
select post_tags.post_id, tags.id, tags.slug, tags.name from tags join post_tags on post_tags.tag_id = tags.id
where post_tags.post_id = any($1)
"""
AUTHORS = """
select post_authors.post_id, authors.id, authors.slug, authors.name
from authors join post_authors on post_authors.author_id = authors.id where post_authors.post_id = any($1)
"""


def answers() -> dict[str, tuple[int, list[tuple[bytes, bytes]], bytes]]:
    found = {}
    for file in Path(os.environ["BENCHMARK_BYTES"]).glob("*.json"):
        answer = json.loads(file.read_text())
        headers = [(name.encode(), value.encode()) for name, value in answer["headers"]]
        found[f"/{file.stem}"] = (answer["status"], headers, base64.b64decode(answer["body"]))
    return found


def bare() -> App:
    known = answers()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            status, headers, body = known[scope["path"]]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return app


def fastapi() -> FastAPI:
    known = answers()
    app = FastAPI()

    @app.get("/{name}")
    async def answer(name: str) -> Response:
        status, headers, body = known[f"/{name}"]
        return Response(body, status, {key.decode(): value.decode() for key, value in headers})

    return app


def database() -> App:
    pool: asyncpg.Pool | None = None

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal pool
        if scope["type"] == "lifespan":
            await receive()
            pool = await asyncpg.create_pool(os.environ["BENCHMARK_DATABASE"], min_size=10, max_size=10)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert pool is not None
        async with pool.acquire() as connection:
            name = scope["path"].removeprefix("/")
            rows = await (connection.fetch(LIST) if name == "list" else connection.fetch(ONE, name))
            ids = [row["id"] for row in rows]
            tags, authors = await connection.fetch(TAGS, ids), await connection.fetch(AUTHORS, ids)
        found: list[dict[str, Any]] = []
        for row in rows:
            mine = {
                "tags": [dict(tag) for tag in tags if tag["post_id"] == row["id"]],
                "authors": [dict(author) for author in authors if author["post_id"] == row["id"]],
            }
            found.append({**row, **mine})
        body = json.dumps(found, default=str).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
