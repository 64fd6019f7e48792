"""Signatures as Standard Webhooks 1.0 has them, and how their secrets are kept: encrypted."""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken

from byline.core.crypto import cipher

PREFIX = "whsec_"


class SecretUnreadable(Exception):
    """It was encrypted under another secret key."""

    def __init__(self) -> None:
        super().__init__("the secret was encrypted under another BYLINE_SECRET_KEY: rotate it")


def new_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def seal(signing_secret: str, *, secret: str) -> bytes:
    return _cipher(secret).encrypt(signing_secret.encode())


def unseal(sealed: bytes, *, secret: str) -> str:
    """Raises SecretUnreadable."""
    try:
        return _cipher(secret).decrypt(sealed).decode()
    except InvalidToken as error:
        raise SecretUnreadable() from error


def headers(signing_secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """With a signature by each secret; a receiver is content with any one that fits. `timestamp` in Unix seconds."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [hmac.digest(b64decode(key.removeprefix(PREFIX)), signed, "sha256") for key in signing_secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{b64encode(signature).decode()}" for signature in signatures),
    }


def _cipher(secret: str) -> Fernet:
    return cipher(secret, "byline webhook secret")
