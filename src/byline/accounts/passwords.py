"""Passwords: argon2id, never more than two at once, and as slow for an address that nobody has."""

import asyncio
import secrets
from functools import cache

from pwdlib import PasswordHash

from byline.core.errors import Invalid


class UnfitPassword(Invalid):
    code = "unfit_password"
    title = "A password has 8 to 1,000 characters"


_argon2id = PasswordHash.recommended()
# Hashing takes a third of a second and 64 MiB: no more than two at once.
_hashing = asyncio.Semaphore(2)


async def hash_password(password: str) -> str:
    """Raises UnfitPassword."""
    if not 8 <= len(password) <= 1000:
        raise UnfitPassword()
    async with _hashing:
        return await asyncio.to_thread(_argon2id.hash, password)


async def is_right(password: str, password_hash: str | None) -> bool:
    """Whether the hash is that of the password. None is the hash of nobody's: told after the same time."""
    async with _hashing:
        return await asyncio.to_thread(_verify, password, password_hash)


def _verify(password: str, password_hash: str | None) -> bool:
    # A form can carry half a surrogate pair, which UTF-8 cannot: no password has one.
    candidate = password[:1000].encode(errors="replace")
    return _argon2id.verify(candidate, password_hash or _nobodys()) and password_hash is not None


@cache
def _nobodys() -> str:
    return _argon2id.hash(secrets.token_urlsafe())
