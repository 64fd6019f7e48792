"""The pages people read the API in: Swagger UI at /docs, Redoc at /redoc.

Every file they need is package data (`docs_assets/`, fetched by `tools/vendor.py`), and a Content-Security-Policy keeps
the browser from asking any other host, whatever the two bundles contain: Redoc's logo, for one, lies on a CDN.
"""

import hashlib
import html
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

ASSETS = Path(__file__).with_name("docs_assets")

# The manifest holds every file's checksum: a changed file gets a new address, so the old one may be kept for ever.
ASSETS_PATH = f"docs/assets/{hashlib.sha256((ASSETS / 'manifest.json').read_bytes()).hexdigest()[:12]}"

# Relative, here and for the assets, so that the pages also work behind a proxy which adds a path prefix.
OPENAPI_URL = "openapi.json"


class ImmutableFiles(StaticFiles):
    """Static files whose address changes with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def mount_docs(app: FastAPI) -> None:
    """Add /docs and /redoc for the document at /openapi.json; the app is made with `docs_url=None, redoc_url=None`."""
    title = html.escape(app.title)
    favicon_url = f"{ASSETS_PATH}/swagger-ui-dist/favicon-32x32.png"
    swagger_ui = get_swagger_ui_html(
        openapi_url=OPENAPI_URL,
        title=title,
        swagger_js_url=f"{ASSETS_PATH}/swagger-ui-dist/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS_PATH}/swagger-ui-dist/swagger-ui.css",
        swagger_favicon_url=favicon_url,
        # The validator is a service on another host. Credentials outlive a reload of the page.
        swagger_ui_parameters={"validatorUrl": None, "persistAuthorization": True},
    )
    redoc = get_redoc_html(
        openapi_url=OPENAPI_URL,
        title=title,
        redoc_js_url=f"{ASSETS_PATH}/redoc/redoc.standalone.js",
        redoc_favicon_url=favicon_url,
        with_google_fonts=False,
    )
    add_page(app, "/docs", swagger_ui)
    add_page(app, "/redoc", redoc)
    app.mount(f"/{ASSETS_PATH}", GZipMiddleware(ImmutableFiles(directory=ASSETS)), name="docs_assets")


def add_page(app: FastAPI, path: str, page: HTMLResponse) -> None:
    body = bytes(page.body)
    headers = {"Content-Security-Policy": content_security_policy(body)}

    async def show(request: Request) -> HTMLResponse:
        return HTMLResponse(body, headers=headers)

    app.add_route(path, show, include_in_schema=False)


def content_security_policy(page: bytes) -> str:
    """Allow this host and the page's own inline scripts, by hash (CSP level 3, `hash-source`).

    Both pages set styles from script, and Redoc's search runs in a worker made from a `blob:`.
    """
    inline = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" for script in inline]
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *hashes],
        "worker-src": ["blob:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
