"""Paths of the site, written so that what is one address to a browser is one text."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

MAX_LENGTH = 2000

# What would mean something else in a path if it were not escaped.
_ESCAPED = {ord("%"): "%25", ord("?"): "%3F", ord("#"): "%23"}


def normal_path(address: str) -> str:
    """The path with its query, if it has one: unescaped, composed (NFC), without a closing slash or a fragment.

    Raises ValueError for what no browser asks for: no path, `..`, control characters, backslashes, broken UTF-8.
    """
    path, mark, query = address.partition("#")[0].partition("?")
    if not path.startswith("/"):
        raise ValueError("must be a path that begins with a slash")
    try:
        plain = unicodedata.normalize("NFC", unquote(path, errors="strict"))
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8") from error
    if "\\" in plain or any(unicodedata.category(character) in {"Cc", "Cs"} for character in plain + query):
        raise ValueError("holds a backslash or a control character")
    steps = [step for step in plain.split("/") if step]
    if {".", ".."} & set(steps):
        raise ValueError("goes through . or ..")
    normal = "/" + "/".join(steps).translate(_ESCAPED) + (mark and query and f"?{query}")
    if len(normal) > MAX_LENGTH:
        raise ValueError(f"has more than {MAX_LENGTH:,} characters")
    return normal


def normal_target(address: str) -> str:
    """A path as above, its fragment kept; or an http(s) address as it is. Raises ValueError."""
    if address.startswith("/"):
        path, mark, fragment = address.partition("#")
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in fragment):
            raise ValueError("holds a control character")
        return normal_path(path) + mark + fragment
    if re.search(r"[\s\x00-\x1f\x7f\\]", address):
        raise ValueError("holds white space or a backslash")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a path of the site, or an http or https address")
    return address


def is_path(target: str | None) -> bool:
    return target is not None and target.startswith("/")


def below(target: str, site_url: str) -> str:
    """An address of the site itself as its path, so that where it leads is known; any other as it is."""
    if target == site_url or target.startswith((f"{site_url}/", f"{site_url}?", f"{site_url}#")):
        return normal_target("/" + target.removeprefix(site_url).removeprefix("/"))
    return target


def keys(path: str) -> tuple[str, ...]:
    """Under which a redirect may stand for a path that is normal: with its query, and else without."""
    plain, mark, _ = path.partition("?")
    return (path, plain) if mark else (path,)
