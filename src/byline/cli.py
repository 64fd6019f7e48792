"""The `byline` command."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, TypeVar

import typer
import uvicorn
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.exc import DBAPIError
from uvicorn.importer import import_from_string

from byline import __version__
from byline import demo as demo_publication
from byline.accounts import service as accounts
from byline.accounts.caller import Role
from byline.authors import service as authors
from byline.authors.schemas import AuthorCreate
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres, EmbeddedUnavailable
from byline.core.errors import BylineError
from byline.core.jobs import Job, Status
from byline.core.limits import Limiter, LimitsUnavailable
from byline.core.logging import configure_logging
from byline.core.mail import one_line
from byline.core.migrations import migrate as migrate_database
from byline.core.notices import Heard
from byline.core.settings import Environment, Settings
from byline.jobs import queries
from byline.jobs import service as jobs
from byline.jobs.schemas import JobOut, JobQuery
from byline.search.directory import IndexDirectory
from byline.search.feeder import Feeder
from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read
from byline.transfer.markdown.sources import find_sources
from byline.transfer.report import Item, Outcome, Report

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
import_app = typer.Typer(no_args_is_help=True, help="Bring in what was written elsewhere.")
app.add_typer(import_app, name="import")
search_app = typer.Typer(no_args_is_help=True, help="What readers search in.")
app.add_typer(search_app, name="search")
jobs_app = typer.Typer(no_args_is_help=True, help="What is done in the background.")
app.add_typer(jobs_app, name="jobs")

R = TypeVar("R")

# By its name, as each worker process imports it: the other commands start a quarter faster without it.
APP = "byline.app:create_app"
WORK = "byline.worker:work"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many processes serve.")] = 1,
    worker: Annotated[
        bool | None, typer.Option("--worker/--no-worker", help="Run jobs too, in each of them.", show_default=False)
    ] = None,
    demo: Annotated[
        bool | None,
        typer.Option("--demo/--no-demo", help="Begin an empty database with a small publication.", show_default=False),
    ] = None,
) -> None:
    """Serve the API; without BYLINE_DATABASE_URL, with a PostgreSQL of its own."""
    # uvicorn raises the signal again once it has shut down; as an exception it lets the database shut down too.
    signal.signal(signal.SIGTERM, _exit)
    with _settings(host=host, port=port, worker=worker) as settings:
        wants_demo = settings.environment is Environment.DEVELOPMENT if demo is None else demo
        owner = _run(settings, lambda database: _prepare(database, settings, wants_demo))
        _announce(settings.site_url, owner)
        configure_logging(settings)
        uvicorn.run(
            APP,
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=workers,
            proxy_headers=False,  # the application knows whom to trust; uvicorn would trust this very machine
            access_log=False,
            log_config=None,
            timeout_worker_healthcheck=60,  # of the usual 5 seconds a slow machine needs all to import the application
        )


@app.command()
def worker() -> None:
    """Run jobs, until a signal; the running ones are ended first."""
    signal.signal(signal.SIGTERM, _exit)
    with _settings() as settings:
        configure_logging(settings)
        work = import_from_string(WORK)
        asyncio.run(work(settings))


@jobs_app.command("list")
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Those alone that are so.")] = None,
    task: Annotated[str | None, typer.Option(help="Those of this task alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, at most.")] = 20,
) -> None:
    """Show jobs, the newest first."""
    query = JobQuery(status=status, task=task, limit=limit)
    with _settings() as settings:
        for job in _run(settings, lambda database: _list_jobs(database, query)):
            line = f"{job.id:>8}  {job.status:<9}  {job.created_at:%Y-%m-%d %H:%M}  {job.task}"
            typer.echo(f"{line}  {one_line(job.error)}" if job.error else line)


@jobs_app.command("retry")
def retry_job(job_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]) -> None:
    """Run a failed job again, with all its tries."""
    with _settings() as settings:
        _run(settings, lambda database: _retry_job(database, job_id))
    typer.echo(f"job {job_id} waits for a worker")


@search_app.command("rebuild")
def rebuild_search() -> None:
    """Make the search index of this node anew, while the one that is there answers."""
    with _settings() as settings:
        seconds = _run(settings, lambda database: _rebuild_search(database, settings))
    typer.echo(f"the search index was made anew in {seconds:.1f} s")


@app.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    with _settings() as settings:
        _run(settings, lambda database: migrate_database(database.engine))


@app.command()
def create_owner(
    email: Annotated[str, typer.Option(help="To sign in with.")],
    name: Annotated[str | None, typer.Option(help="The byline. The address's first part when absent.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from a pipe.")] = False,
) -> None:
    """Make a user who may do everything, and the author they write as."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else typer.prompt("Password", hide_input=True)
    with _settings() as settings:
        _run(settings, lambda database: _create_owner(database, email, name or email.partition("@")[0], password))
    typer.echo(f"{email} may sign in")


