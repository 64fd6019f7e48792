"""Addresses as machines far from the site need them: in ASCII, and whole."""

from urllib.parse import quote, urljoin

_RESERVED = "%:/?#[]@!$&'()*+,;="  # RFC 3986 §2.2, and `%`, so that what is escaped already stays as it is


def uri(address: str) -> str:
    """The same address in ASCII (RFC 3987 §3.1): slugs may be of any script, RSS and JSON Feed ask for URLs."""
    return quote(address, safe=_RESERVED)


def absolute(address: str, *, base: str) -> str:
    """Where the address leads from the page `base`."""
    try:
        return urljoin(base, address)
    except ValueError:  # `//[`, which leads nowhere from any page
        return address
