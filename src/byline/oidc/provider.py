"""Talking to an identity provider (OpenID Connect Core 1.0, Discovery 1.0), with nothing of ours at stake."""

import logging
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote_plus

import httpx
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError

from byline.core.errors import BylineError, Unauthenticated
from byline.core.outgoing import Answer, Outgoing, OutgoingError, check_address
from byline.core.settings import OidcProvider
from byline.oidc import claims
from byline.oidc.claims import Person

logger = logging.getLogger(__name__)

KEPT_FOR = 3600.0  # seconds, for what a provider publishes about itself

T = TypeVar("T")


class ProviderUnavailable(BylineError):
    status = 503
    code = "provider_unavailable"
    title = "The identity provider does not answer as it should"
    headers = {"Retry-After": "30"}  # noqa: RUF012


class ProviderRefused(Unauthenticated):
    code = "provider_refused"
    title = "The identity provider did not sign you in"


class InvalidIdToken(Unauthenticated):
    code = "invalid_id_token"
    title = "What the identity provider says about you does not hold"


Endpoint = Annotated[str, AfterValidator(check_address)]


class Metadata(BaseModel):
    """What is needed of a provider's configuration (OpenID Connect Discovery 1.0 §3)."""

    issuer: str
    authorization_endpoint: Endpoint
    token_endpoint: Endpoint
    jwks_uri: Endpoint
    userinfo_endpoint: Endpoint | None = None
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]


class Tokens(BaseModel):
    access_token: str
    id_token: str


class Kept(Generic[T]):
    """What was fetched, until its time is up. What could not be fetched is not kept."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._found: tuple[float, T] | None = None

    async def get(self, *, afresh: bool = False) -> T:
        if afresh or self._found is None or self._found[0] <= self._clock():
            self._found = (self._clock() + KEPT_FOR, await self._fetch())
        return self._found[1]


class Provider:
    """One provider of the settings. `clock` counts seconds."""

    def __init__(
        self, config: OidcProvider, outgoing: Outgoing | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.config = config
        self._outgoing = outgoing or Outgoing()
        self._metadata = Kept(self._fetch_metadata, clock)
        self._keys = Kept(self._fetch_keys, clock)

    async def authorization_url(self, *, state: str, nonce: str, verifier: str, redirect_uri: str) -> str:
        """Where to send a browser: the authorization code flow with PKCE (RFC 7636). Raises ProviderUnavailable."""
        metadata = await self._metadata.get()
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.config.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return str(httpx.URL(metadata.authorization_endpoint).copy_merge_params(parameters))

    async def identify(self, *, code: str, nonce: str, verifier: str, redirect_uri: str) -> Person:
        """Who came back with this code. Raises ProviderUnavailable, ProviderRefused, InvalidIdToken."""
        tokens = await self._exchange(code, verifier, redirect_uri)
        try:
            said = await self._verify(tokens, nonce)
            more = {} if claims.are_enough(said, self.config) else await self._userinfo(tokens, said["sub"])
            return claims.person_of(said, more, self.config)
        except (JoseError, ValueError, TypeError, RecursionError) as error:  # the last: JSON nested without end
            logger.warning("provider %s: the ID token does not hold: %s", self.config.name, error)
            raise InvalidIdToken() from error

    async def _exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The tokens for a code (RFC 6749 §4.1.3)."""
        metadata = await self._metadata.get()
        client_id, secret = self.config.client_id, self.config.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"  # encoded as RFC 6749 §2.3.1 has it
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        answer = await self._ask("POST", metadata.token_endpoint, headers=headers, form=form)
        if 400 <= answer.status < 500:
            logger.warning("provider %s refused a code: %d %.300r", self.config.name, answer.status, answer.content)
            raise ProviderRefused()
        return self._read(answer, Tokens)

    async def _verify(self, tokens: Tokens, nonce: str) -> dict[str, Any]:
        """The claims of the ID token; keys are fetched anew for one that is signed with a key not heard of yet."""
        expected = {
            "issuer": self.config.issuer,
            "client_id": self.config.client_id,
            "nonce": nonce,
            "access_token": tokens.access_token,
        }
        try:
            return claims.verify_id_token(tokens.id_token, await self._keys.get(), **expected)
        except InvalidKeyIdError:
            return claims.verify_id_token(tokens.id_token, await self._keys.get(afresh=True), **expected)

    async def _userinfo(self, tokens: Tokens, subject: str) -> dict[str, Any]:
        """What the provider tells besides. Raises ValueError where it speaks of somebody else."""
        metadata = await self._metadata.get()
        if metadata.userinfo_endpoint is None:
            return {}
        headers = {"Accept": "application/json", "Authorization": f"Bearer {tokens.access_token}"}
        told = self._read(await self._ask("GET", metadata.userinfo_endpoint, headers=headers), dict[str, Any])
        if told.get("sub") != subject:
            raise ValueError("the userinfo is about somebody else")
        return told

    async def _fetch_metadata(self) -> Metadata:
        url = f"{self.config.issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = self._read(await self._ask("GET", url), Metadata)
        if metadata.issuer != self.config.issuer:
            raise self._unavailable(f"it calls itself {metadata.issuer!r}")
        return metadata

    async def _fetch_keys(self) -> KeySet:
        metadata = await self._metadata.get()
        answer = await self._ask("GET", metadata.jwks_uri)
        try:
            return KeySet.import_key_set(self._read(answer, dict[str, Any]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise self._unavailable(f"its keys cannot be read: {error}") from error

    async def _ask(self, method: str, url: str, **request: Any) -> Answer:
        try:
            return await self._outgoing.request(method, url, **request)
        except OutgoingError as error:
            raise self._unavailable(f"{url}: {error}") from error

    def _read(self, answer: Answer, shape: type[T]) -> T:
        """Raises ProviderUnavailable for what is no 200 of this shape, a redirect for one."""
        if answer.status != 200:
            raise self._unavailable(f"it answers {answer.status}")
        try:
            return TypeAdapter(shape).validate_json(answer.content)
        except ValidationError as error:
            raise self._unavailable(f"its answer cannot be read: {error.errors(include_input=False)}") from error

    def _unavailable(self, reason: str) -> ProviderUnavailable:
        """What is wrong is for the operator to know, and for nobody else."""
        logger.warning("provider %s: %s", self.config.name, reason)
        return ProviderUnavailable()
