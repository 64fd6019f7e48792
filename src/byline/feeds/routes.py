"""The newest posts, for feed readers: of the site, a tag, an author or a series, in three formats each."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from byline.authors.service import AuthorNotFound
from byline.core.errors import NotFound
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.feeds import atom, json_feed, rss
from byline.feeds.deps import get_author_feed, get_series_feed, get_site_feed, get_tag_feed
from byline.feeds.json_feed import JsonFeed
from byline.feeds.schemas import Feed
from byline.series.service import SeriesNotFound
from byline.tags.service import TagNotFound

router = APIRouter(tags=["Feeds"])


class FeedResponse(Response):
    name: str

    def __init__(self, feed: Feed, status_code: int = 200) -> None:  # FastAPI documents the default
        links = [f'<{address}>; rel="{relation}"' for relation, address in feed.links(self.name).items()]
        headers = {"Content-Type": f"{self.media_type}; charset=utf-8", "Link": ", ".join(links)}
        if feed.changed_at is not None:
            headers["Last-Modified"] = format_datetime(feed.changed_at, usegmt=True)
        super().__init__(feed, status_code, headers)


class RssResponse(FeedResponse):
    name = rss.NAME
    media_type = rss.MEDIA_TYPE

    def render(self, content: Feed) -> bytes:
        return rss.write(content)


class AtomResponse(FeedResponse):
    name = atom.NAME
    media_type = atom.MEDIA_TYPE

    def render(self, content: Feed) -> bytes:
        return atom.write(content)


class JsonFeedResponse(FeedResponse, JSONResponse):  # the latter so that FastAPI documents the model
    name = json_feed.NAME
    media_type = json_feed.MEDIA_TYPE

    def render(self, content: Feed) -> bytes:
        return json_feed.write(content)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whose posts: where their feeds are, the dependency that loads one, and what may be missing."""

    prefix: str
    load: Callable[..., Awaitable[Feed]]
    which: str
    missing: tuple[type[NotFound], ...]


_SCOPES = {
    "site": _Scope("", get_site_feed, "", (TagNotFound, AuthorNotFound, SeriesNotFound)),
    "tag": _Scope("/tags/{slug}", get_tag_feed, " with a tag", (TagNotFound,)),
    "author": _Scope("/authors/{slug}", get_author_feed, " of an author", (AuthorNotFound,)),
    "series": _Scope("/series/{slug}", get_series_feed, " of a series", (SeriesNotFound,)),
}
_FORMATS: dict[str, tuple[type[FeedResponse], str, type[JsonFeed] | None]] = {
    "rss": (RssResponse, "RSS 2.0", None),
    "atom": (AtomResponse, "Atom (RFC 4287)", None),
    "json_feed": (JsonFeedResponse, "JSON Feed 1.1", JsonFeed),
}


def _endpoint(scope: _Scope, response_class: type[FeedResponse]) -> Callable[..., Any]:
    async def endpoint(feed: Feed = Depends(scope.load)) -> Response:
        return response_class(feed)

    return endpoint


for _of, _scope in _SCOPES.items():
    for _format, (_response_class, _title, _model) in _FORMATS.items():
        router.add_api_route(
            f"{_scope.prefix}/{_response_class.name}",
            _endpoint(_scope, _response_class),
            name=f"get_{_of}_{_format}",
            description=f"The newest posts{_scope.which} as {_title}, in pages (RFC 5005).",
            response_class=_response_class,
            response_model=_model,
            responses=problems(*_scope.missing, InvalidCursor),
        )
