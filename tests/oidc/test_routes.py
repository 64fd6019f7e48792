"""Signing in through a provider: the way there and back."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, TypeAdapter
from sqlalchemy import select, text, update

from byline.accounts.models import Session, Ticket, User
from byline.accounts.tickets import InvalidTicket
from byline.app import create_app
from byline.core.errors import Invalid
from byline.core.settings import OidcProvider, Settings
from byline.oidc.deps import OidcProviderNotFound
from byline.oidc.provider import ProviderRefused
from byline.oidc.routes import BINDING
from byline.oidc.schemas import LocalPath
from tests import make
from tests.conftest import Sessions
from tests.oidc.conftest import BEGIN, CALLBACK, Browser, Configure, open_browser
from tests.oidc.provider import IdentityProvider
from tests.problems import assert_problem


@pytest.fixture(autouse=True)
def known(configure: Configure) -> None:
    configure(default_role="author")


async def test_a_login_page_learns_the_providers(client: httpx.AsyncClient, configure: Configure) -> None:
    configure(name="second", label="Second")
    response = await client.get("/v1/auth/oidc")
    assert response.json() == {
        "data": [
            {"name": "example", "label": "Example Inc.", "url": f"https://blog.example{BEGIN}"},
            {"name": "second", "label": "Second", "url": "https://blog.example/v1/auth/oidc/second"},
        ]
    }


async def test_the_settings_name_the_providers() -> None:
    config = OidcProvider(
        name="from-settings", label="x", issuer="https://id.example", client_id="x", client_secret=SecretStr("hush")
    )
    settings = Settings(_env_file=None, database_url=SecretStr("postgresql://nowhere"), oidc_providers=[config])
    app = create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        response = await client.get("/v1/auth/oidc")
    assert [found["name"] for found in response.json()["data"]] == ["from-settings"]
    assert "hush" not in response.text


async def test_the_way_there(browser: Browser, provider: IdentityProvider, sessions: Sessions) -> None:
    begun = await browser.begin()
    assert (begun.status_code, begun.headers["cache-control"]) == (303, "no-store")
    asked = httpx.URL(begun.headers["location"])
    assert f"{asked.scheme}://{asked.netloc.decode()}{asked.path}" == f"{provider.issuer}/authorize"
    parameters = dict(asked.params)
    state = parameters["state"]
    assert {len(parameters.pop(name)) >= 43 for name in ("state", "nonce", "code_challenge")} == {True}
    assert parameters == {
        "tenant": "a",
        "response_type": "code",
        "client_id": "byline",
        "redirect_uri": f"https://blog.example{CALLBACK}",
        "scope": "openid email profile",
        "code_challenge_method": "S256",
    }
    cookie = SimpleCookie(begun.headers["set-cookie"])[BINDING]
    assert (cookie.value, cookie["path"], cookie["domain"], cookie["max-age"]) == (state, "/", "", "600")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "lax")
    async with sessions.begin() as session:
        ticket = await session.scalar(select(Ticket))
    assert ticket is not None and ticket.expires_at - datetime.now(UTC) <= timedelta(minutes=10)
    again = httpx.URL((await browser.begin()).headers["location"]).params
    assert all(again[name] != asked.params[name] for name in ("state", "nonce", "code_challenge"))


async def test_and_back(browser: Browser, sessions: Sessions) -> None:
    back = await browser.sign_in(return_to="/desk/drafts?page=2#top")
    assert (back.status_code, back.headers["location"], back.content) == (303, "/desk/drafts?page=2#top", b"")
    assert back.headers["cache-control"] == "no-store"
    assert BINDING not in browser.here.cookies
    async with sessions.begin() as session:
        started = (await session.scalars(select(Session))).one()
        assert (await session.scalars(select(Ticket))).all() == []
    assert started.device is not None and started.device.startswith("python-httpx")
    account = (await browser.here.get("/v1/account")).json()
    assert (account["email"], account["name"], account["role"]) == ("Ada@Example.com", "Ada Lovelace", "author")
    assert (await browser.here.post("/v1/manage/posts", json={"title": "x", "markdown": "x"})).status_code == 403
    headers = {"Sec-Fetch-Site": "same-origin"}
    response = await browser.here.post("/v1/manage/posts", json={"title": "x", "markdown": "x"}, headers=headers)
    assert response.status_code == 201


async def test_the_earlier_session_of_the_browser_ends(browser: Browser, sessions: Sessions) -> None:
    await browser.sign_in()
    async with sessions.begin() as session:
        first = (await session.scalars(select(Session.id))).all()
    assert (await browser.sign_in()).headers["location"] == "/"
    async with sessions.begin() as session:
        second = (await session.scalars(select(Session.id))).all()
    assert (len(first), len(second)) == (1, 1) and first != second


LOCAL = ["/", "/desk", "/a?b=//c&d=https://e", "/a//b", "/a:b@c", "/%2F/evil.example", "/.//x", "/ümläut?q=ß"]
FOREIGN = [
    "",
    "desk",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/a\\b",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " /desk",
    "/a b",
    "/a\r\nSet-Cookie: x=y",
    "/\x00",
    "/a\x7f",
    "/" + "a" * 2000,
]


@pytest.mark.parametrize("path", LOCAL)
async def test_return_to_is_a_path_of_the_site(browser: Browser, path: str) -> None:
    back = await browser.sign_in(return_to=path)
    went_to = httpx.URL(f"https://blog.example{BEGIN}").join(back.headers["location"])
    assert (went_to.scheme, went_to.host) == ("https", "blog.example")
    assert went_to == httpx.URL("https://blog.example").join(path)


@pytest.mark.parametrize("path", FOREIGN)
async def test_return_to_leads_nowhere_else(browser: Browser, sessions: Sessions, path: str) -> None:
    assert_problem(await browser.begin(return_to=path), Invalid, "/query/return_to")
    async with sessions.begin() as session:
        assert await session.scalar(select(Ticket)) is None


def test_the_document_says_which_paths() -> None:
    schema = TypeAdapter(LocalPath).json_schema()
    fit = [path for path in LOCAL + FOREIGN if re.search(schema["pattern"], path) and len(path) <= schema["maxLength"]]
    assert fit == LOCAL


async def test_another_browser_cannot_go_on(browser: Browser, client: httpx.AsyncClient, sessions: Sessions) -> None:
    """Login CSRF: somebody begins, and makes a browser of somebody else come back."""
    address = await browser.consent(await browser.begin())
    assert_problem(await client.get(address), InvalidTicket)
    assert (await client.get(BEGIN)).status_code == 303  # now the other has begun one as well
    assert_problem(await client.get(address), InvalidTicket)
    async with sessions.begin() as session:
        assert await session.scalar(select(Session.id)) is None


async def test_a_state_is_good_once(browser: Browser) -> None:
    address = await browser.consent(await browser.begin())
    state = httpx.URL(address).params["state"]
    assert (await browser.here.get(address)).status_code == 303
    browser.here.cookies.set(BINDING, state, domain="blog.example")
    assert_problem(await browser.here.get(address), InvalidTicket)


async def test_a_state_runs_out(browser: Browser, sessions: Sessions) -> None:
    address = await browser.consent(await browser.begin())
    async with sessions.begin() as session:
        await session.execute(update(Ticket).values(expires_at=datetime.now(UTC)))
    assert_problem(await browser.here.get(address), InvalidTicket)


async def test_a_state_belongs_to_its_provider(
    browser: Browser, configure: Configure, provider: IdentityProvider
) -> None:
    configure(name="second", default_role="owner")
    address = await browser.consent(await browser.begin())
    assert_problem(await browser.here.get(address.replace("/example/", "/second/")), InvalidTicket)
    assert "/token" not in provider.asked


@pytest.mark.parametrize("state", ["", "x", "ü", "\x00", "A" * 64, "%"])
async def test_a_forged_state(client: httpx.AsyncClient, state: str) -> None:
    headers = {"Cookie": f"{BINDING}={state}"} if state.isalpha() and state.isascii() else {}
    response = await client.get(CALLBACK, params={"state": state, "code": "x"}, headers=headers)
    assert_problem(response, InvalidTicket)


async def test_a_state_is_needed(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(CALLBACK, params={"code": "x"}), Invalid, "/query/state")
    assert_problem(await client.get(CALLBACK, params={"state": "x" * 201}), Invalid, "/query/state")


async def test_who_says_no_at_the_provider(browser: Browser, provider: IdentityProvider) -> None:
    provider.error = "access_denied"
    assert assert_problem(await browser.sign_in(), ProviderRefused)["detail"] == "access_denied"
    assert "/token" not in provider.asked


@pytest.mark.parametrize(
    "parameters", [{"code": None}, {"error": "server_error"}, {"iss": "https://mixed-up.example"}, {"code": "x"}]
)
async def test_an_answer_that_is_none(browser: Browser, parameters: dict[str, Any]) -> None:
    address = httpx.URL(await browser.consent(await browser.begin()))
    asked = {name: value for name, value in {**address.params, **parameters}.items() if value is not None}
    assert_problem(await browser.here.get(address.copy_with(params=asked)), ProviderRefused)


async def test_the_issuer_may_be_told(browser: Browser, provider: IdentityProvider) -> None:
    address = httpx.URL(await browser.consent(await browser.begin()))
    assert (await browser.here.get(address.copy_add_param("iss", provider.issuer))).status_code == 303


@pytest.mark.parametrize("path", ["/v1/auth/oidc/nobody", "/v1/auth/oidc/nobody/callback?state=x&code=x"])
async def test_an_unknown_provider(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(path), OidcProviderNotFound)


async def test_nothing_is_locked_while_the_provider_is_asked(
    app: FastAPI, committing: Sessions, configure: Configure, provider: IdentityProvider
) -> None:
    """The pool has every connection while the provider answers."""
    configure(default_role="reader", role_claim=None)
    in_use: list[Any] = []
    provider.on_token = lambda: in_use.append(app.state.database.engine.pool.checkedout())
    async with open_browser(app) as browser:
        assert (await browser.sign_in()).status_code == 303
    assert in_use == [0]
    async with committing.begin() as session:
        assert (await session.scalars(select(Session))).one().scopes == []


async def test_roles_change_one_after_the_other(
    app: FastAPI, committing: Sessions, configure: Configure, provider: IdentityProvider
) -> None:
    """Who waits for the owners holds nobody that others wait for: two that did would wait for each other."""
    configure(role_claim="groups", role_map={"staff": "editor"})
    provider.person["groups"] = ["staff"]
    async with committing.begin() as session:
        grace = await make.user(session)
        ada = await make.user(session, email="ada@example.com")
    async with open_browser(app) as browser:
        async with committing.begin() as session:
            await session.get(User, grace.id, with_for_update=True)
            signing_in = asyncio.create_task(browser.sign_in())
            while not await somebody_waits(committing):
                pass
            await session.get(User, ada.id, with_for_update={"nowait": True})
        assert (await signing_in).status_code == 303
    async with committing.begin() as session:
        assert (await session.get_one(User, ada.id)).role == "editor"


async def somebody_waits(committing: Sessions) -> bool:
    """Looks after a hundredth of a second."""
    others = "select wait_event_type = 'Lock' from pg_stat_activity where datname = current_database()"
    async with committing.begin() as session:
        await session.execute(text("select pg_sleep(0.01)"))
        return True in (await session.scalars(text(others))).all()
