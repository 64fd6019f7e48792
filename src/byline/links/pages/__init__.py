"""The pages that the links lead to, at /account/…: forms that call the API, without a rule of their own.

They are package data, with addresses relative to the page, so that they also work behind a proxy which adds a path
prefix; and a Content-Security-Policy keeps them from running or loading anything but their one script and stylesheet.
"""

import hashlib
from pathlib import Path

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from byline.core.docs import ImmutableFiles

FOLDER = Path(__file__).parent
ASSETS = FOLDER / "assets"

PAGES = ("invitation", "password-reset", "password-change", "email-change")

# A changed file gets a new address, so the old one may be kept for ever.
_CONTENT = b"".join(path.read_bytes() for path in sorted(ASSETS.iterdir()))
ASSETS_PATH = f"assets/{hashlib.sha256(_CONTENT).hexdigest()[:12]}"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def mount_pages(app: FastAPI, site_title: str) -> None:
    templates = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    for name in PAGES:
        body = templates.get_template(f"{name}.html").render(assets=ASSETS_PATH, site=site_title)
        _add_page(app, f"/account/{name}", body)
    app.mount(f"/account/{ASSETS_PATH}", ImmutableFiles(directory=ASSETS), name="account_assets")


def _add_page(app: FastAPI, path: str, body: str) -> None:
    async def show(request: Request) -> HTMLResponse:
        return HTMLResponse(body, headers=HEADERS)

    app.add_route(path, show, include_in_schema=False)
