"""The application: the one module that names every room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

import byline.models  # noqa: F401 -- so that every mapper is known
from byline import __version__
from byline.accounts import account, factors, keys, sessions
from byline.accounts import manage as manage_accounts
from byline.accounts import routes as accounts
from byline.accounts.deps import COOKIE, CrossSiteRequest, ScopeMissing
from byline.announcements.routes import mount_key
from byline.audit import manage as manage_audit
from byline.authors import manage as manage_authors
from byline.authors import routes as authors
from byline.changes import manage as manage_events
from byline.changes import routes as changes
from byline.changes.hub import Hub
from byline.core import health, site, well_known
from byline.core.database import Database
from byline.core.delivery import FromMemory
from byline.core.direct import shortcuts
from byline.core.docs import mount_docs
from byline.core.errors import BadRequest, ContentTooLarge, Invalid, TooManyRequests, Unauthenticated
from byline.core.events import CHANNEL
from byline.core.gate import Gate, Overloaded
from byline.core.http import BodyLimit, ConditionalGet, RequestId
from byline.core.jobs import TaskContext
from byline.core.limits import Limiter
from byline.core.logging import AccessLog, configure_logging
from byline.core.mail import create_mailer
from byline.core.notices import Notices
from byline.core.problems import Problem, ServiceUnavailable, add_problem_handlers, problems, unexpected
from byline.core.readers import Readers
from byline.core.reads import delivered
from byline.core.security import CORS, AllowedHosts, ClientAddress, HostNotAllowed, RateLimit, SecurityHeaders
from byline.core.settings import Environment, Settings
from byline.core.shutdown import told_to_stop
from byline.core.store import Store
from byline.crawlers import routes as crawlers
from byline.feeds import routes as feeds
from byline.insights import manage as manage_insights
from byline.insights import routes as insights
from byline.insights.log import SearchLog
from byline.jobs import manage as manage_jobs
from byline.links import manage as manage_links
from byline.links import routes as links
from byline.links.pages import mount_pages
from byline.oidc import routes as oidc
from byline.oidc.provider import Provider
from byline.passkeys import routes as passkeys
from byline.posts import manage as manage_posts
from byline.posts import manage_previews, manage_reviews, manage_revisions, manage_trash, queries
from byline.posts import routes as posts
from byline.privacy import account as own_data
from byline.privacy import manage as manage_data
from byline.redirects import manage as manage_redirects
from byline.resolve import routes as resolve
from byline.search import routes as search
from byline.search.directory import IndexDirectory
from byline.search.feeder import Feeder
from byline.series import manage as manage_series
from byline.series import routes as series
from byline.tags import manage as manage_tags
from byline.tags import routes as tags
from byline.webhooks import documentation as webhooks
from byline.webhooks import manage as manage_webhooks
from byline.worker import Worker

DELIVERY = (
    *(posts.direct_posts, posts.posts, posts.direct_pages, posts.pages, site.router),
    *(tags.router, authors.router, series.router, resolve.router, feeds.router, crawlers.router),
    search.of_posts,
)
PEOPLE = (
    *(accounts.router, account.router, factors.router, passkeys.sign_in, passkeys.own),
    *(oidc.router, links.router, links.account, own_data.router),
)
MANAGEMENT = (
    *(manage_posts.router, manage_authors.router, manage_tags.router, manage_series.router),
    *(manage_accounts.users, manage_accounts.api_keys, manage_links.router, manage_data.router),
    *(manage_revisions.router, manage_trash.router, manage_previews.router, manage_redirects.router),
    manage_reviews.router,
    *(manage_audit.router, manage_jobs.router, manage_events.router, manage_webhooks.router),
    manage_insights.router,
)
AROUND = (posts.previews_of_posts, search.router, insights.router, changes.router, health.router, well_known.router)

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
change them. A POST may carry an `Idempotency-Key`: sent again, it is not done again. Failures are
`application/problem+json` with a stable `code`.
"""


