"""What a provider may do wrong, and what comes of it."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from byline.accounts.models import Session, User
from byline.core.outgoing import Outgoing
from byline.oidc.claims import ALGORITHMS
from byline.oidc.provider import KEPT_FOR, InvalidIdToken, ProviderRefused, ProviderUnavailable
from tests.conftest import Sessions
from tests.oidc.conftest import Browser, Configure
from tests.oidc.provider import RSA, IdentityProvider, base64url, ec_key
from tests.problems import assert_problem

CONFIGURATION = "/.well-known/openid-configuration"


@pytest.fixture(autouse=True)
def known(configure: Configure) -> None:
    configure(default_role="reader")


@pytest.fixture
async def nobody_gets_in(sessions: Sessions) -> Any:
    yield
    async with sessions.begin() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 0
        assert await session.scalar(select(func.count()).select_from(Session)) == 0


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def good_claims() -> dict[str, dict[str, Any]]:
    return {
        "nothing": {},
        "several audiences": {"aud": ["other", "byline"], "azp": "byline"},
        "one audience in a list": {"aud": ["byline"]},
        "without at_hash": {"at_hash": None},
        "within the leeway": {"exp": now() - 30, "iat": now() + 30},
    }


def bad_claims() -> dict[str, dict[str, Any]]:
    return {
        "wrong nonce": {"nonce": "wrong"},
        "no nonce": {"nonce": None},
        "wrong issuer": {"iss": "https://other.example"},
        "no issuer": {"iss": None},
        "wrong audience": {"aud": "other"},
        "wrong audiences": {"aud": ["other", "another"]},
        "no audience": {"aud": None},
        "empty audience": {"aud": []},
        "several audiences, no party": {"aud": ["byline", "other"]},
        "another party": {"azp": "other"},
        "expired": {"exp": now() - 100},
        "never expires": {"exp": None},
        "expires some day": {"exp": "tomorrow"},
        "no time of issue": {"iat": None},
        "issued in the future": {"iat": now() + 600},
        "not valid yet": {"nbf": now() + 600},
        "wrong at_hash": {"at_hash": "d3Jvbmc"},
        "at_hash is no text": {"at_hash": 7},
        "no subject": {"sub": None},
        "empty subject": {"sub": ""},
        "subject is no text": {"sub": 1815},
        "endless subject": {"sub": "a" * 256},
        "subject that cannot be stored": {"sub": "a\x00"},
        "half a character": {"name": "\ud83d"},
        "address that is none": {"email": "ada"},
        "address is no text": {"email": ["ada@example.com"]},
    }


@pytest.mark.parametrize("fault", good_claims())
async def test_id_tokens_that_hold(browser: Browser, provider: IdentityProvider, fault: str) -> None:
    provider.claims = good_claims()[fault]
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.usefixtures("nobody_gets_in")
@pytest.mark.parametrize("fault", bad_claims())
async def test_id_tokens_that_do_not_hold(browser: Browser, provider: IdentityProvider, fault: str) -> None:
    provider.claims = bad_claims()[fault]
    problem = assert_problem(await browser.sign_in(), InvalidIdToken)
    assert problem["detail"] is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_algorithms(browser: Browser, provider: IdentityProvider, algorithm: str) -> None:
    curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
    provider.algorithm = algorithm
    provider.key = ec_key("ec", curves[algorithm]) if algorithm in curves else RSA
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.usefixtures("nobody_gets_in")
@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS384", "HS512"])
async def test_algorithms_that_prove_nothing(browser: Browser, provider: IdentityProvider, algorithm: str) -> None:
    provider.algorithm, provider.key = algorithm, RSA
    assert_problem(await browser.sign_in(), InvalidIdToken)


@pytest.mark.usefixtures("nobody_gets_in")
async def test_a_secret_among_the_keys(browser: Browser, provider: IdentityProvider) -> None:
    """The algorithm is refused as such, and not for want of a key that fits."""
    provider.algorithm, provider.secret = "HS256", b"a secret of 32 bytes, or a little more"
    key = {"kty": "oct", "kid": provider.key.kid, "k": base64url(provider.secret)}
    provider.answers["/keys"] = lambda: JSONResponse({"keys": [key]})
    assert_problem(await browser.sign_in(), InvalidIdToken)


@pytest.mark.usefixtures("nobody_gets_in")
async def test_another_key_of_the_same_name(browser: Browser, provider: IdentityProvider) -> None:
    provider.published = [ec_key(provider.key.kid)]
    assert_problem(await browser.sign_in(), InvalidIdToken)


@pytest.mark.usefixtures("nobody_gets_in")
async def test_a_key_for_something_else(browser: Browser, provider: IdentityProvider) -> None:
    provider.published = [type(provider.key).import_key({**provider.key.as_dict(private=False), "use": "enc"})]
    assert_problem(await browser.sign_in(), InvalidIdToken)


async def test_keys_change_places(browser: Browser, provider: IdentityProvider) -> None:
    await browser.sign_in()
    await browser.sign_in()
    assert provider.asked.count("/keys") == 1
    provider.key = ec_key("second")
    assert (await browser.sign_in()).status_code == 303
    assert provider.asked.count("/keys") == 2


@pytest.mark.usefixtures("nobody_gets_in")
async def test_a_key_that_nobody_published(browser: Browser, provider: IdentityProvider) -> None:
    provider.kid = "unknown"
    assert_problem(await browser.sign_in(), InvalidIdToken)
    assert provider.asked.count("/keys") == 2


@pytest.mark.usefixtures("nobody_gets_in")
@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "ImFsZyI.e30.", "W10.e30.", "bnVsbA.e30.", "eyJhbGciOiAxfQ.e30.", "ü.ü.ü", "x" * 200_000],
)
async def test_no_token_at_all(browser: Browser, provider: IdentityProvider, token: str) -> None:
    answer = {"access_token": "x", "id_token": token}
    provider.answers["/token"] = lambda: JSONResponse(answer)
    assert_problem(await browser.sign_in(), InvalidIdToken)


@pytest.mark.usefixtures("nobody_gets_in")
@pytest.mark.parametrize(("parameter", "error"), [("nonce", InvalidIdToken), ("code_challenge", ProviderRefused)])
async def test_what_the_browser_carries_cannot_be_changed(
    browser: Browser, parameter: str, error: type[InvalidIdToken | ProviderRefused]
) -> None:
    begun = await browser.begin()
    begun.headers["location"] = str(httpx.URL(begun.headers["location"]).copy_set_param(parameter, "another"))
    assert_problem(await browser.here.get(await browser.consent(begun)), error)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_ways_to_show_the_secret(browser: Browser, provider: IdentityProvider, method: str) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = [method, "private_key_jwt"]
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.usefixtures("nobody_gets_in")
async def test_a_wrong_secret(browser: Browser, configure: Configure) -> None:
    configure(default_role="reader", client_secret="wrong")
    assert_problem(await browser.sign_in(), ProviderRefused)


async def test_what_a_provider_publishes_is_kept_for_a_while(
    browser: Browser, provider: IdentityProvider, configure: Configure
) -> None:
    clock = [0.0]
    configure(clock=lambda: clock[0], default_role="reader")
    for clock[0] in (0.0, KEPT_FOR - 1, KEPT_FOR, KEPT_FOR + 1):
        assert (await browser.sign_in()).status_code == 303
    assert (provider.asked.count(CONFIGURATION), provider.asked.count("/keys")) == (2, 2)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://id.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "/authorize"},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": 7},
    ],
)
async def test_a_configuration_that_does_not_fit(
    browser: Browser, provider: IdentityProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    response = await browser.begin()
    assert_problem(response, ProviderUnavailable)
    assert response.headers["retry-after"] == "30"
    assert "example/" not in response.text.replace("/oidc/example", "")
    provider.metadata = {}
    assert (await browser.sign_in()).status_code == 303  # what does not fit is not kept


async def test_the_issuer_has_to_fit_to_the_letter(
    browser: Browser, provider: IdentityProvider, configure: Configure
) -> None:
    configure(issuer=f"{provider.issuer}/", default_role="reader")
    assert_problem(await browser.begin(), ProviderUnavailable)
    provider.metadata, provider.claims = {"issuer": f"{provider.issuer}/"}, {"iss": f"{provider.issuer}/"}
    assert (await browser.sign_in()).status_code == 303


def huge() -> Response:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    return StreamingResponse(endless())


MISBEHAVIOUR: dict[str, Callable[[], Response]] = {
    "an error": lambda: PlainTextResponse("no", 500),
    "no JSON": lambda: PlainTextResponse("<html>"),
    "no object": lambda: JSONResponse([{}]),
    "nested without end": lambda: PlainTextResponse("[" * 100_000),
    "no text": lambda: Response(b"\xff\xfe{}"),
    "more than one reads": huge,
    "a redirect": lambda: RedirectResponse("/elsewhere"),
}


@pytest.fixture(params=[CONFIGURATION, "/token", "/keys", "/userinfo"])
def endpoint(request: pytest.FixtureRequest, provider: IdentityProvider) -> Iterator[str]:
    provider.only_in_userinfo = {"email"}
    yield request.param


@pytest.mark.usefixtures("nobody_gets_in")
@pytest.mark.parametrize("misbehaviour", MISBEHAVIOUR)
async def test_a_provider_that_misbehaves(
    browser: Browser, provider: IdentityProvider, endpoint: str, misbehaviour: str
) -> None:
    provider.answers[endpoint] = MISBEHAVIOUR[misbehaviour]
    begun = await browser.begin()
    if endpoint == CONFIGURATION:
        assert_problem(begun, ProviderUnavailable)
    else:
        assert_problem(await browser.here.get(await browser.consent(begun)), ProviderUnavailable)
    assert provider.asked[-1] == endpoint
    assert "/elsewhere" not in provider.asked


@pytest.mark.usefixtures("nobody_gets_in")
@pytest.mark.parametrize("status", [201, 302, 403])
async def test_only_a_200_is_read(browser: Browser, provider: IdentityProvider, status: int) -> None:
    provider.only_in_userinfo = {"email"}
    provider.answers["/userinfo"] = lambda: JSONResponse(provider.person, status)
    assert_problem(await browser.sign_in(), ProviderUnavailable)


@pytest.mark.usefixtures("nobody_gets_in")
@pytest.mark.parametrize("keys", [{}, {"keys": []}, {"keys": {}}, {"keys": [7]}, {"keys": [{"kty": "EC"}]}])
async def test_keys_that_are_none(browser: Browser, provider: IdentityProvider, keys: dict[str, Any]) -> None:
    provider.answers["/keys"] = lambda: JSONResponse(keys)
    assert_problem(await browser.sign_in(), ProviderUnavailable)


async def test_keys_of_a_kind_to_come_do_no_harm(browser: Browser, provider: IdentityProvider) -> None:
    keys = [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}, provider.key.as_dict(private=False)]
    provider.answers["/keys"] = lambda: JSONResponse({"keys": keys})
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.usefixtures("nobody_gets_in")
async def test_a_provider_that_takes_too_long(
    browser: Browser, provider: IdentityProvider, configure: Configure
) -> None:
    async def dripping() -> Any:
        for _ in range(40):
            yield b" "
            await asyncio.sleep(0.05)

    configure(Outgoing(timeout=0.2), default_role="reader")
    provider.answers[CONFIGURATION] = lambda: StreamingResponse(dripping())
    assert_problem(await browser.begin(), ProviderUnavailable)


async def test_a_provider_that_is_not_there(browser: Browser, configure: Configure) -> None:
    configure(issuer="http://127.0.0.1:9", default_role="reader")
    response = await browser.begin()
    assert_problem(response, ProviderUnavailable)
    assert "127.0.0.1" not in response.text
