"""Alembic's environment: the connection comes from `byline.core.migrations`, or from the settings for the CLI."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from byline.core.database import Database
from byline.core.migrations import is_compared
from byline.core.settings import Settings
from byline.models import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, include_name=is_compared)
    with context.begin_transaction():
        context.run_migrations()


async def run_from_settings() -> None:
    database = Database(Settings())
    async with database.engine.begin() as connection:
        await connection.run_sync(run)
    await database.close()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_from_settings())
