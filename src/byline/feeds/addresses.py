"""Addresses that hold outside the page: a feed is read far from the site."""

import re
from collections.abc import Mapping
from html import escape, unescape
from urllib.parse import urlencode

from byline.core.uris import absolute

# As `core.sanitize` writes them: no quotation mark in a value, no `<` in text.
_TAG = re.compile(r'<[a-z][a-z0-9]*(?: [a-z-]+="[^"]*")+>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_HOLD_ADDRESSES = {"href", "poster", "src"}


def feed_address(home: str, name: str, **parameters: str | None) -> str:
    """Of the document `name` of a feed whose page is `home`. It is the feed's identity too, so it has one spelling."""
    given: Mapping[str, str] = {key: value for key, value in parameters.items() if value is not None}
    return f"{home.rstrip('/')}/{name}" + (f"?{urlencode(sorted(given.items()))}" if given else "")


def with_absolute_addresses(html: str, *, base: str) -> str:
    """Sanitised HTML whose links and media lead from anywhere to where they lead from the page `base`."""

    def attribute(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in _HOLD_ADDRESSES:
            return found[0]
        return f' {name}="{escape(absolute(unescape(value), base=base))}"'

    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(attribute, tag[0]), html)
