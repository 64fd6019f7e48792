from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import RedirectReader, RedirectWriter
from byline.core.deps import PreconditionDep, SessionDep, by_id, current
from byline.redirects.models import Redirect
from byline.redirects.service import RedirectNotFound


async def get_managed_redirect(redirect_id: UUID, caller: RedirectReader, session: SessionDep) -> Redirect:
    return await by_id(session, Redirect, redirect_id, RedirectNotFound)


async def get_editable_redirect(
    redirect_id: UUID, caller: RedirectWriter, precondition: PreconditionDep, session: SessionDep
) -> Redirect:
    return await current(session, Redirect, redirect_id, RedirectNotFound, precondition)


ManagedRedirect = Annotated[Redirect, Depends(get_managed_redirect)]
EditableRedirect = Annotated[Redirect, Depends(get_editable_redirect)]
