"""The OpenAPI document is true: a fuzzer that reads it finds no answer that it does not describe, and no 5xx."""

import asyncio
import json
import socket
import threading
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from openapi_spec_validator import validate
from pydantic import SecretStr
from schemathesis.checks import CHECKS, load_all_checks

from byline.accounts.caller import Scope
from byline.app import create_app
from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.settings import Settings
from tests import make
from tests.conftest import close, create_database

DOCUMENT = create_app(Settings(_env_file=None, database_url=SecretStr("postgresql://nowhere"))).openapi()
OPERATIONS = [(method, path) for path, item in DOCUMENT["paths"].items() for method in item]
# What has no end is no answer that a fuzzer could look at: tests/changes/test_stream.py does.
FUZZED = [
    (method, path)
    for method, path in OPERATIONS
    if "text/event-stream" not in DOCUMENT["paths"][path][method]["responses"].get("200", {}).get("content", {})
]
PUBLIC = {"/livez", "/readyz", "/v1/auth/token"}

load_all_checks()
EXCLUDED = {
    # A schema cannot say which cursors, tags and authors there are: those that are not get a 422.
    "positive_data_acceptance",
    # Every example begins a server's life with rows that the examples before it left.
    "ensure_resource_availability",
    "use_after_free",
}
CHECKED = [check for check in CHECKS.get_all() if check.__name__ not in EXCLUDED]
# oEmbed §2.3.4 has a 501 for formats that there are not.
BY_PATH = {"/oembed": [check for check in CHECKED if check.__name__ != "not_a_server_error"]}


@pytest.fixture(scope="module")
async def server(postgres: EmbeddedPostgres, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real server on a database of its own, with a few rows in it; its address and an owner's token."""
    url = await create_database(postgres, f"byline_{worker_id}_openapi")
    settings = Settings(
        _env_file=None,
        database_url=SecretStr(url),
        data_dir=tmp_path_factory.mktemp("data"),
        worker=False,
        rate_limit_user="",
    )
    app = create_app(settings)
    await migrate(app.state.database.engine)
    async with app.state.sessions.begin() as session:
        token = await make.token(session, scopes=list(Scope))
        await make.tag(session)
        await make.author(session)
        await make.series(session)
        await make.post(session, tags=["measurement"], authors=["ada-lovelace"], series="measuring-well")
        await make.post(session, kind="page", title="About")
    await close(app)
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", token
    running.should_exit = True
    await asyncio.to_thread(thread.join)
    listener.close()


def test_is_a_valid_document() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))


def test_operation_ids_are_unique_names() -> None:
    ids = [DOCUMENT["paths"][path][method]["operationId"] for method, path in OPERATIONS]
    assert len(ids) == len(set(ids))
    assert all(name.isidentifier() and name == name.lower() for name in ids)


@pytest.mark.parametrize(("method", "path"), FUZZED)
def test_an_operation_answers_as_described(server: tuple[str, str], thorough: bool, method: str, path: str) -> None:
    base_url, token = server
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    operation = schema[path][method.upper()]

    @hypothesis_settings(
        max_examples=60 if thorough else 5,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def fuzz(case: schemathesis.Case[Any]) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(base_url=base_url, headers=headers, checks=BY_PATH.get(path, CHECKED))  # type: ignore[arg-type]

    fuzz()
