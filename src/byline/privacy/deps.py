from typing import Annotated

from fastapi import Depends, Response

from byline.accounts.deps import FreshPerson, get_own_user
from byline.accounts.models import User
from byline.accounts.service import lock_owners
from byline.core.deps import SessionDep


async def get_download(response: Response) -> None:
    """The answer is a file to save, and nobody else's."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = 'attachment; filename="personal-data.json"'


async def get_leaving_user(caller: FreshPerson, session: SessionDep) -> User:
    """The caller, locked until the transaction ends."""
    await lock_owners(session)
    return await get_own_user(caller, session)


Download = Depends(get_download)
LeavingUser = Annotated[User, Depends(get_leaving_user)]
