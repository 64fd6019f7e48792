from typing import Annotated
from uuid import UUID

from fastapi import Depends

from byline.accounts.deps import RedirectReader, RedirectWriter
from byline.core.deps import PreconditionDep, SessionDep
from byline.redirects.models import Redirect
from byline.redirects.service import RedirectNotFound


async def get_managed_redirect(redirect_id: UUID, caller: RedirectReader, session: SessionDep) -> Redirect:
    redirect = await session.get(Redirect, redirect_id)
    if redirect is None:
        raise RedirectNotFound()
    return redirect


async def get_editable_redirect(
    redirect_id: UUID, caller: RedirectWriter, precondition: PreconditionDep, session: SessionDep
) -> Redirect:
    """Locked until the transaction ends, so that of two saves of one version the second is refused."""
    redirect = await session.get(Redirect, redirect_id, with_for_update=True)
    if redirect is None:
        raise RedirectNotFound()
    precondition.check(redirect.version)
    return redirect


ManagedRedirect = Annotated[Redirect, Depends(get_managed_redirect)]
EditableRedirect = Annotated[Redirect, Depends(get_editable_redirect)]
