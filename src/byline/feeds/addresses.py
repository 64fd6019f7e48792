"""Addresses that hold outside the page: a feed is read far from the site."""

import re
from html import escape, unescape
from urllib.parse import quote, urljoin

_RESERVED = "%:/?#[]@!$&'()*+,;="  # RFC 3986 §2.2, and `%`, so that what is escaped already stays as it is

# As `core.sanitize` writes them: no quotation mark in a value, no `<` in text.
_TAG = re.compile(r'<[a-z][a-z0-9]*(?: [a-z-]+="[^"]*")+>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_HOLD_ADDRESSES = {"href", "poster", "src"}


def uri(address: str) -> str:
    """The same address in ASCII (RFC 3987 §3.1): slugs may be of any script, RSS and JSON Feed ask for URLs."""
    return quote(address, safe=_RESERVED)


def absolute(address: str, *, base: str) -> str:
    """Where the address leads from the page `base`."""
    try:
        return urljoin(base, address)
    except ValueError:  # `//[`, which leads nowhere from any page
        return address


def with_absolute_addresses(html: str, *, base: str) -> str:
    """Sanitised HTML whose links and media lead from anywhere to where they lead from the page `base`."""

    def attribute(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in _HOLD_ADDRESSES:
            return found[0]
        return f' {name}="{escape(absolute(unescape(value), base=base))}"'

    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(attribute, tag[0]), html)
