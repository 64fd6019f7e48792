"""What is revoked on one process is refused by the next request on every other: two servers on one database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from byline.accounts.caller import Role, Scope
from byline.core.database import Database
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from tests import make
from tests.conftest import Sessions, create_database
from tests.test_cli import serving

Servers = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture(scope="module")
async def transactions(postgres: EmbeddedPostgres, worker_id: str) -> AsyncIterator[Sessions]:
    url = await create_database(postgres, f"byline_{worker_id}_revocation")
    database = Database(Settings(_env_file=None, database_url=SecretStr(url)))
    await migrate(database.engine)
    yield database.sessions
    await database.close()


@pytest.fixture(scope="module")
async def servers(transactions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with transactions() as session:
        connection = await session.connection()
        url = connection.engine.url.render_as_string(hide_password=False)
    places: list[Path] = [tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")]
    with (
        serving(places[0], "--no-demo", BYLINE_DATABASE_URL=url) as (one, *_),
        serving(places[1], "--no-demo", BYLINE_DATABASE_URL=url) as (other, *_),
    ):
        async with httpx.AsyncClient(base_url=one) as first, httpx.AsyncClient(base_url=other) as second:
            yield first, second


async def _session(desk: httpx.AsyncClient, mine: dict[str, str], user_id: UUID, key_id: UUID) -> httpx.Response:
    return await desk.delete(f"/v1/manage/users/{user_id}/sessions", headers=mine)


async def _disabled(desk: httpx.AsyncClient, mine: dict[str, str], user_id: UUID, key_id: UUID) -> httpx.Response:
    headers = mine | {"If-Match": "*"}
    return await desk.patch(f"/v1/manage/users/{user_id}", json={"is_disabled": True}, headers=headers)


async def _key(desk: httpx.AsyncClient, mine: dict[str, str], user_id: UUID, key_id: UUID) -> httpx.Response:
    return await desk.delete(f"/v1/manage/api-keys/{key_id}", headers=mine)


@pytest.mark.parametrize(
    ("revoke", "by_key", "code"),
    [
        (_session, False, "invalid_token"),
        (_disabled, False, "invalid_token"),
        (_disabled, True, "unknown_api_key"),
        (_key, True, "revoked_api_key"),
    ],
)
async def test_the_next_request_is_a_401(
    servers: Servers,
    transactions: Sessions,
    revoke: Callable[[httpx.AsyncClient, dict[str, str], UUID, UUID], Awaitable[httpx.Response]],
    by_key: bool,
    code: str,
) -> None:
    for number in range(10):
        async with transactions.begin() as session:
            owner = await make.token(session, scopes=list(Scope), lifetime=timedelta(hours=1))
            user = await make.user(session, role=Role.ADMIN)
            token = await make.token(session, scopes=list(Scope), of=user)
            key, row = await make.api_key(session, scopes=[Scope.TAGS_READ], of=user)
        theirs = {"Authorization": f"Bearer {key if by_key else token}"}
        here, there = servers if number % 2 else servers[::-1]
        for server in (here, there):
            assert (await server.get("/v1/manage/tags", headers=theirs)).status_code == 200
        revoked = await revoke(here, {"Authorization": f"Bearer {owner}"}, user.id, row.id)
        assert revoked.status_code in {200, 204}
        for server in (there, here):
            refused = await server.get("/v1/manage/tags", headers=theirs)
            assert (refused.status_code, refused.json()["code"]) == (401, code)
