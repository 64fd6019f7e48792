"""What could be reached at most from memory: the same bytes, from a bare ASGI application and from one route.

`BENCHMARK_BYTES` names a folder of answers as Byline gave them, each a file of JSON with status, headers and body.
"""

import base64
import json
import os
from pathlib import Path

from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


def answers() -> dict[str, tuple[int, Headers, bytes]]:
    found: dict[str, tuple[int, Headers, bytes]] = {"/": (204, [], b"")}
    for file in Path(os.environ["BENCHMARK_BYTES"]).glob("*.json"):
        answer = json.loads(file.read_text())
        headers = [(name.encode(), value.encode()) for name, value in answer["headers"]]
        found[f"/{file.stem}"] = (answer["status"], headers, base64.b64decode(answer["body"]))
    return found


def bare() -> ASGIApp:
    known = answers()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            status, headers, body = known[scope["path"]]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return app


def fastapi() -> FastAPI:
    known = answers()
    app = FastAPI()

    @app.get("/{name:path}")
    async def answer(name: str) -> Response:
        status, headers, body = known[f"/{name}"]
        return Response(body, status, {key.decode(): value.decode() for key, value in headers})

    return app
