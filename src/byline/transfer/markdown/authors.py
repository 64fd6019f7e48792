"""Authors of an imported document: names, keys of an authors file, or profiles in the front matter itself."""

import re

from pydantic import JsonValue

from byline.transfer.documents import ImportedAuthor
from byline.transfer.markdown.fields import MAX_TEXT, Fields, absolute, address, anywhere, bare, text
from byline.transfer.markdown.site import Site
from byline.transfer.markdown.slugs import name_slug

KEYS = (*anywhere("author", "authors"), "taxonomies.author", "taxonomies.authors")
MAX_LINKS = 20
FEDIVERSE = re.compile(r"@([\w.]+)@([\w.-]+)")
WITH_ADDRESS = re.compile(r"(.+?)\s*<[^<>@\s]+@[^<>\s]+>")

NAME = ("name", "displayname", "fullname")
HEADLINE = ("title", "headline", "role", "position", "jobtitle")
BIO = ("bio", "description", "about")
AVATAR = ("imageurl", "image", "avatar", "avatarurl", "picture", "photo", "gravatar")
WEBSITE = ("url", "website", "web", "homepage", "site", "uri", "link")
PROFILES = {
    "x": "https://x.com/",
    "twitter": "https://twitter.com/",
    "github": "https://github.com/",
    "gitlab": "https://gitlab.com/",
    "linkedin": "https://www.linkedin.com/in/",
    "instagram": "https://www.instagram.com/",
    "facebook": "https://www.facebook.com/",
    "bluesky": "https://bsky.app/profile/",
    "threads": "https://www.threads.net/@",
    "youtube": "https://www.youtube.com/@",
    "twitch": "https://www.twitch.tv/",
    "stackoverflow": "https://stackoverflow.com/users/",
    "mastodon": None,
    "newsletter": None,
}
UNDERSTOOD = {"key", "slug", "socials", *NAME, *HEADLINE, *BIO, *AVATAR, *WEBSITE, *PROFILES}
# Docusaurus' first version wrote the one author's profile into keys beside `author`.
LEGACY = {"authortitle": "title", "authorurl": "url", "authorimageurl": "imageurl", "authortwitter": "twitter"}


def read_authors(fields: Fields, path: str, site: Site) -> tuple[ImportedAuthor, ...]:
    """All of them without repetition, in the order of the file. One text is one author: it is not split at "and"."""
    authors: dict[str, ImportedAuthor] = {}
    for key in KEYS:
        given = fields.raw(key)
        items = [item for item in (given if isinstance(given, list) else [given]) if item not in (None, "")]
        profiles = [profile for item in items if (profile := _profile(item, path, site))]
        if key == "author" and len(profiles) == 1:
            profiles[0].update({name: fields.take(text, old) for old, name in LEGACY.items() if fields.see(text, old)})
        if len(profiles) == len(items) and all(map(_understood, items)):
            fields.drop(key)
        for author in map(_author, profiles):
            authors.setdefault(author.slug, author)
    return tuple(authors.values())


def _profile(item: JsonValue, path: str, site: Site) -> dict[str, JsonValue] | None:
    """What is known of an author, by bare keys and with a name; None if there is none."""
    if isinstance(item, dict):
        given = {bare(key): value for key, value in item.items()}
        key = text(given.get("key"))
        profile = {**(site.entry(site.authors, path, key) or {} if key else {}), **given}
    else:
        key = text(item)
        if not key:
            return None
        with_address = WITH_ADDRESS.fullmatch(key)
        name = with_address[1] if with_address else key
        entry = site.entry(site.authors, path, key)
        profile = {"name": name, "key": key, **entry} if entry else {"name": name}
    name = _first(profile, *NAME) or key
    return {**profile, "name": name} if name and len(name) <= MAX_TEXT else None


def _understood(item: JsonValue) -> bool:
    """Whether nothing of it is lost in an ImportedAuthor."""
    if isinstance(item, dict):
        socials = item.get("socials") or {}
        linked = isinstance(socials, dict) and all(_link(label, value) for label, value in socials.items())
        return linked and {bare(key) for key in item} <= UNDERSTOOD
    return not WITH_ADDRESS.fullmatch(text(item) or "")


def _author(profile: dict[str, JsonValue]) -> ImportedAuthor:
    name = _first(profile, "name") or ""
    avatar = next((found for key in AVATAR if (found := address(profile.get(key)))), None)
    headline = _first(profile, *HEADLINE)
    return ImportedAuthor(
        slug=name_slug(_first(profile, "slug", "key") or name),
        name=name,
        headline=headline[:MAX_TEXT] if headline else None,
        bio=_first(profile, *BIO),
        avatar_url=avatar,
        links=tuple(_links(profile).items())[:MAX_LINKS],
    )


def _links(profile: dict[str, JsonValue]) -> dict[str, str]:
    socials = profile.get("socials")
    website = next((found for key in WEBSITE if (found := address(profile.get(key)))), None)
    links = {"website": website} if website else {}
    for label, value in (socials if isinstance(socials, dict) else {}).items():
        links |= _link(label, value)
    for label in (label for label in PROFILES if label in profile):
        links |= _link(label, profile[label])
    return links


def _link(label: str, value: JsonValue) -> dict[str, str]:
    """An address, or a name on one of the networks that are known."""
    handle, base = text(value) or "", PROFILES.get(bare(label))
    at_server = FEDIVERSE.fullmatch(handle)
    guess = f"https://{at_server[2]}/@{at_server[1]}" if at_server else base and handle and base + handle.lstrip("@")
    found = absolute(value) or absolute(guess)
    return {label: found} if found else {}


def _first(profile: dict[str, JsonValue], *keys: str) -> str | None:
    return next((found for key in keys if (found := text(profile.get(key)))), None)