class Application(FastAPI):
    """FastAPI with an entrance before it: to get to its first middleware takes longer than an answer from memory."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.entrance: ASGIApp = super().__call__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.entrance(scope, receive, send)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole service. Without `settings` they are read from the environment, and logging is set up as they say: so
    does each worker process.

    Raises LimitsUnavailable.
    """
    if settings is None:
        settings = Settings()
        configure_logging(settings)
    limiter = Limiter(settings)
    database = Database(settings)
    notices = Notices(settings)
    store = Store(settings.cache_bytes, notices, partial(_next_change, database), stale=settings.cache_stale_seconds)
    app = Application(
        title="Byline",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
        responses=problems(
            BadRequest, HostNotAllowed, ContentTooLarge, Invalid, TooManyRequests, ServiceUnavailable, Overloaded
        ),
        middleware=_middleware(settings, limiter, store),
    )
    if not _sees_each_request(settings):
        app.entrance = FromMemory(app.entrance, store, settings.cors_origins)
    if settings.trusted_proxies:  # who say whether the client came by TLS
        app.entrance = ClientAddress(app.entrance, settings.trusted_proxies)
    app.state.settings = settings
    app.state.database = database
    app.state.sessions = database.sessions
    app.state.gate = Gate(settings.database_pool_size, settings.database_queue, settings.request_timeout)
    app.state.readers = Readers(settings, database, cookie=COOKIE, changed_at=lambda: store.changed_at)
    app.state.notices = notices
    app.state.store = store
    app.state.limiter = limiter
    app.state.mailer = create_mailer(settings)
    app.state.changes = Hub(app.state.sessions, notices, settings.secret_key.get_secret_value())
    app.state.search = IndexDirectory(settings.data_dir / "search")
    app.state.feeder = Feeder(app.state.sessions, notices.heard(CHANNEL), app.state.search)
    app.state.search_log = SearchLog(app.state.sessions, settings)
    app.state.oidc = {config.name: Provider(config) for config in settings.oidc_providers}
    add_problem_handlers(app)
    for router in DELIVERY:  # those that are asked most come first: routing looks at each in turn
        app.include_router(router, dependencies=[Depends(delivered)])
    for router in (*AROUND, *PEOPLE):
        app.include_router(router)
    manage = APIRouter(prefix="/v1/manage", responses=problems(*REFUSED))
    for router in MANAGEMENT:
        manage.include_router(router)
    app.include_router(manage)
    app.router.routes[:0] = shortcuts(route for router in DELIVERY for route in router.routes)
    app.webhooks.include_router(webhooks.router)
    mount_docs(app)
    mount_pages(app, settings.site_title)
    mount_key(app, settings.indexnow_key)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _middleware(settings: Settings, limiter: Limiter, store: Store) -> list[Middleware]:
    """The first is the outermost: it sees a request first, and its answer last.

    Who the client is comes before all that tells or counts it; the id before the log, which every line carries. Then
    what adds headers, around all that answers, so that no refusal and no failure goes without them; of these CORS is
    the inner one, since it answers preflights itself, before anything is counted or refused. What nobody foresaw
    becomes an answer inside of them: the framework's own net is outside of all. Hosts are refused before they are
    counted, too many requests before any body is read. Conditional requests stand next to the routes, and compare
    what these have made.

    What is answered from memory is so as far out as may be, for each layer takes time: it holds what the layers inside
    have made of it. Those that have to see each request stay outside; where there are none, it is the entrance.
    """
    cors = {**CORS, "allow_origins": settings.cors_origins, "allow_credentials": settings.cors_origins != ["*"]}
    is_production = settings.environment is Environment.PRODUCTION
    arriving = [] if settings.trusted_proxies else [Middleware(ClientAddress, trusted_proxies=[])]
    logged = [Middleware(RequestId), Middleware(AccessLog)]
    guarded = [
        Middleware(SecurityHeaders, strict_transport=is_production),
        *([Middleware(CORSMiddleware, **cors)] if settings.cors_origins else []),
        Middleware(AllowedHosts, allowed_hosts=settings.allowed_hosts),
        Middleware(RateLimit, limiter=limiter, cookie=COOKIE),
    ]
    answering = [
        Middleware(ServerErrorMiddleware, handler=unexpected),
        Middleware(BodyLimit, limit=MAX_BODY_BYTES),
        Middleware(ConditionalGet),
    ]
    from_memory = Middleware(FromMemory, store=store, origins=settings.cors_origins)
    if settings.rate_limit_anonymous:
        return [*arriving, *logged, *guarded, from_memory, *answering]
    if settings.cache_log:
        return [*arriving, *logged, from_memory, *guarded, *answering]
    return [*arriving, *logged, *guarded, *answering]


def _sees_each_request(settings: Settings) -> bool:
    """Whether something but the store has to, which stands inside of it then."""
    return bool(settings.rate_limit_anonymous) or settings.cache_log


async def _next_change(database: Database, now: datetime) -> datetime | None:
    async with database.sessions.begin() as session:
        return await session.scalar(queries.next_change(now))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    worker = Worker(TaskContext(state.sessions, state.settings, state.mailer))
    running = asyncio.create_task(worker.run()) if state.settings.worker else None
    tasks = [asyncio.create_task(state.notices.run()), asyncio.create_task(state.feeder.run())]
    if state.readers.replica is not None:
        tasks.append(asyncio.create_task(state.readers.replica.watch()))
    tasks.append(asyncio.create_task(state.search_log.run()))
    with told_to_stop(state.changes.close):
        yield
    await state.changes.stop()
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await state.search_log.flush()
    worker.stop()
    if running is not None:
        await running
    await app.state.limiter.close()
    await app.state.readers.close()
    await app.state.database.close()


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the schema that every `problems(…)` refers to."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            webhooks=app.webhooks.routes,
            tags=app.openapi_tags,
        )
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
        app.openapi_schema = document
    return app.openapi_schema