@import_app.command("markdown")
def import_markdown(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The folder to read.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, and report the same.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, alone.")] = False,
    source: Annotated[
        str | None,
        typer.Option(help="The name by which another import knows these files again. The folder's path when absent."),
    ] = None,
) -> None:
    """Read a folder of Markdown: Jekyll, Hugo, Zola, Docusaurus, or plain."""
    source = source or str(folder.resolve())
    with _settings() as settings:
        report = _run(settings, lambda database: _import(database, settings, folder, source, dry_run))
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        _print_report(report, dry_run)
    if report.failed:
        raise typer.Exit(1)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    placeholder = Settings(database_url=SecretStr("postgresql://nowhere"), secret_key=SecretStr("x" * 32))
    create_app = import_from_string(APP)
    typer.echo(json.dumps(create_app(placeholder).openapi(), indent=2, ensure_ascii=False))


def main() -> None:
    """Runs a command; what the person who typed it can mend is said in a sentence."""
    try:
        app()
    except (EmbeddedUnavailable, LimitsUnavailable, SettingsError, BylineError) as error:
        _fail(str(error))
    except ValidationError as error:
        wrongs = [wrong for wrong in error.errors() if wrong["type"] != "default_factory_not_called"]
        _fail("; ".join(f"{'_'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in wrongs))
    except (OSError, DBAPIError) as error:
        _fail(f"the database cannot be reached: {error}")


def _fail(sentence: str) -> None:
    typer.echo(f"byline: {sentence}", err=True)
    sys.exit(1)


def _exit(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


@contextmanager
def _settings(**options: object) -> Iterator[Settings]:
    """The settings, with a running database: the one that they name, or one of our own for as long as this lasts.

    Options that were given go to the environment, where the worker processes read them too.
    """
    os.environ.update({f"BYLINE_{name.upper()}": str(value) for name, value in options.items() if value is not None})
    settings = Settings()
    if settings.database_url is not None:
        yield settings
        return
    with EmbeddedPostgres(settings.data_dir.resolve() / "postgres") as server:
        os.environ["BYLINE_DATABASE_URL"] = server.url()
        yield Settings()


def _run(settings: Settings, work: Callable[[Database], Awaitable[R]]) -> R:
    async def run() -> R:
        database = Database(settings)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


async def _prepare(database: Database, settings: Settings, demo: bool) -> tuple[str, str] | None:
    """Migrates; makes the demo where it is wanted and there is nothing yet, and gives its owner's login.

    Raises LimitsUnavailable.
    """
    limiter = Limiter(settings)
    await limiter.check()
    await limiter.close()
    await migrate_database(database.engine)
    if not demo:
        return None
    return await demo_publication.create(database.sessions, language=settings.site_language)


async def _rebuild_search(database: Database, settings: Settings) -> float:
    await migrate_database(database.engine)
    began = time.monotonic()
    feeder = Feeder(database.sessions, Heard(), IndexDirectory(settings.data_dir / "search"))
    await feeder.rebuild_somewhere()
    return time.monotonic() - began


async def _create_owner(database: Database, email: str, name: str, password: str) -> None:
    await migrate_database(database.engine)
    async with database.sessions.begin() as session:
        owner = await accounts.create_user(session, email=email, name=name, role=Role.OWNER, password=password)
        await authors.create(session, AuthorCreate(name=name), user_id=owner.id)


async def _list_jobs(database: Database, query: JobQuery) -> list[JobOut]:
    await migrate_database(database.engine)
    async with database.sessions.begin() as session:
        newest = queries.jobs(query).order_by(Job.id.desc()).limit(query.limit)
        return await jobs.describe(session, (await session.scalars(newest)).all())


async def _retry_job(database: Database, job_id: int) -> None:
    await migrate_database(database.engine)
    async with database.sessions.begin() as session:
        job = await session.get(Job, job_id)
        if job is None:
            raise jobs.JobNotFound(f"there is no job {job_id}")
        await jobs.retry(session, job)


async def _import(database: Database, settings: Settings, folder: Path, source: str, dry_run: bool) -> Report:
    await migrate_database(database.engine)
    found = find_sources(folder)
    documents = (read(entry, found.site) for entry in found.entries)
    items: list[Item] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Importing", total=len(found.entries))
        async for item in import_documents(
            database.sessions, source, documents, language=settings.site_language, dry_run=dry_run
        ):
            items.append(item)
            progress.advance(task)
    return Report.of(items)


def _announce(address: str, owner: tuple[str, str] | None) -> None:
    typer.echo(f"\n  Byline {__version__}")
    typer.echo(f"    API docs  {address}/docs")
    typer.echo(f"    Posts     {address}/v1/posts")
    typer.echo(f"    Feed      {address}/feed.xml")
    if owner is not None:
        email, password = owner
        typer.echo(f"    Owner     {email}  password: {password}  (shown this once)")
    typer.echo("")


def _print_report(report: Report, dry_run: bool) -> None:
    for item in report.items:
        if item.outcome is Outcome.FAILED or item.reason is not None:
            typer.echo(f"{item.outcome:>9}  {item.path}: {item.reason}")
    counts = ", ".join(f"{getattr(report, outcome)} {outcome}" for outcome in Outcome)
    typer.echo(f"{counts}{' (dry run: nothing was written)' if dry_run else ''}")
