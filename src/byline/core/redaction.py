"""Takes secrets out: what stands under a name such as `password`, and what looks like one in any text."""

import re
from functools import lru_cache
from typing import Any

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(r"authorization|cookie|password|secret|token|^code$", re.IGNORECASE)
_SECRET = re.compile(
    r"(?P<key>\bby[lps]_)[\w-]{16,}"  # API keys, preview links, sessions
    r"|(?P<header>\b(?:authorization|(?:set-)?cookie)[\"']?\s*[:=]\s*[\"']?)[^\"'\r\n]+"
    r"|(?P<scheme>\bbearer\s+)[\w.~+/=-]+"  # RFC 6750 §2.1
    r"|(?P<user>://[^\s:/?#@\"]*:)[^\s\"]+(?=@)",  # passwords in addresses
    re.IGNORECASE | re.ASCII,
)
_MARK = re.compile(r"[_:=\s]")
"""Without any of these, no text has a secret: most are short, and have none."""


def redacted(value: Any, name: str = "") -> Any:
    """The value as it may be shown, where it has this name."""
    if _is_secret(name):
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): redacted(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(inner) for inner in value]
    text = value if isinstance(value, str) else repr(value)
    return _SECRET.sub(_hide, text) if _MARK.search(text) else text


@lru_cache(1000)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _hide(found: re.Match[str]) -> str:
    return f"{found[found.lastgroup or 0]}{REDACTED}"
