"""A provider on a port of its own, the application that trusts it, and a browser between the two."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from byline.core.outgoing import Outgoing
from byline.core.settings import OidcProvider
from byline.oidc.provider import Provider
from tests.conftest import Sessions
from tests.oidc.provider import IdentityProvider

NAME = "example"
BEGIN = f"/v1/auth/oidc/{NAME}"
CALLBACK = f"{BEGIN}/callback"


class Server:
    """One socket for all tests; each has a provider of its own behind it."""

    current: IdentityProvider

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.current(scope, receive, send)


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])
        running = uvicorn.Server(uvicorn.Config(server, log_config=None, access_log=False, lifespan="off", ws="none"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        yield server
        running.should_exit = True
        await asyncio.to_thread(thread.join)


@pytest.fixture
def provider(server: Server) -> IdentityProvider:
    server.current = IdentityProvider(server.address)
    return server.current


Configure = Callable[..., Provider]


@pytest.fixture
def configure(app: FastAPI, provider: IdentityProvider) -> Iterator[Configure]:
    """Makes the application know the provider, by settings that may be given."""
    before = app.state.oidc

    def configure(
        outgoing: Outgoing | None = None, clock: Callable[[], float] = lambda: 0.0, **fields: Any
    ) -> Provider:
        fields = {
            "name": NAME,
            "label": "Example Inc.",
            "issuer": provider.issuer,
            "client_id": provider.client_id,
            "client_secret": provider.client_secret,
            **fields,
        }
        known = Provider(OidcProvider(**fields), outgoing, clock)
        app.state.oidc = {**app.state.oidc, fields["name"]: known}
        return known

    yield configure
    app.state.oidc = before


class Browser:
    """Somebody's, with its cookies: at the application, and at the provider."""

    def __init__(self, here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
        self.here = here
        self.there = there

    async def begin(self, **parameters: str) -> httpx.Response:
        return await self.here.get(BEGIN, params=parameters)

    async def consent(self, begun: httpx.Response) -> str:
        """The address that the provider sends back to."""
        assert begun.status_code == 303, begun.text
        consented = await self.there.get(begun.headers["location"])
        assert consented.status_code == 302
        return consented.headers["location"]

    async def sign_in(self, **parameters: str) -> httpx.Response:
        return await self.here.get(await self.consent(await self.begin(**parameters)))


@asynccontextmanager
async def open_browser(app: FastAPI) -> AsyncIterator[Browser]:
    # There is no TLS here, and to load what it trusts takes longer than a test.
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as here,
        httpx.AsyncClient(trust_env=False, verify=False) as there,
    ):
        yield Browser(here, there)


@pytest.fixture
async def browser(app: FastAPI, sessions: Sessions) -> AsyncIterator[Browser]:
    async with open_browser(app) as browser:
        yield browser
