"""The pages that the links lead to."""

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byline.accounts import tickets
from byline.accounts.caller import Role
from byline.accounts.models import Session, User
from byline.accounts.service import create_user
from byline.accounts.tickets import Purpose
from byline.links.pages import ASSETS, ASSETS_PATH, PAGES, mount_pages
from tests.conftest import Sessions
from tests.postbox import Postbox
from tests.test_openapi import OPERATIONS

OLD, NEW = "a sentence to remember", "another sentence to remember"

# A page with the pages in it, one after another: it fills in what a person would, and reports what they would see.
FRAMES = """<!doctype html><script type="module">
const found = [], wait = async (ready) => { while (!ready()) await new Promise((go) => setTimeout(go, 20)); };
for (const { address, fields } of %s) {
  const frame = document.createElement("iframe");
  const loaded = new Promise((go) => { frame.onload = go; });
  frame.src = address;
  document.body.append(frame);
  await loaded;
  const page = frame.contentDocument;
  const form = page.querySelector("form:not([hidden])");
  found.push(page.body.innerText);
  if (form) {
    for (const [name, value] of Object.entries(fields)) form.elements[name].value = value;
    form.querySelector("button").click();
    const said = () => form.querySelector("[role=alert]").textContent || page.getElementById("done").textContent;
    await wait(said);
    found.push(said());
  }
  frame.remove();
}
document.body.id = "report";
document.body.textContent = JSON.stringify(found);
</script><body>"""


def make_app() -> FastAPI:
    app = FastAPI()
    mount_pages(app, "Fish & Chips <weekly>")
    return app


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append((self.found[-1][0] if self.found else "", data.strip()))

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.mark.parametrize("prefix", ["", "/blog"])
@pytest.mark.parametrize("page", PAGES)
async def test_a_page_loads_its_one_script_and_stylesheet(page: str, prefix: str) -> None:
    proxy = Starlette(routes=[Mount(prefix, make_app())])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(proxy), base_url="http://test") as client:
        response = await client.get(f"{prefix}/account/{page}")
        assert "Fish &amp; Chips &lt;weekly&gt;</title>" in response.text
        elements = Elements(response.text)
        loaded = [address for tag in elements.of("script", "link") for address in (tag.get("src") or tag.get("href"),)]
        assert len(loaded) == 2
        for address in loaded:
            asset = await client.get(urljoin(str(response.url), address))
            assert asset.status_code == 200
            assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert not [text for tag, text in elements.text if tag in {"script", "style"} and text]
    assert not [name for _, attributes in elements.found for name in attributes if name == "style" or name[:2] == "on"]


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_keeps_to_itself(client: httpx.AsyncClient, page: str) -> None:
    response = await client.get(f"/account/{page}")
    assert response.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_for_everybody(client: httpx.AsyncClient, page: str) -> None:
    """What assistive technology and password managers go by."""
    elements = Elements((await client.get(f"/account/{page}")).text)
    assert elements.of("html") == [{"lang": "en"}]
    assert len(elements.of("h1")) == 1
    assert elements.of("form")
    for form in elements.of("form"):
        assert form["method"] == "post"  # without the script no password ends in an address
    labelled = {label.get("for") for label in elements.of("label")}
    for field in elements.of("input"):
        if field.get("type") != "checkbox":
            assert field["id"] in labelled
            assert field["autocomplete"]
    by_name = {field.get("name"): field for field in elements.of("input")}
    expected = {"email": "username", "password": "current-password", "new_password": "new-password"}
    for name, autocomplete in expected.items():
        assert name not in by_name or by_name[name]["autocomplete"] == autocomplete
    assert len([tag for tag in elements.of("p") if tag.get("role") == "alert"]) == len(elements.of("form"))
    assert len([tag for tag in elements.of("p") if tag.get("role") == "status"]) == 1


