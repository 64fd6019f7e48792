"""Signing in and out."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from byline.accounts.caller import Role, Scope
from byline.accounts.deps import ScopeMissing
from byline.accounts.models import Session, User
from byline.accounts.service import WrongCredentials, create_user
from byline.accounts.sessions import InvalidToken, UnknownScope
from byline.core.crypto import hash_token
from byline.core.errors import Invalid, Unauthenticated
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

TOKEN = "/v1/auth/token"
EMAIL, PASSWORD = "Grace@Example.com", "correct horse ÄÖÜ 😀"


@pytest.fixture(scope="module")
async def password_hash(app: FastAPI) -> str:
    """As `create_user` makes it for PASSWORD: once, because it takes a third of a second by design."""
    async with app.state.sessions() as session:  # never committed
        user = await create_user(session, email=EMAIL, name="Grace", role=Role.OWNER, password=PASSWORD)
        assert user.password_hash
        return user.password_hash


@pytest.fixture
async def grace(sessions: Sessions, password_hash: str) -> User:
    async with sessions.begin() as session:
        return await make.user(session, email=EMAIL, name="Grace", password_hash=password_hash)


def credentials(**fields: str) -> dict[str, str]:
    return {"grant_type": "password", "username": EMAIL, "password": PASSWORD, **fields}


@pytest.mark.usefixtures("grace")
async def test_sign_in_work_sign_out(client: httpx.AsyncClient) -> None:
    signed_in = await client.post(TOKEN, data=credentials())
    assert (signed_in.status_code, signed_in.headers["cache-control"]) == (200, "no-store")
    token = signed_in.json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", 14 * 24 * 3600)
    assert set(token["scope"].split()) == set(Scope)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await client.post("/v1/manage/tags", json={"name": "x"}, headers=headers)).status_code == 201

    signed_out = await client.delete(TOKEN, headers=headers)
    assert (signed_out.status_code, signed_out.content) == (204, b"")
    assert "content-type" not in signed_out.headers
    assert_problem(await client.get("/v1/manage/tags", headers=headers), InvalidToken)
    assert_problem(await client.delete(TOKEN, headers=headers), InvalidToken)


@pytest.mark.usefixtures("grace")
async def test_wrong_and_unknown_are_answered_alike(client: httpx.AsyncClient) -> None:
    problems = []
    for wrong in (
        {"password": "wrong"},
        {"password": PASSWORD + " "},
        {"password": "x" * 100_000},
        {"username": "nobody@example.com"},
        {"username": "'; drop table users; --"},
    ):
        response = await client.post(TOKEN, data=credentials(**wrong))
        problem = assert_problem(response, WrongCredentials)
        problems.append({**problem, "request_id": ""})
        assert response.headers["www-authenticate"] == "Bearer"
    assert all(problem == problems[0] for problem in problems)


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize("email", ["grace@example.com", "GRACE@EXAMPLE.COM"])
async def test_an_address_in_any_case(client: httpx.AsyncClient, email: str) -> None:
    assert (await client.post(TOKEN, data=credentials(username=email))).status_code == 200


@pytest.mark.usefixtures("grace")
async def test_a_token_carries_what_was_asked_for(client: httpx.AsyncClient) -> None:
    signed_in = await client.post(TOKEN, data=credentials(scope="tags:read  posts:read tags:read"))
    assert signed_in.json()["scope"] == "posts:read tags:read"
    headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
    assert (await client.get("/v1/manage/tags", headers=headers)).status_code == 200
    response = await client.post("/v1/manage/tags", json={"name": "x"}, headers=headers)
    assert assert_problem(response, ScopeMissing)["missing_scopes"] == ["tags:write"]


@pytest.mark.usefixtures("grace")
async def test_an_unknown_scope(client: httpx.AsyncClient, sessions: Sessions) -> None:
    response = await client.post(TOKEN, data=credentials(scope="posts:read everything"))
    assert_problem(response, UnknownScope, "/scope")
    wrong = await client.post(TOKEN, data=credentials(scope="everything", password="wrong"))
    assert_problem(wrong, WrongCredentials)
    async with sessions.begin() as session:
        assert await session.scalar(select(Session.id)) is None


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({}, "/username"),
        ({"username": EMAIL}, "/password"),
        ({"username": EMAIL, "password": PASSWORD, "grant_type": "client_credentials"}, "/grant_type"),
    ],
)
async def test_a_form_is_checked(client: httpx.AsyncClient, form: dict[str, str], pointer: str) -> None:
    assert_problem(await client.post(TOKEN, data=form), Invalid, pointer)
    as_json = await client.post(TOKEN, json={"username": EMAIL, "password": PASSWORD})
    assert_problem(as_json, Invalid, "/username")


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", [r"\ud800", r"\x00"])
async def test_no_form_is_an_error_of_ours(client: httpx.AsyncClient, field: str, value: str) -> None:
    """A multipart form names its own character set, and so can hold what no text should."""
    fields = {"username": "a@example.com", "password": "x", field: value}
    parts = "".join(f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    content_type = "multipart/form-data; boundary=x; charset=unicode_escape"
    response = await client.post(TOKEN, content=f"{parts}--x--\r\n".encode(), headers={"Content-Type": content_type})
    assert response.status_code in {401, 422}
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (None, Unauthenticated),
        ("Basic Z3JhY2U6eA==", Unauthenticated),
        ("", Unauthenticated),
        ("Bearer", InvalidToken),
        ("Bearer ", InvalidToken),
        ("Bearer nobody", InvalidToken),
        ("Bearer a b", InvalidToken),
        ("Bearer " + "x" * 10_000, InvalidToken),
        ("Bearer \xff\xfe", InvalidToken),
    ],
)
async def test_who_does_not_sign_in(
    client: httpx.AsyncClient, authorization: str | None, error: type[Unauthenticated]
) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    for method, path in (("DELETE", TOKEN), ("GET", "/v1/manage/posts")):
        response = await client.request(method, path, headers=headers)
        assert_problem(response, error)
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_the_scheme_is_named_in_any_case(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token = await make.token(session, scopes=[Scope.TAGS_READ])
    for scheme in ("bearer", "BEARER"):
        response = await client.get("/v1/manage/tags", headers={"Authorization": f"{scheme} {token}"})
        assert response.status_code == 200


async def test_a_token_runs_out(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        gone = await make.token(session, scopes=list(Scope), lifetime=timedelta(seconds=-1))
        good = await make.token(session, scopes=list(Scope), lifetime=timedelta(minutes=1))
    assert_problem(await client.get("/v1/manage/tags", headers={"Authorization": f"Bearer {gone}"}), InvalidToken)
    assert (await client.get("/v1/manage/tags", headers={"Authorization": f"Bearer {good}"})).status_code == 200


async def test_signing_in_sweeps_out_what_ran_out(client: httpx.AsyncClient, sessions: Sessions, grace: User) -> None:
    async with sessions.begin() as session:
        await make.token(session, scopes=[], of=grace, lifetime=timedelta(seconds=-1))
        await make.token(session, scopes=[], of=grace)
    await client.post(TOKEN, data=credentials())
    async with sessions.begin() as session:
        kept = await session.scalars(select(Session.expires_at).where(Session.user_id == grace.id))
        assert [moment > datetime.now(UTC) for moment in kept] == [True, True]


async def test_signing_out_ends_one_session(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session)
        tokens = [await make.token(session, scopes=[Scope.TAGS_READ], of=user) for _ in range(2)]
    one, other = ({"Authorization": f"Bearer {token}"} for token in tokens)
    assert (await client.delete(TOKEN, headers=one)).status_code == 204
    assert_problem(await client.get("/v1/manage/tags", headers=one), InvalidToken)
    assert (await client.get("/v1/manage/tags", headers=other)).status_code == 200


async def test_secrets_are_kept_hashed_alone(client: httpx.AsyncClient, sessions: Sessions, grace: User) -> None:
    token = (await client.post(TOKEN, data=credentials())).json()["access_token"]
    async with sessions.begin() as session:
        kept = (await session.scalars(select(Session))).one()
        rows = await session.execute(text("select u::text, s::text from users u join sessions s on s.user_id = u.id"))
        stored = str(rows.all())
    assert (kept.token_hash, kept.user_id) == (hash_token(token), grace.id)
    assert kept.expires_at - datetime.now(UTC) > timedelta(days=13)
    assert token not in stored and token.encode().hex() not in stored
    assert PASSWORD not in stored and "$argon2id$" in stored


async def test_every_sign_in_is_a_token_of_its_own(client: httpx.AsyncClient, grace: User) -> None:
    tokens = {(await client.post(TOKEN, data=credentials())).json()["access_token"] for _ in range(2)}
    assert len(tokens) == 2 and all(len(token) >= 40 for token in tokens)
