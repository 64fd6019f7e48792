from datetime import UTC, datetime

from fastapi import APIRouter

from byline.core.deps import ReadSessionDep, SettingsDep
from byline.core.errors import Gone
from byline.core.problems import problems
from byline.resolve import service
from byline.resolve.deps import SitePath
from byline.resolve.schemas import Found, Moved

router = APIRouter(prefix="/v1/resolve", tags=["Resolve"])


@router.get("", responses=problems(service.NothingThere, Gone))
async def resolve_path(path: SitePath, session: ReadSessionDep, settings: SettingsDep) -> Found | Moved:
    """What is at a path of the site: something published, or the way to where it is now. 410: gone for good."""
    return await service.resolve(session, path, datetime.now(UTC), site_url=settings.site_url)
