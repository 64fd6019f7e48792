"""Changing one's e-mail address."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, update

from byline.accounts import throttle
from byline.accounts.deps import FreshFactorRequired
from byline.accounts.models import Session, User
from byline.accounts.service import EmailTaken, UnfitEmail
from byline.accounts.sessions import InvalidToken
from byline.accounts.throttle import TooManyAttempts
from byline.accounts.tickets import InvalidTicket
from byline.core.errors import Unauthenticated
from byline.core.events import Event
from tests import make
from tests.conftest import Sessions
from tests.postbox import Postbox, text_of
from tests.problems import assert_problem

REQUEST = "/v1/account/email"
CONFIRM = "/v1/auth/email-change/confirm"
RESET = "/v1/auth/password-reset"
OLD, NEW, OTHER = "ada@example.com", "lovelace@example.org", "bob@example.com"


@pytest.fixture
async def ada(sessions: Sessions, client: httpx.AsyncClient) -> AsyncIterator[User]:
    """`client` is signed in as her; there is Bob, too."""
    async with sessions.begin() as session:
        user = await make.user(session, email=OLD, name="Buy https://cheap.example now")
        await make.user(session, email=OTHER)
        client.headers["Authorization"] = f"Bearer {await make.token(session, scopes=[], of=user)}"
    yield user


async def email_of(sessions: Sessions, user: User) -> str:
    async with sessions.begin() as session:
        return (await session.get_one(User, user.id)).email


async def test_from_the_wish_to_the_new_address(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    response = await client.post(REQUEST, json={"email": NEW})
    assert (response.status_code, await email_of(sessions, ada)) == (202, OLD)
    assert [mail["To"] for mail in postbox.mails] == [NEW, OLD]
    [link], [notice] = postbox.to(NEW), postbox.to(OLD)
    assert NEW in text_of(notice) and "token" not in text_of(notice) + text_of(notice, "html")
    assert "cheap" not in str(link)  # a stranger gets nothing that a user wrote

    token = postbox.token(NEW)
    confirmed = await client.post(CONFIRM, json={"token": token}, headers={"Authorization": ""})
    assert (confirmed.status_code, confirmed.content) == (204, b"")
    assert await email_of(sessions, ada) == NEW
    assert_problem(await client.get("/v1/account"), InvalidToken)
    assert_problem(await client.post(CONFIRM, json={"token": token}), InvalidTicket)
    async with sessions.begin() as session:
        changed = (await session.scalars(select(Event).where(Event.type == "user.email_changed"))).one()
        assert await session.scalar(select(Session.id).where(Session.user_id == ada.id)) is None
    assert (changed.actor_id, changed.changes) == (ada.id, {"email": {"before": OLD, "after": NEW}})


async def test_an_address_of_somebody_else(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    answers = [await client.post(REQUEST, json={"email": email}) for email in (NEW, OTHER, OTHER.upper())]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert [mail["To"] for mail in postbox.mails] == [NEW, OLD, OLD, OLD]
    assert_problem(await client.post(CONFIRM, json={"token": postbox.token(NEW)}), InvalidTicket)
    assert await email_of(sessions, ada) == OLD


async def test_an_address_that_was_taken_meanwhile(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    await client.post(REQUEST, json={"email": NEW})
    async with sessions.begin() as session:
        await session.execute(update(User).where(User.email == OTHER).values(email=NEW.upper()))
    assert_problem(await client.post(CONFIRM, json={"token": postbox.token(NEW)}), EmailTaken)
    assert await email_of(sessions, ada) == OLD
    assert (await client.get("/v1/account")).status_code == 200


async def test_the_same_address_in_other_letters(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    await client.post(REQUEST, json={"email": "Ada@Example.com"})
    assert (await client.post(CONFIRM, json={"token": postbox.token("Ada@Example.com")})).status_code == 204
    assert await email_of(sessions, ada) == "Ada@Example.com"


async def test_a_new_password_makes_the_link_worthless(
    client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, ada: User
) -> None:
    await client.post(REQUEST, json={"email": NEW})
    await client.post(RESET, json={"email": OLD})
    reset = {"token": postbox.token(OLD), "password": "a sentence to remember"}
    assert (await client.post(f"{RESET}/confirm", json=reset)).status_code == 204
    assert_problem(await client.post(CONFIRM, json={"token": postbox.token(NEW)}), InvalidTicket)
    assert await email_of(sessions, ada) == OLD


@pytest.mark.usefixtures("ada")
async def test_a_new_address_closes_the_old_mailbox(client: httpx.AsyncClient, postbox: Postbox) -> None:
    await client.post(RESET, json={"email": OLD})
    reset = {"token": postbox.token(OLD), "password": "a sentence to remember"}
    await client.post(REQUEST, json={"email": NEW})
    assert (await client.post(CONFIRM, json={"token": postbox.token(NEW)})).status_code == 204
    assert_problem(await client.post(f"{RESET}/confirm", json=reset), InvalidTicket)


@pytest.mark.usefixtures("ada")
async def test_who_may_ask(client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox) -> None:
    assert_problem(await client.post(REQUEST, json={"email": "ä@example.com"}), UnfitEmail, "/email")
    async with sessions.begin() as session:
        await session.execute(update(Session).values(authenticated_at=datetime.now(UTC) - timedelta(minutes=11)))
    assert_problem(await client.post(REQUEST, json={"email": NEW}), FreshFactorRequired)
    del client.headers["Authorization"]
    assert_problem(await client.post(REQUEST, json={"email": NEW}), Unauthenticated)
    assert postbox.tries == 0


@pytest.mark.usefixtures("ada")
async def test_nobody_floods_strangers(client: httpx.AsyncClient, postbox: Postbox) -> None:
    answers = [await client.post(REQUEST, json={"email": f"{number}@example.com"}) for number in range(7)]
    assert [answer.status_code for answer in answers] == [202] * throttle.FREE["account"] + [202, 429]
    assert_problem(answers[-1], TooManyAttempts)
    assert len(postbox.mails) == 2 * 6
