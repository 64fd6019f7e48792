"""What a provider says about a person: whether it may be believed, and what follows from it. Pure."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidClaimError, MissingClaimError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import ConfigDict, Field

from byline.accounts.caller import Role
from byline.accounts.schemas import Email
from byline.core.schemas import Input, ShortText
from byline.core.settings import OidcProvider

Claims = Mapping[str, Any]

ALGORITHMS = [f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)]
"""Asymmetric ones alone: no `none`, and no HMAC, whose key might be what the provider publishes."""

LEEWAY = 60  # seconds by which the clocks may differ


class Person(Input):
    """Who signs in, in the words of their provider."""

    model_config = ConfigDict(hide_input_in_errors=True)  # which are logged

    subject: str = Field(min_length=1, max_length=255)
    email: Email | None
    is_email_verified: bool
    name: ShortText
    role: Role | None = Field(description="The highest that the provider's groups give here.")


def verify_id_token(
    id_token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, access_token: str
) -> dict[str, Any]:
    """The claims of an ID token that passes the checks of OpenID Connect Core 1.0 §3.1.3.7 and §3.1.3.8.

    Raises JoseError, of which InvalidKeyIdError says that none of the keys has the name that the token asks for;
    ValueError or TypeError for what is no token at all.
    """
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)  # providers add headers of their own
    token = jwt.decode(id_token, keys, registry=registry)
    required = jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        sub={"essential": True},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    required.validate(token.claims)
    audience, party = token.claims["aud"], token.claims.get("azp")
    if party is None and isinstance(audience, list) and len(audience) > 1:
        raise MissingClaimError("azp")
    if party is not None and party != client_id:
        raise InvalidClaimError("azp")
    told = token.claims.get("at_hash")
    if told is not None and not hmac.compare_digest(str(told).encode(), _half_hash(access_token, token.header["alg"])):
        raise InvalidClaimError("at_hash")
    return token.claims


def _half_hash(access_token: str, algorithm: str) -> bytes:
    digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")


def are_enough(claims: Claims, provider: OidcProvider) -> bool:
    """Whether the ID token says all there is to know, so that nobody needs to ask for more."""
    return "email" in claims and (provider.role_claim is None or _claim_at(claims, provider.role_claim) is not None)


def person_of(claims: Claims, userinfo: Claims, provider: OidcProvider) -> Person:
    """Whom the claims of an ID token, and what was asked for besides, describe. Raises ValidationError."""
    every = {**userinfo, **claims}
    address = claims if "email" in claims else userinfo  # one source says both the address and that it is verified
    email, verified = address.get("email") or None, address.get("email_verified")
    names = (every.get("name"), every.get("preferred_username"), str(email or "").partition("@")[0], every["sub"])
    return Person(
        subject=every["sub"],
        email=email,
        is_email_verified=verified is True or verified == "true",  # some send strings
        name=next(name.strip()[:500] for name in names if isinstance(name, str) and name.strip()),
        role=_role_of(every, provider),
    )


def _role_of(claims: Claims, provider: OidcProvider) -> Role | None:
    value = _claim_at(claims, provider.role_claim) if provider.role_claim is not None else None
    values = value if isinstance(value, list) else [value]
    mapped = [provider.role_map[found] for found in values if isinstance(found, str) and found in provider.role_map]
    return min((Role(name) for name in mapped), key=lambda role: role.rank, default=None)


def _claim_at(claims: Claims, path: str) -> Any:
    """The claim of that name (which may hold dots: `https://example.com/roles`), or what the dotted path leads to."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
    return value
