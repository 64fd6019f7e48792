"""The data of others."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from byline.accounts.deps import EditableUser, FreshFactorRequired, FreshPerson, ManagedUser, SessionRequired
from byline.accounts.service import LastOwner, RoleAboveYours, UserNotFound, require_may_manage
from byline.core.deps import SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.problems import problems
from byline.privacy import export, service
from byline.privacy.deps import Download
from byline.privacy.schemas import ErasureQuery, PersonalData

router = APIRouter(
    prefix="/users",
    tags=["Manage users"],
    responses=problems(UserNotFound, RoleAboveYours, SessionRequired, FreshFactorRequired),
)


@router.get("/{user_id}/export", dependencies=[Download])
async def export_user(
    user: ManagedUser, caller: FreshPerson, session: SessionDep, settings: SettingsDep
) -> PersonalData:
    """All that is kept of a user, as one document: for who asks for their data."""
    require_may_manage(caller, user)
    return await export.read(session, user, site_url=settings.site_url)


@router.delete(
    "/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(LastOwner, StaleVersion, VersionRequired),
)
async def erase_user(
    user: EditableUser, query: Annotated[ErasureQuery, Query()], caller: FreshPerson, session: SessionDep
) -> None:
    """Remove a user for good: their sign-ins, keys and data are erased. What they wrote stays."""
    require_may_manage(caller, user)
    await service.erase(session, user, query.byline)
