"""An OpenID provider over real HTTP, which signs everybody in as the person it is told, and misbehaves on demand."""

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import JWSRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

ADA = {"sub": "ada-1815", "email": "Ada@Example.com", "email_verified": True, "name": "Ada Lovelace"}
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})


def ec_key(kid: str, curve: Any = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid, "use": "sig"})


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def without_nothing(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not None}


@dataclass
class IdentityProvider:
    """`answers` replaces what a path answers; a claim or a member of the metadata that is None is left out."""

    issuer: str
    client_id: str = "byline"
    client_secret: str = "s3cret + :ü%/"
    person: dict[str, Any] = field(default_factory=lambda: dict(ADA))
    only_in_userinfo: set[str] = field(default_factory=set)
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "ES256"
    key: Any = field(default_factory=lambda: ec_key("first"))
    kid: str | None = None
    secret: bytes = RSA.as_pem(private=False)  # for HS256: the classic confusion of a public key with a secret
    published: list[Any] | None = None  # keys, where they are others than the one that signs
    answers: dict[str, Callable[[], Response]] = field(default_factory=dict)
    error: str | None = None
    asked: list[str] = field(default_factory=list)
    on_token: Callable[[], None] = lambda: None
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = request.url.path
        self.asked.append(path)
        routes = {
            "/.well-known/openid-configuration": self._configuration,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": self._keys,
            "/userinfo": self._userinfo,
        }
        if path in self.answers:
            response = self.answers[path]()
        else:
            response = await routes[path](request)
        await response(scope, receive, send)

    async def _configuration(self, request: Request) -> Response:
        metadata = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=a",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            **self.metadata,
        }
        return JSONResponse(without_nothing(metadata))

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert (asked["tenant"], asked["response_type"], asked["client_id"]) == ("a", "code", self.client_id)
        assert asked["code_challenge_method"] == "S256"
        back = {"state": asked["state"], "session_state": "of no interest"}
        if self.error is not None:
            back["error"] = self.error
        else:
            back["code"] = secrets.token_urlsafe()
            self._codes[back["code"]] = asked
        return RedirectResponse(str(httpx.URL(asked["redirect_uri"], params=back)), 302)

    async def _token(self, request: Request) -> Response:
        self.on_token()
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        if self._client_of(request, form) != (self.client_id, self.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or (asked["redirect_uri"], asked["code_challenge"]) != (form["redirect_uri"], challenge):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = secrets.token_urlsafe()
        id_token = self._sign(asked.get("nonce"), access_token)
        return JSONResponse({"access_token": access_token, "token_type": "Bearer", "id_token": id_token})

    def _client_of(self, request: Request, form: dict[str, str]) -> tuple[str, ...]:
        """By the one method that the metadata allows."""
        method = self.metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])[0]
        if method == "client_secret_post":
            return form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        assert scheme == "Basic"
        return tuple(unquote_plus(part) for part in b64decode(credentials).decode().split(":"))

    def _sign(self, nonce: str | None, access_token: str) -> str:
        half = hashlib.new(f"sha{self.algorithm[2:]}" if self.algorithm != "none" else "sha256", access_token.encode())
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "nonce": nonce,
            "at_hash": base64url(half.digest()[: half.digest_size // 2]),
            **{name: value for name, value in self.person.items() if name not in self.only_in_userinfo},
            **self.claims,
        }
        header = without_nothing({"alg": self.algorithm, "kid": self.kid or self.key.kid, "x-of-their-own": "1"})
        payload = json.dumps(without_nothing(claims))
        if self.algorithm.startswith("HS"):  # which the library would not sign with such a secret
            signed = base64url(json.dumps(header).encode()) + "." + base64url(payload.encode())
            return signed + "." + base64url(hmac.digest(self.secret, signed.encode(), f"sha{self.algorithm[2:]}"))
        registry = JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
        return jws.serialize_compact(header, payload, self.key, registry=registry)

    async def _keys(self, request: Request) -> Response:
        keys = self.published if self.published is not None else [self.key]
        return JSONResponse(KeySet(keys).as_dict(private=False))

    async def _userinfo(self, request: Request) -> Response:
        assert request.headers["authorization"].startswith("Bearer ")
        return JSONResponse(without_nothing({**self.person, **self.userinfo}))