def test_the_script_calls_what_there_is() -> None:
    called = re.findall(r'call\("([A-Z]+)", "([^"]+)"', (ASSETS / "account.js").read_text())
    assert len(called) == 7
    assert {(method.lower(), f"/v1/{path}") for method, path in called} <= set(OPERATIONS)


async def test_an_asset_of_another_version(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/account/{ASSETS_PATH}/account.js")).status_code == 200
    assert (await client.get("/account/assets/000000000000/account.js")).status_code == 404


class Framed:
    """The application, but for what forbids to frame its pages."""

    def __init__(self, app: FastAPI, frames: str) -> None:
        self.app = app
        self.frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_frameable(message: Message) -> None:
            headers = MutableHeaders(scope=message) if "headers" in message else MutableHeaders()
            if "content-security-policy" in headers:
                policy = headers["content-security-policy"]
                headers["content-security-policy"] = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
            del headers["x-frame-options"]
            await send(message)

        if scope["path"] == "/frames":
            await HTMLResponse(self.frames)(scope, receive, send)
        else:
            await self.app(scope, receive, send_frameable)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


async def browse(browser: str, profile: Path, address: str) -> tuple[list[str], str]:
    """What the frames reported, and the browser's log."""
    process = await asyncio.create_subprocess_exec(
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr",
        f"--user-data-dir={profile}", "--virtual-time-budget=30000", "--dump-dom", f"{address}/frames",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    dom, log = await asyncio.wait_for(process.communicate(), 60)
    report = re.search('<body id="report">(.*)</body>', dom.decode(), re.DOTALL)
    assert report, log.decode()[-2000:]
    return json.loads(unescape(report[1])), log.decode()


async def test_a_person_gets_through_by_a_browser(
    app: FastAPI, committing: Sessions, postbox: Postbox, tmp_path: Path
) -> None:
    """Each page with the real service behind it, and without a word on the browser's console."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None) or pytest.skip("no browser is installed")
    secret = app.state.settings.secret_key.get_secret_value()
    async with committing.begin() as session:
        user = await create_user(session, email="ada@example.com", name="Ada", role=Role.OWNER, password=OLD)
        issue = partial(tickets.issue, session, secret=secret, lifetime=timedelta(hours=1), user_id=user.id)
        invitation, _ = await issue(Purpose.INVITATION, data={"email": "bob@example.com", "role": "reader"})
        change, _ = await issue(Purpose.EMAIL_CHANGE, data={"email": "ada@example.org"})
    bob = "&email=bob%40example.com"
    steps: list[tuple[str, dict[str, str], str, str]] = [
        ("invitation", {}, "This link is not complete", ""),
        (f"invitation#token={invitation}{bob}", {"name": "Bob", "new_password": OLD}, "Accept your", "Welcome"),
        (f"email-change#token={change}", {}, "Confirm your e-mail", "Your address is changed"),
        (
            "password-change",
            {"email": "ada@example.org", "password": OLD, "new_password": NEW},
            "Change your password",
            "Your password is changed",
        ),
        ("password-reset", {"email": "nobody@example.com"}, "Send me a link", "If there is an account"),
        ("password-reset#token=x", {"new_password": NEW}, "Choose a new password", "This link or token is not valid"),
    ]
    asked = [{"address": f"/account/{page}", "fields": fields} for page, fields, _, _ in steps]
    async with serving(Framed(app, FRAMES % json.dumps(asked))) as address:
        found, log = await browse(browser, tmp_path, address)
    expected = [text for _, _, *texts in steps for text in texts if text]
    assert [text for text, shown in zip(expected, found, strict=True) if text not in shown] == [], found
    # The browser itself notes the last answer, which is meant to be a refusal.
    assert [line for line in log.splitlines() if "CONSOLE" in line and "status of 400" not in line] == []
    async with committing.begin() as session:
        people = {found.email: found for found in await session.scalars(select(User))}
        assert people.keys() == {"ada@example.org", "bob@example.com"}
        assert people["ada@example.org"].version == 3  # a new address, a new password
        assert await session.scalar(select(Session.id)) is None
