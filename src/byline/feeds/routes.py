"""The newest posts, for feed readers."""

from email.utils import format_datetime

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from byline.authors.service import AuthorNotFound
from byline.core.problems import problems
from byline.feeds import atom, json_feed, rss
from byline.feeds.deps import AuthorFeed, SiteFeed, TagFeed
from byline.feeds.json_feed import JsonFeed
from byline.feeds.schemas import Feed
from byline.tags.service import TagNotFound

router = APIRouter(tags=["Feeds"])


class FeedResponse(Response):
    def __init__(self, feed: Feed, status_code: int = 200) -> None:  # FastAPI documents the default
        headers = {"Content-Type": f"{self.media_type}; charset=utf-8"}
        if feed.changed_at is not None:
            headers["Last-Modified"] = format_datetime(feed.changed_at, usegmt=True)
        super().__init__(feed, status_code, headers)


class RssResponse(FeedResponse):
    media_type = rss.MEDIA_TYPE

    def render(self, content: Feed) -> bytes:
        return rss.write(content)


class AtomResponse(FeedResponse):
    media_type = atom.MEDIA_TYPE

    def render(self, content: Feed) -> bytes:
        return atom.write(content)


class JsonFeedResponse(FeedResponse, JSONResponse):  # the latter so that FastAPI documents the model
    media_type = json_feed.MEDIA_TYPE

    def render(self, content: Feed) -> bytes:
        return json_feed.write(content)


_TAG_PROBLEMS = problems(TagNotFound)
_AUTHOR_PROBLEMS = problems(AuthorNotFound)


@router.get("/feed.xml", response_class=RssResponse)
async def get_site_rss(feed: SiteFeed) -> Response:
    """The newest posts as RSS 2.0."""
    return RssResponse(feed)


@router.get("/atom.xml", response_class=AtomResponse)
async def get_site_atom(feed: SiteFeed) -> Response:
    """The newest posts as Atom (RFC 4287)."""
    return AtomResponse(feed)


@router.get("/feed.json", response_class=JsonFeedResponse, response_model=JsonFeed)
async def get_site_json_feed(feed: SiteFeed) -> Response:
    """The newest posts as JSON Feed 1.1."""
    return JsonFeedResponse(feed)


@router.get("/tags/{slug}/feed.xml", response_class=RssResponse, responses=_TAG_PROBLEMS)
async def get_tag_rss(feed: TagFeed) -> Response:
    """The newest posts with a tag as RSS 2.0."""
    return RssResponse(feed)


@router.get("/tags/{slug}/atom.xml", response_class=AtomResponse, responses=_TAG_PROBLEMS)
async def get_tag_atom(feed: TagFeed) -> Response:
    """The newest posts with a tag as Atom (RFC 4287)."""
    return AtomResponse(feed)


@router.get("/tags/{slug}/feed.json", response_class=JsonFeedResponse, response_model=JsonFeed, responses=_TAG_PROBLEMS)
async def get_tag_json_feed(feed: TagFeed) -> Response:
    """The newest posts with a tag as JSON Feed 1.1."""
    return JsonFeedResponse(feed)


@router.get("/authors/{slug}/feed.xml", response_class=RssResponse, responses=_AUTHOR_PROBLEMS)
async def get_author_rss(feed: AuthorFeed) -> Response:
    """The newest posts of an author as RSS 2.0."""
    return RssResponse(feed)


@router.get("/authors/{slug}/atom.xml", response_class=AtomResponse, responses=_AUTHOR_PROBLEMS)
async def get_author_atom(feed: AuthorFeed) -> Response:
    """The newest posts of an author as Atom (RFC 4287)."""
    return AtomResponse(feed)


@router.get(
    "/authors/{slug}/feed.json", response_class=JsonFeedResponse, response_model=JsonFeed, responses=_AUTHOR_PROBLEMS
)
async def get_author_json_feed(feed: AuthorFeed) -> Response:
    """The newest posts of an author as JSON Feed 1.1."""
    return JsonFeedResponse(feed)
