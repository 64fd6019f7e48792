"""The database's schema: bringing it to the newest revision, and asking whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

_PACKAGE = Path(__file__).parents[1]
# In a wheel the migrations lie inside the package, in a checkout at its top.
_SCRIPTS = next(folder for folder in (_PACKAGE / "alembic", _PACKAGE.parents[1] / "alembic") if folder.is_dir())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


HEAD = ScriptDirectory.from_config(_config()).get_current_head()


def is_compared(name: str | None, type_: str, parents: object) -> bool:
    """Alembic's `include_name`: whether this thing in the database is one that the models describe. The tables of the
    queue are not: they are as procrastinate has them.
    """
    return type_ != "table" or name is None or not name.startswith("procrastinate_")


async def migrate(engine: AsyncEngine) -> None:
    """To the newest revision. Of several processes that start at once, one migrates and the others wait."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


async def is_at_head(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return await connection.run_sync(_current) == HEAD


def _upgrade(connection: Connection) -> None:
    connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('byline:migrate'))")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
