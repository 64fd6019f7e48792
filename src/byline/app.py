"""The application: the one module that names every room."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

import byline.models  # noqa: F401 -- so that every mapper is known
from byline import __version__
from byline.accounts import account, keys, sessions
from byline.accounts import manage as manage_accounts
from byline.accounts import routes as accounts
from byline.accounts.deps import CrossSiteRequest, ScopeMissing
from byline.authors import manage as manage_authors
from byline.authors import routes as authors
from byline.core import health, site
from byline.core.database import Database
from byline.core.docs import mount_docs
from byline.core.errors import BadRequest, ContentTooLarge, Invalid, Unauthenticated
from byline.core.http import BodyLimit, ConditionalGet, RequestId
from byline.core.problems import Problem, ServiceUnavailable, add_problem_handlers, problems
from byline.core.settings import Settings
from byline.feeds import routes as feeds
from byline.posts import manage as manage_posts
from byline.posts import routes as posts
from byline.series import manage as manage_series
from byline.series import routes as series
from byline.tags import manage as manage_tags
from byline.tags import routes as tags

# What any credential may be refused for at the desk.
REFUSED = (
    Unauthenticated,
    sessions.InvalidToken,
    keys.MalformedApiKey,
    keys.UnknownApiKey,
    keys.RevokedApiKey,
    keys.ExpiredApiKey,
    keys.NetworkNotAllowed,
    ScopeMissing,
    CrossSiteRequest,
)
MAX_BODY_BYTES = 8 * 1024 * 1024

DESCRIPTION = """
The publishing backend for expert blogs.

**Delivery** (`/v1/…`) needs no sign-in and shows what is published. **Management** (`/v1/manage/…`) needs a token:
press *Authorize* and sign in. Management resources carry their version as `ETag`; send it back as `If-Match` to
change them. Failures are `application/problem+json` with a stable `code`.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole service. Without `settings` they are read from the environment, as each worker process does."""
    settings = settings or Settings()
    app = FastAPI(
        title="Byline",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
        responses=problems(BadRequest, ContentTooLarge, Invalid, ServiceUnavailable),
    )
    app.state.settings = settings
    app.state.database = Database(settings)
    app.state.sessions = app.state.database.sessions
    add_problem_handlers(app)
    app.add_middleware(ConditionalGet)
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES)
    app.add_middleware(RequestId)
    for router in (site.router, posts.posts, posts.pages, tags.router, authors.router, series.router):
        app.include_router(router)
    for router in (accounts.router, account.router):
        app.include_router(router)
    manage = APIRouter(prefix="/v1/manage", responses=problems(*REFUSED))
    for router in (manage_posts.router, manage_authors.router, manage_tags.router, manage_series.router):
        manage.include_router(router)
    for router in (manage_accounts.users, manage_accounts.api_keys):
        manage.include_router(router)
    app.include_router(manage)
    app.include_router(feeds.router)
    app.include_router(health.router)
    mount_docs(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.database.close()


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the schema that every `problems(…)` refers to."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
        app.openapi_schema = document
    return app.openapi_schema
