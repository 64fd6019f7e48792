"""An authenticator in software (Web Authentication Level 3): it answers as a browser does, or wrongly where it is told
to."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
"""Flags of authenticator data (§6.1)."""


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "===")


@dataclass
class Authenticator:
    """One passkey, on the pages of `origin`, for the site `rp_id`. With a `counter` of None it does not count."""

    rp_id: str = "blog.example"
    origin: str = "https://blog.example"
    flags: int = PRESENT | VERIFIED
    counter: int | None = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes = b""
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.create()` gives, with an attestation "none"."""
        self.user_handle = decode(options["user"]["id"])
        attestation = {"fmt": "none", "attStmt": {}, "authData": self.data(attested=True)}
        return self.credential(
            clientDataJSON=self.client_data("webauthn.create", options["challenge"]),
            attestationObject=cbor2.dumps(attestation),
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.get()` gives."""
        if self.counter is not None:
            self.counter += 1
        data, client_data = self.data(), self.client_data("webauthn.get", options["challenge"])
        signature = self.key.sign(data + sha256(client_data).digest(), ECDSA(SHA256()))
        return self.credential(
            clientDataJSON=client_data, authenticatorData=data, signature=signature, userHandle=self.user_handle
        )

    def credential(self, **response: bytes) -> dict[str, Any]:
        """As `PublicKeyCredential.toJSON()` writes it."""
        return {
            "id": encode(self.credential_id),
            "rawId": encode(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "transports": ["internal", "hybrid", "telepathy"],
                **{name: encode(value) for name, value in response.items()},
            },
        }

    def client_data(self, kind: str, challenge: str) -> bytes:
        fields = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(fields).encode()

    def data(self, *, attested: bool = False) -> bytes:
        flags = self.flags | (ATTESTED if attested else 0)
        head = sha256(self.rp_id.encode()).digest() + bytes([flags]) + (self.counter or 0).to_bytes(4, "big")
        if not attested:
            return head
        return head + bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self.public_key()

    def public_key(self) -> bytes:
        """As COSE writes a key on P-256 for ES256 (RFC 9053 §2.1, §7.1.1)."""
        point = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
