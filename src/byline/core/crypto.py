"""What is kept so that the database alone opens nothing: hashes of random tokens, and secrets under the secret key."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hash_token(token: str) -> bytes:
    """Of a random one: a slow hash, as for passwords, would add nothing."""
    return sha256(token.encode()).digest()


def cipher(secret: str, purpose: str) -> Fernet:
    """With a key derived from the secret key for this purpose alone."""
    key = HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
    return Fernet(urlsafe_b64encode(key))
