"""Somebody who has left traces everywhere, by the same ways as in earnest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import select, text

from byline.accounts import throttle
from byline.accounts.caller import Caller, Role, Scope
from byline.accounts.models import User
from byline.accounts.sessions import Client, Lifetime, start
from byline.accounts.tickets import token_of
from byline.core import events
from byline.links import service as links
from byline.links.schemas import InvitationAccept, InvitationCreate
from byline.models import Base
from byline.oidc.models import Identity
from byline.passkeys.models import Passkey
from tests import make
from tests.conftest import Sessions

SECRET = "for links"
ADDRESS = "198.51.100.23"
EMAIL, FORMER_EMAIL, WANTED_EMAIL = "augusta@king.example", "ADA@byron.example", "countess@lovelace.example"
NAME, BYLINE = "Augusta King-Noel", "Ada Byron"

PRIVATE = [ADDRESS, EMAIL, FORMER_EMAIL, WANTED_EMAIL, NAME, "ada's telephone", "subject-at-provider"]
"""What is to be found nowhere once she was erased."""

PUBLIC = [BYLINE, "ada-byron", "enchantress of numbers", "born in london", "ada.example"]
"""Her byline."""


@dataclass(frozen=True)
class Person:
    user_id: UUID
    author_id: UUID
    post_id: str
    key: str
    client: httpx.AsyncClient


@asynccontextmanager
async def ada(app: FastAPI, sessions: Sessions, *, with_posts: bool = True) -> AsyncIterator[Person]:
    """Invited by an owner, an author since; her requests come from ADDRESS."""
    async with sessions.begin() as session:
        owner = await make.user(session, name="Charles", email="charles@babbage.example")
        inviter = Caller(owner.id, owner.name, Role.OWNER, frozenset(Scope))
        session.info["actor"] = events.Actor(user_id=owner.id, address="203.0.113.1")
        new = InvitationCreate(email=FORMER_EMAIL, role=Role.AUTHOR)
        invitation = token_of(await links.invite(session, new, inviter), SECRET)
    async with sessions.begin() as session:
        acceptance = InvitationAccept(token=invitation, name=BYLINE, password="poetical science")
        user = await links.accept_invitation(session, acceptance, address=ADDRESS, secret=SECRET)
        token = await make.token(session, scopes=list(Scope), of=user)
    transport = httpx.ASGITransport(app, client=(ADDRESS, 1))
    headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
    async with httpx.AsyncClient(transport=transport, base_url="https://blog.example", headers=headers) as client:
        yield await _live(client, sessions, user, with_posts)


async def _live(client: httpx.AsyncClient, sessions: Sessions, user: User, with_posts: bool) -> Person:
    """She signs in, moves, changes her name and her byline, makes a key, writes."""
    async with sessions.begin() as session:
        await start(session, user, Client("Ada's Telephone", ADDRESS), Lifetime(timedelta(hours=1), timedelta(hours=1)))
    async with sessions.begin() as session:
        session.info["actor"] = events.Actor(user_id=user.id, address=ADDRESS)
        await throttle.count(session, throttle.account_key(FORMER_EMAIL), throttle.address_key(ADDRESS))
        change, _ = await links.issue_email_change(session, await session.get_one(User, user.id), EMAIL)
    async with sessions.begin() as session:
        await links.change_email(session, token_of(change, SECRET), address=ADDRESS, secret=SECRET)
        token = await make.token(session, scopes=list(Scope), of=user)
    client.headers["Authorization"] = f"Bearer {token}"
    assert (await client.patch("/v1/account", json={"name": NAME})).status_code == 200
    async with sessions.begin() as session:
        session.info["actor"] = events.Actor(user_id=user.id, address=ADDRESS)
        await links.issue_email_change(session, await session.get_one(User, user.id), WANTED_EMAIL)
        moment = datetime.now(UTC)
        passkey = Passkey(
            user_id=user.id,
            name="Ada's telephone",
            credential_id=b"1",
            public_key=b"2",
            sign_count=0,
            transports=["usb"],
        )
        identity = Identity(
            user_id=user.id,
            issuer="https://id.example",
            subject="subject-at-provider",
            email=EMAIL,
            last_used_at=moment,
        )
        key, row = await make.api_key(session, scopes=[Scope.POSTS_READ], of=user, networks=[ADDRESS])
        row.name = "Ada's telephone"
        session.add_all([passkey, identity])
        await session.flush()
        events.record(session, "passkey.created", passkey, events.created(passkey, "name", "transports"))
        events.record(session, "user.identity_linked", user, events.created(identity, "issuer", "subject", "email"))
    assert (await client.get("/v1/manage/posts", headers={"Authorization": f"Bearer {key}"})).status_code == 200
    author = (await client.get("/v1/authors/ada-byron")).json()
    byline = {
        "headline": "Enchantress of numbers",
        "bio": "Born in London.",
        "avatar_url": "https://ada.example/portrait.jpg",
        "links": [{"label": "Home", "url": "https://ada.example"}],
    }
    assert (await client.patch(f"/v1/manage/authors/{author['id']}", json=byline)).status_code == 200
    return Person(user.id, UUID(author["id"]), await _write(client) if with_posts else "", key, client)


async def _write(client: httpx.AsyncClient) -> str:
    created = await client.post("/v1/manage/posts", json={"title": "Note G", "markdown": "Bernoulli"})
    await client.patch(created.headers["location"], json={"subtitle": "On the engine", "message": "Corrected"})
    await client.post(f"{created.headers['location']}/publish")
    post_id: str = created.json()["id"]
    return post_id


async def everything(sessions: Sessions) -> dict[str, list[str]]:
    """Every row of every table, as PostgreSQL writes it, in small letters."""
    async with sessions.begin() as session:
        return {
            table.name: [
                row.lower() for row in await session.scalars(text(f"select t::text from {table.name} t order by 1"))
            ]
            for table in Base.metadata.sorted_tables
        }


def tables_with(rows: dict[str, list[str]], words: list[str]) -> dict[str, set[str]]:
    """In which tables each of the words occurs, of those that do."""
    found = {word: {table for table in rows if any(word.lower() in row for row in rows[table])} for word in words}
    return {word: tables for word, tables in found.items() if tables}


async def user_ids(sessions: Sessions) -> list[UUID]:
    async with sessions.begin() as session:
        return list(await session.scalars(select(User.id)))
