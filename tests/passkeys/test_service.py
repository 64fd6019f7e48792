"""What is made of credentials that nobody has asked for."""

import secrets
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from byline.core.settings import Settings
from byline.passkeys.schemas import Assertion, Registration
from byline.passkeys.service import PasskeyRefused, RelyingParty, UnfitPasskey, verify_assertion, verify_registration
from tests.authenticator import Authenticator, decode, encode

SITE = RelyingParty("blog.example", "Blog", ["https://blog.example"])
CHALLENGE = secrets.token_bytes(32)
DEVICE = Authenticator()
CREATED = DEVICE.create({"challenge": encode(CHALLENGE), "user": {"id": "AAAA"}})
GOT = DEVICE.get({"challenge": encode(CHALLENGE)})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["AAAA", "__-_"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
cbor_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(max_size=5), inner, max_size=5),
    max_leaves=8,
)


def registration(attestation: bytes) -> Registration:
    return Registration.model_validate(
        {**CREATED, "response": {**CREATED["response"], "attestationObject": encode(attestation)}}
    )


def attestation(**changes: Any) -> bytes:
    return cbor2.dumps({**cbor2.loads(decode(CREATED["response"]["attestationObject"])), **changes})


def public_key(**changes: Any) -> bytes:
    """An attestation with another key, of which some members are changed."""
    data = DEVICE.data(attested=True)
    key = {**cbor2.loads(DEVICE.public_key()), **{int(name): value for name, value in changes.items()}}
    return attestation(authData=data.removesuffix(DEVICE.public_key()) + cbor2.dumps(key))


@pytest.mark.parametrize(
    ("settings", "id", "origins"),
    [
        ({"site_url": "https://blog.example"}, "blog.example", ["https://blog.example"]),
        ({"site_url": "https://Blog.Example:443/notes"}, "blog.example", ["https://blog.example"]),
        ({"site_url": "http://localhost:8000"}, "localhost", ["http://localhost:8000"]),
        (
            {
                "site_url": "https://blog.example",
                "cors_origins": [
                    "https://app.blog.example",
                    "https://blog.example:8443",
                    "https://evilblog.example",
                    "https://example",
                ],
            },
            "blog.example",
            ["https://blog.example", "https://app.blog.example", "https://blog.example:8443"],
        ),
        ({"site_url": "https://blog.example", "cors_origins": ["*"]}, "blog.example", ["https://blog.example"]),
    ],
)
def test_whom_passkeys_are_made_for(settings: dict[str, Any], id: str, origins: list[str]) -> None:
    site = RelyingParty.of(Settings(_env_file=None, site_title="", **settings))
    assert site == RelyingParty(id, id, origins)


def test_a_good_one() -> None:
    made = verify_registration(Registration.model_validate(CREATED), CHALLENGE, SITE)
    assert (made.credential_id, made.credential_public_key) == (DEVICE.credential_id, DEVICE.public_key())
    assert verify_assertion(Assertion.model_validate(GOT), CHALLENGE, DEVICE.public_key(), SITE) == 1


@given(st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]), st.data())
def test_no_byte_can_be_changed(member: str, data: st.DataObject) -> None:
    signed = bytearray(decode(GOT["response"][member]))
    place = data.draw(st.integers(0, len(signed) - 1))
    signed[place] ^= data.draw(st.integers(1, 255))
    forged = Assertion.model_validate({**GOT, "response": {**GOT["response"], member: encode(bytes(signed))}})
    with pytest.raises(PasskeyRefused):
        verify_assertion(forged, CHALLENGE, DEVICE.public_key(), SITE)


@given(st.data())
def test_any_member_of_any_shape(data: st.DataObject) -> None:
    """Refused by the schema, or as an error that is the client's; unless nothing that counts was changed."""
    for whole, model in ((CREATED, Registration), (GOT, Assertion)):
        member = data.draw(st.sampled_from([*whole, *(f"response/{name}" for name in whole["response"])]))
        value = data.draw(json_values)
        if member.startswith("response/"):
            mutated = {**whole, "response": {**whole["response"], member.removeprefix("response/"): value}}
        else:
            mutated = {**whole, member: value}
        try:
            credential = model.model_validate(mutated)
        except ValidationError:
            continue
        assert not is_accepted(credential) or member in UNJUDGED


UNJUDGED = {"authenticatorAttachment", "clientExtensionResults", "response/transports", "response/userHandle"}
"""Members that the signature says nothing about: `userHandle` is compared with the user elsewhere."""


def is_accepted(credential: Registration | Assertion) -> bool:
    try:
        if isinstance(credential, Registration):
            verify_registration(credential, CHALLENGE, SITE)
        else:
            verify_assertion(credential, CHALLENGE, DEVICE.public_key(), SITE)
    except (UnfitPasskey, PasskeyRefused):
        return False
    return True


@given(st.binary(max_size=200) | cbor_values.map(cbor2.dumps))
def test_any_attestation(data: bytes) -> None:
    if data:
        with pytest.raises((UnfitPasskey, ValidationError)):
            verify_registration(registration(data), CHALLENGE, SITE)


@given(st.sampled_from(["fmt", "attStmt", "authData"]), cbor_values)
def test_any_member_of_an_attestation(member: str, value: Any) -> None:
    """A statement of nothing, for the format "none", may be written as one likes."""
    assert not is_accepted(registration(attestation(**{member: value}))) or member == "attStmt"


@given(
    st.sampled_from(["packed", "fido-u2f", "tpm", "apple", "android-safetynet", "android-key"]),
    st.dictionaries(st.sampled_from(["sig", "x5c", "response", "alg", "ver", "certInfo", "pubArea"]), cbor_values),
)
def test_any_statement_of_any_format(fmt: str, statement: dict[str, Any]) -> None:
    with pytest.raises(UnfitPasskey):
        verify_registration(registration(attestation(fmt=fmt, attStmt=statement)), CHALLENGE, SITE)


@given(st.sampled_from(["1", "3", "-1", "-2", "-3"]), cbor_values)
def test_any_key(member: str, value: Any) -> None:
    """What registers nevertheless lets nobody in."""
    try:
        made = verify_registration(registration(public_key(**{member: value})), CHALLENGE, SITE)
    except UnfitPasskey:
        return
    if made.credential_public_key != DEVICE.public_key():
        with pytest.raises(PasskeyRefused):
            verify_assertion(Assertion.model_validate(GOT), CHALLENGE, made.credential_public_key, SITE)


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x81" * 14_000,  # arrays in arrays
        b"\xa1\x00" * 7_000,  # maps in maps
        b"\xc1" * 14_000,  # tags on tags
        b"\x9b" + b"\xff" * 8,  # an array that says it is long
        b"\x5b\x7f" + b"\xff" * 7,  # bytes that say so
        bytes.fromhex("d81c81d81d00"),  # an array that holds itself
        bytes.fromhex("c4821b7fffffffffffffff01"),  # a decimal fraction with a great exponent
        bytes.fromhex("c5821a7fffffff01"),  # a binary one
        attestation(authData=10**12),  # so many zero bytes
        attestation(authData=-1),
        attestation(fmt=[1]),
        attestation(attStmt=None),
        attestation(authData=DEVICE.data()),
    ],
    ids=lambda bomb: bomb[:6].hex(),
)
def test_what_is_made_to_break_a_decoder(bomb: bytes) -> None:
    with pytest.raises(UnfitPasskey):
        verify_registration(registration(bomb), CHALLENGE, SITE)
