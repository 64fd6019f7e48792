"""Do the migrations make what the models say? `python -m tools.check_migrations` asks a PostgreSQL of its own."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection

from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import is_compared, migrate
from byline.core.settings import Settings
from byline.models import Base

SCRATCH = Path(__file__).resolve().parents[1] / ".test"


def differences(connection: Connection) -> list[object]:
    compared = {"compare_type": True, "compare_server_default": True, "include_name": is_compared}
    context = MigrationContext.configure(connection, opts=compared)
    return list(compare_metadata(context, Base.metadata))


async def check(url: str) -> list[object]:
    database = Database(Settings(_env_file=None, database_url=SecretStr(url)))
    await migrate(database.engine)
    async with database.engine.connect() as connection:
        found = await connection.run_sync(differences)
    await database.close()
    return found


def main() -> None:
    SCRATCH.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=SCRATCH) as folder,
        EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"}) as server,
    ):
        found = asyncio.run(check(server.url()))
    for difference in found:
        print(difference)
    print("The migrations lack the above." if found else "The migrations make what the models say.")
    sys.exit(bool(found))


main()
