"""Sessions by cookie, and what other sites make a browser send (OWASP: cross-site request forgery)."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from byline.accounts.deps import COOKIE, CrossSiteRequest
from byline.accounts.service import WrongCredentials
from byline.accounts.sessions import InvalidToken
from byline.core.settings import Settings
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

SESSION = "/v1/auth/session"
CREDENTIALS = {"email": "grace@example.com", "password": make.PASSWORD}
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def browser(client: httpx.AsyncClient, sessions: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with an account, who has not signed in yet; keeps cookies as browsers do."""
    async with sessions.begin() as session:
        await make.person(session, email=CREDENTIALS["email"])
    yield client


async def test_sign_in_reload_sign_out(browser: httpx.AsyncClient) -> None:
    signed_in = await browser.post(SESSION, json=CREDENTIALS, headers=OWN)
    assert signed_in.status_code == 201
    [cookie] = signed_in.headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    attributes = {part.strip().partition("=")[0].lower() for part in rest.split(";")[1:]}
    assert name == COOKIE == "__Host-byline"
    assert {"httponly", "secure", "path", "samesite"} <= attributes and "domain" not in attributes
    assert "samesite=lax" in cookie.lower() and "path=/;" in cookie.lower() + ";"
    assert browser.cookies[COOKIE] not in signed_in.text

    again = (await browser.get(SESSION)).json()
    assert again["csrf_token"] == signed_in.json()["csrf_token"]
    assert (await browser.post("/v1/manage/tags", json={"name": "x"}, headers=OWN)).status_code == 201

    token = browser.cookies[COOKIE]
    assert (await browser.delete(SESSION, headers=OWN)).status_code == 204
    assert COOKIE not in browser.cookies
    assert_problem(await browser.get("/v1/account", headers={"Cookie": f"{COOKIE}={token}"}), InvalidToken)


async def test_signing_in_ends_the_session_there_was(browser: httpx.AsyncClient) -> None:
    await browser.post(SESSION, json=CREDENTIALS)
    first = browser.cookies[COOKIE]
    await browser.post(SESSION, json=CREDENTIALS)
    assert browser.cookies[COOKIE] != first
    assert_problem(await browser.get("/v1/account", headers={"Cookie": f"{COOKIE}={first}"}), InvalidToken)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://app.example"}, True),
        ({"Origin": "https://blog.example"}, True),
        ({"Origin": "https://app.example"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://blog.example.evil.example"}, False),
        ({"Origin": "http://blog.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
        ({"X-CSRF-Token": "of this session"}, True),
        ({"X-CSRF-Token": "of another one"}, False),
        ({"X-CSRF-Token": "of this session", "Origin": "https://evil.example"}, False),
        ({"X-CSRF-Token": "ä"}, False),
    ],
)
async def test_who_may_send_a_cookie_along(
    browser: httpx.AsyncClient, app: FastAPI, settings: Settings, headers: dict[str, str], passes: bool
) -> None:
    signed_in = (await browser.post(SESSION, json=CREDENTIALS)).json()
    app.state.settings = settings.model_copy(update={"cors_origins": ["https://app.example"]})
    try:
        if headers.get("X-CSRF-Token") == "of this session":
            headers = {**headers, "X-CSRF-Token": signed_in["csrf_token"]}
        sent = {name.encode(): value.encode() for name, value in headers.items()}
        response = await browser.post("/v1/manage/tags", json={"name": "x"}, headers=sent)
        read = await browser.get("/v1/manage/tags", headers=sent)
    finally:
        app.state.settings = settings
    if passes:
        assert response.status_code == 201
    else:
        assert_problem(response, CrossSiteRequest)
    assert read.status_code == 200  # what changes nothing may be asked for from anywhere: CORS keeps the answer


async def test_no_other_site_signs_a_browser_in(browser: httpx.AsyncClient) -> None:
    response = await browser.post(SESSION, json=CREDENTIALS, headers={"Sec-Fetch-Site": "cross-site"})
    assert_problem(response, CrossSiteRequest)
    assert not browser.cookies


async def test_a_form_of_another_site_is_no_json(browser: httpx.AsyncClient) -> None:
    """The one body that a page may send anywhere without being asked first: `enctype=text/plain`."""
    body = '{"email": "grace@example.com", "password": "correct horse"}'
    response = await browser.post(SESSION, content=body, headers={"Content-Type": "text/plain"})
    assert response.status_code == 422


async def test_wrong_credentials_set_no_cookie(browser: httpx.AsyncClient) -> None:
    response = await browser.post(SESSION, json={**CREDENTIALS, "password": "wrong"})
    assert_problem(response, WrongCredentials)
    assert "set-cookie" not in response.headers


async def test_a_token_counts_before_a_cookie(browser: httpx.AsyncClient) -> None:
    await browser.post(SESSION, json=CREDENTIALS)
    assert_problem(await browser.get("/v1/account", headers={"Authorization": "Bearer nobody"}), InvalidToken)


async def test_a_new_password_sets_a_new_cookie(browser: httpx.AsyncClient) -> None:
    await browser.post(SESSION, json=CREDENTIALS)
    first = browser.cookies[COOKIE]
    change = {"current_password": CREDENTIALS["password"], "new_password": "another one"}
    assert (await browser.post("/v1/account/password", json=change, headers=OWN)).status_code == 200
    assert browser.cookies[COOKIE] != first
    assert (await browser.get("/v1/account")).status_code == 200
