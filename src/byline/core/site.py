"""The publication itself, as its settings describe it."""

from fastapi import APIRouter
from pydantic import Field

from byline.core.deps import SettingsDep
from byline.core.schemas import Output

router = APIRouter(prefix="/v1/site", tags=["Site"])


class Feeds(Output):
    rss: str
    atom: str
    json_feed: str


class SiteOut(Output):
    title: str = Field(examples=["Byline"])
    description: str
    url: str = Field(examples=["https://example.com"])
    language: str = Field(examples=["en"])
    time_zone: str = Field(
        description="In which times without an offset are read, as IANA names it.", examples=["Europe/Berlin"]
    )
    feeds: Feeds


@router.get("")
async def get_site(settings: SettingsDep) -> SiteOut:
    """The publication: its name, its address, its feeds."""
    url = settings.site_url
    return SiteOut(
        title=settings.site_title,
        description=settings.site_description,
        url=url,
        language=settings.site_language,
        time_zone=settings.site_time_zone,
        feeds=Feeds(rss=f"{url}/feed.xml", atom=f"{url}/atom.xml", json_feed=f"{url}/feed.json"),
    )
