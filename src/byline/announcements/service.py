"""From events to what is told of them, and the telling.

WebSub (https://www.w3.org/TR/websub/) leaves open how a publisher tells its hub: the form with `hub.mode=publish` is
that of PubSubHubbub, which every public hub takes. The hub fetches the topic, and delivers it to each subscriber signed
by that one's secret (§7, §8): publishers have no part in that. IndexNow: https://www.indexnow.org/documentation.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from byline import __version__
from byline.announcements import queries
from byline.announcements.models import Progress
from byline.authors.models import Author
from byline.core.events import ERASED, Event
from byline.core.outgoing import Outgoing
from byline.core.schemas import public_address
from byline.core.settings import Settings
from byline.core.uris import uri
from byline.feeds import atom, json_feed, rss
from byline.feeds.addresses import feed_address
from byline.posts.models import path_of
from byline.series.models import Series
from byline.tags.models import Tag

logger = logging.getLogger(__name__)

AT_ONCE = 1000
"""Events that are looked at in one transaction. Each has two addresses at most, and IndexNow takes 10,000 at once."""

_NAME = "events"
_TIMEOUT = 20.0  # seconds
_NAMED: dict[str, type[Tag] | type[Author] | type[Series]] = {"tag": Tag, "author": Author, "series": Series}
_USER_AGENT = {"User-Agent": f"Byline/{__version__}"}


class NotTold(Exception):
    """To be tried again."""


@dataclass(frozen=True, slots=True)
class News:
    """Feeds that are not what they were, pages of the site that are not or are gone, and whether there is more."""

    topics: Sequence[str]
    urls: Sequence[str]
    has_more: bool


async def next_news(session: AsyncSession, settings: Settings) -> News:
    """What has come since it was asked last; the first time nothing has. The events have to be numbered before."""
    newest = (await session.scalars(queries.newest_number())).one()
    progress = await session.get(Progress, _NAME, with_for_update=True)
    if progress is None:
        session.add(Progress(name=_NAME, sequence=newest))
        return News([], [], False)
    # Of a database that was restored, what is newer than the backup was announced already.
    found = (await session.execute(queries.public_events(min(progress.sequence, newest)).limit(AT_ONCE))).all()
    progress.sequence = found[-1].sequence if found else newest
    events = [event for _, event in found]
    topics = await _topics(session, events, settings.site_url) if settings.websub_hub is not None else []
    urls = dict.fromkeys(url for event in events for url in _addresses(event, settings.site_url))
    return News(topics, list(urls), len(found) == AT_ONCE)


def _addresses(event: Event, site_url: str) -> Iterator[str]:
    shown = event.shown or {}
    for slug in (shown.get("before"), shown.get("after")):
        if slug is not None and slug != ERASED:
            yield public_address(path_of(shown["kind"], slug), site_url)


async def _topics(session: AsyncSession, events: Sequence[Event], site_url: str) -> list[str]:
    """The addresses of the feeds that these events change, or may: a hub that finds nothing new tells nobody."""
    paths: dict[str, None] = {}
    languages: dict[str, None] = {}
    for event in events:
        kind, before, after = map((event.shown or {}).get, ("kind", "before", "after"))
        if kind != "page" and (kind == "post" or before is not None):  # of a new tag there is nothing yet
            paths["/"] = None
        if kind in _NAMED and before is not None and after is not None and after != ERASED:
            paths[path_of(kind, after)] = None
    ids: dict[str, set[UUID]] = {kind: set() for kind in _NAMED}
    for tags, authors, series, language in await session.execute(queries.findable_by(await _versions(session, events))):
        languages[language.lower()] = None
        ids["tag"].update(map(UUID, tags))
        ids["author"].update(map(UUID, authors))
        ids["series"].update([UUID(series)] if series else [])
    for kind, model in _NAMED.items():
        slugs = await session.scalars(select(model.slug).where(model.id.in_(ids[kind])).order_by(model.slug))
        paths |= {path_of(kind, slug): None for slug in slugs}
    return [*_of_paths(paths, site_url), *_of_languages(languages, site_url)]


def _of_paths(paths: Iterable[str], site_url: str) -> Iterator[str]:
    for path in paths:
        for form in (rss, atom, json_feed):
            yield feed_address(uri(site_url + path), form.NAME)


def _of_languages(languages: Iterable[str], site_url: str) -> Iterator[str]:
    for language in languages:
        for form in (rss, atom, json_feed):
            yield feed_address(uri(f"{site_url}/"), form.NAME, language=language)


async def _versions(session: AsyncSession, events: Sequence[Event]) -> set[tuple[UUID, int]]:
    """The revisions of posts that say by what these were found before, and are now. What is deleted for good since has
    none any more; then only the feeds of the site are told.
    """
    posts = [(event.subject_id, event) for event in events if (event.shown or {}).get("kind") == "post"]
    found: set[tuple[UUID, int]] = set()
    for post_id, event in posts:
        for name in ("version", "live_version"):
            numbers = event.changes.get(name, {}).values()
            found |= {(post_id, number) for number in numbers if post_id is not None and number is not None}
    live = await session.execute(queries.live_versions({post_id for post_id, _ in posts if post_id is not None}))
    return found | {(post_id, number) for post_id, number in live if number is not None}


async def tell_hub(settings: Settings, topic: str) -> None:
    """Raises NotTold, OutgoingError."""
    if settings.websub_hub is None:
        return
    form = {"hub.mode": "publish", "hub.url": topic}
    answer = await Outgoing(_TIMEOUT).request("POST", settings.websub_hub, headers=_USER_AGENT, form=form)
    if not 200 <= answer.status < 300:
        raise NotTold(f"the hub answered {answer.status}")


async def tell_index(settings: Settings, urls: Sequence[str]) -> None:
    """Raises NotTold, OutgoingError."""
    if settings.indexnow_key is None:
        return
    body = {
        "host": urlsplit(settings.site_url).netloc,
        "key": settings.indexnow_key,
        "keyLocation": f"{settings.site_url}/{settings.indexnow_key}.txt",
        "urlList": list(urls),
    }
    headers = {**_USER_AGENT, "Content-Type": "application/json; charset=utf-8"}
    answer = await Outgoing(_TIMEOUT).request(
        "POST", settings.indexnow_endpoint, headers=headers, content=json.dumps(body).encode()
    )
    if answer.status == 429 or answer.status >= 500:
        raise NotTold(f"IndexNow answered {answer.status}")
    if not 200 <= answer.status < 300:  # a key that is not found where it should be, addresses of another host
        logger.warning("IndexNow refused %d addresses by a %d: they are not told again", len(urls), answer.status)
