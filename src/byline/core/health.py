"""Is this process alive, and can it serve?"""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from byline.core.errors import BylineError
from byline.core.migrations import is_at_head
from byline.core.problems import ServiceUnavailable, problems

router = APIRouter(tags=["Health"])

PROBES = frozenset({"/livez", "/readyz"})
"""Asked by orchestrators: by address, often, and never to be refused."""


class Health(BaseModel):
    status: str


class MigrationsPending(BylineError):
    status = 503
    code = "migrations_pending"
    title = "The database is not at the newest migration: run `byline migrate`"


@router.get("/livez")
async def livez() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(ServiceUnavailable, MigrationsPending))
async def readyz(request: Request) -> Health:
    """The database answers, and is at the newest migration."""
    if not await is_at_head(request.app.state.database.engine):
        raise MigrationsPending()
    return Health(status="ok")
