"""What an entry has to be downloaded: the sound and films in its text, for podcast clients, and its picture."""

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

from byline.core.uris import absolute, uri

# As `core.sanitize` writes them.
_PLAYED = re.compile(r'<(?:audio|source|video)((?: [a-z-]+(?:="[^"]*")?)*)>')
_ATTRIBUTE = re.compile(r' (src|type)="([^"]*)"')
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)  # RFC 6838 §4.2

_TYPES = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "flac": "audio/flac",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "png": "image/png",
    "svg": "image/svg+xml",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
}


@dataclass(frozen=True, slots=True)
class Enclosure:
    """How many bytes it has nobody has told us, and feeds do not wait for an answer from elsewhere."""

    url: str
    type: str


def played_in(html: str, *, base: str) -> list[Enclosure]:
    """What sanitised HTML plays, in its order, but for what tells neither by itself nor by its ending what it is."""
    found = (dict(_ATTRIBUTE.findall(element[1])) for element in _PLAYED.finditer(html))
    enclosures = (_enclosure(unescape(one["src"]), base, one.get("type")) for one in found if "src" in one)
    return list(dict.fromkeys(one for one in enclosures if one and one.type.startswith(("audio/", "video/"))))


def picture(address: str, *, base: str) -> Enclosure | None:
    enclosure = _enclosure(address, base)
    return enclosure if enclosure and enclosure.type.startswith("image/") else None


def _enclosure(address: str, base: str, stated: str | None = None) -> Enclosure | None:
    url = uri(absolute(address, base=base))
    if not url.startswith(("http://", "https://")):
        return None
    ending = urlsplit(url).path.rpartition(".")[2].lower()
    known = stated.partition(";")[0].strip() if stated else ""
    known = known if _MEDIA_TYPE.fullmatch(known) else _TYPES.get(ending, "")
    return Enclosure(url, known) if known else None
