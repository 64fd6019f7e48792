import hashlib
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import urljoin

import pytest
import uvicorn
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from byline.core.docs import ASSETS, ASSETS_PATH, mount_docs
from byline.core.http import RequestId
from byline.core.security import SecurityHeaders

PAGES = ["/docs", "/redoc"]
BUNDLE = f"/{ASSETS_PATH}/redoc/redoc.standalone.js"


def make_app() -> FastAPI:
    around = [Middleware(RequestId), Middleware(SecurityHeaders, strict_transport=True)]
    app = FastAPI(title="Fish & Chips <weekly>", docs_url=None, redoc_url=None, middleware=around)

    @app.get("/v1/herrings")
    async def list_herrings() -> list[str]:
        return []

    mount_docs(app)
    return app


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(make_app()), base_url="http://test") as client:
        yield client


def test_manifest_names_every_file_with_its_checksum() -> None:
    manifest = json.loads((ASSETS / "manifest.json").read_text())
    files = {path.relative_to(ASSETS).as_posix(): path for path in ASSETS.rglob("*") if path.is_file()}
    del files["manifest.json"]
    assert {name: entry["sha256"] for name, entry in manifest.items()} == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("prefix", ["", "/blog"])
async def test_page_loads_only_files_that_are_served(page: str, prefix: str) -> None:
    proxy = Starlette(routes=[Mount(prefix, make_app())])
    async with AsyncClient(transport=ASGITransport(proxy), base_url="http://test") as client:
        response = await client.get(prefix + page)
        assert response.status_code == 200
        assert "//" not in response.text
        assert "<title>Fish &amp; Chips &lt;weekly&gt;</title>" in response.text
        loaded = re.findall(r"""(?:src|href|spec-url)="([^"]+)"|url: '([^']+)'""", response.text)
        assert len(loaded) >= 3
        for address in map("".join, loaded):
            asset = await client.get(urljoin(str(response.url), address))
            assert asset.status_code == 200, address


@pytest.mark.parametrize("page", PAGES)
async def test_page_forbids_other_hosts(client: AsyncClient, page: str) -> None:
    policy = (await client.get(page)).headers["content-security-policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert "'unsafe-inline'" not in directives["script-src"]
    assert not re.search(r"https?:|\*|'unsafe-eval'", policy)


async def test_pages_are_not_in_the_schema(client: AsyncClient) -> None:
    assert list((await client.get("/openapi.json")).json()["paths"]) == ["/v1/herrings"]


async def test_asset_is_compressed_and_kept_for_ever(client: AsyncClient) -> None:
    response = await client.get(BUNDLE)
    assert response.content == (ASSETS / "redoc" / "redoc.standalone.js").read_bytes()
    assert response.headers["content-type"].split(";")[0].endswith("/javascript")
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    unchanged = await client.get(BUNDLE, headers={"If-None-Match": response.headers["etag"]})
    assert unchanged.status_code == 304
    assert unchanged.headers["cache-control"] == response.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/docs/assets/000000000000/redoc/redoc.standalone.js",
        f"/{ASSETS_PATH}/absent.js",
        f"/{ASSETS_PATH}/redoc",
        f"/{ASSETS_PATH}/..%2fdocs.py",
        f"/{ASSETS_PATH}/redoc/..%2f..%2fdocs.py",
        f"/{ASSETS_PATH}/%2fetc%2fpasswd",
        f"/{ASSETS_PATH}/redoc%00",
    ],
)
async def test_what_is_not_an_asset_is_not_found(client: AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "cache-control" not in response.headers


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The app on a loopback port. The socket listens before the server starts, so nobody has to wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(make_app(), log_config=None, access_log=False, lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("page", PAGES)
def test_browser_without_network_shows_the_operations(address: str, page: str, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on PATH")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    command = [chromium, *options, offline, f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom"]
    dom = subprocess.run([*command, address + page], capture_output=True, check=True, timeout=60, text=True).stdout
    assert "List Herrings" in dom
