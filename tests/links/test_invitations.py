"""Inviting people, and accepting."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from byline.accounts.caller import Role, Scope
from byline.accounts.deps import FreshFactorRequired, ScopeMissing
from byline.accounts.models import Session, Ticket, User
from byline.accounts.passwords import UnfitPassword
from byline.accounts.service import EmailTaken, RoleAboveYours, UnfitEmail
from byline.accounts.tickets import InvalidTicket, Purpose
from byline.authors.models import Author
from byline.core.errors import Invalid
from byline.core.events import Event
from byline.links.service import InvitationNotFound
from tests import make
from tests.conftest import Sessions
from tests.postbox import Postbox, text_of
from tests.problems import assert_problem

INVITATIONS = "/v1/manage/invitations"
ACCEPT = "/v1/auth/invitations/accept"
ADA = "ada@example.com"
PASSWORD = "a sentence to remember"


async def invite(desk: httpx.AsyncClient, role: Role = Role.AUTHOR, email: str = ADA) -> dict[str, Any]:
    response = await desk.post(INVITATIONS, json={"email": email, "role": role})
    assert response.status_code == 201, response.text
    invitation: dict[str, Any] = response.json()
    return invitation


def acceptance(postbox: Postbox, **fields: str) -> dict[str, str]:
    return {"token": postbox.token(ADA), "name": "Ada Lovelace", "password": PASSWORD, **fields}


async def as_user(app: FastAPI, sessions: Sessions, **fields: Any) -> tuple[User, httpx.AsyncClient]:
    async with sessions.begin() as session:
        user = await make.user(session, **fields)
        token = await make.token(session, scopes=list(Scope), of=user)
    headers = {"Authorization": f"Bearer {token}"}
    return user, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example", headers=headers)


async def test_from_the_invitation_to_the_first_sign_in(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, postbox: Postbox, sessions: Sessions
) -> None:
    invitation = await invite(desk)
    assert invitation.keys() == {"id", "email", "role", "created_at", "expires_at"}
    assert (invitation["email"], invitation["role"]) == (ADA, "author")
    lasts = datetime.fromisoformat(invitation["expires_at"]) - datetime.fromisoformat(invitation["created_at"])
    assert abs(lasts - timedelta(days=7)) < timedelta(minutes=1)
    [mail] = postbox.mails
    assert (mail["To"], mail["Subject"]) == (ADA, "Grace invites you to Byline")
    assert postbox.token(ADA) in text_of(mail, "html")
    assert (await desk.get(f"{INVITATIONS}?count=true")).json() == {
        "data": [invitation],
        "next_cursor": None,
        "total": 1,
    }

    accepted = await client.post(ACCEPT, json=acceptance(postbox))
    assert accepted.status_code == 201
    assert {key: accepted.json()[key] for key in ("email", "name", "role")} == {
        "email": ADA,
        "name": "Ada Lovelace",
        "role": "author",
    }
    assert "set-cookie" not in accepted.headers
    async with sessions.begin() as session:
        assert await session.scalar(select(Session.id).where(Session.user_id == accepted.json()["id"])) is None
    assert (await client.post("/v1/auth/token", data={"username": ADA, "password": PASSWORD})).status_code == 200
    assert (await desk.get(INVITATIONS)).json()["data"] == []
    assert_problem(await client.post(ACCEPT, json=acceptance(postbox)), InvalidTicket)
    async with sessions.begin() as session:
        author = (await session.scalars(select(Author))).one()
        types = (await session.scalars(select(Event.type).where(Event.subject_id == invitation["id"]))).all()
    assert (author.name, str(author.user_id)) == ("Ada Lovelace", accepted.json()["id"])
    assert sorted(types) == ["invitation.accepted", "invitation.created"]


async def test_a_reader_has_no_byline(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, postbox: Postbox, sessions: Sessions
) -> None:
    await invite(desk, Role.READER)
    assert (await client.post(ACCEPT, json=acceptance(postbox))).status_code == 201
    async with sessions.begin() as session:
        assert await session.scalar(select(Author.id)) is None


async def test_what_is_wrong_leaves_the_link_good(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, postbox: Postbox
) -> None:
    await invite(desk)
    assert_problem(await client.post(ACCEPT, json=acceptance(postbox, password="short")), UnfitPassword)
    assert_problem(await client.post(ACCEPT, json=acceptance(postbox, name=" ")), Invalid, "/name")
    assert (await client.post(ACCEPT, json=acceptance(postbox))).status_code == 201


async def test_inviting_again_withdraws_the_former(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, postbox: Postbox
) -> None:
    await invite(desk)
    former = acceptance(postbox)
    second = await invite(desk, Role.EDITOR, ADA.upper())
    assert (await desk.get(INVITATIONS)).json()["data"] == [second]
    assert_problem(await client.post(ACCEPT, json=former), InvalidTicket)
    accepted = await client.post(ACCEPT, json=acceptance(postbox, token=postbox.token(ADA.upper())))
    assert (accepted.status_code, accepted.json()["role"]) == (201, "editor")


async def test_a_withdrawn_invitation(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, postbox: Postbox, sessions: Sessions
) -> None:
    url = f"{INVITATIONS}/{(await invite(desk))['id']}"
    withdrawn = await desk.delete(url)
    assert (withdrawn.status_code, withdrawn.content) == (204, b"")
    assert_problem(await desk.delete(url), InvitationNotFound)
    assert_problem(await client.post(ACCEPT, json=acceptance(postbox)), InvalidTicket)
    async with sessions.begin() as session:
        assert await session.scalar(select(Event.id).where(Event.type == "invitation.withdrawn")) is not None


async def test_who_is_here_already(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, postbox: Postbox, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        await make.user(session, email="Bob@Example.com")
    response = await desk.post(INVITATIONS, json={"email": "bob@example.com", "role": "author"})
    assert_problem(response, EmailTaken)
    await invite(desk)
    async with sessions.begin() as session:
        await make.user(session, email=ADA)
    assert_problem(await client.post(ACCEPT, json=acceptance(postbox)), EmailTaken)
    assert len(postbox.mails) == 1


async def test_nobody_invites_above_themselves(app: FastAPI, sessions: Sessions, postbox: Postbox) -> None:
    _, owner = await as_user(app, sessions, role=Role.OWNER)
    _, admin = await as_user(app, sessions, role=Role.ADMIN)
    _, editor = await as_user(app, sessions, role=Role.EDITOR)
    async with owner, admin, editor:
        assert_problem(await admin.post(INVITATIONS, json={"email": ADA, "role": "owner"}), RoleAboveYours)
        assert_problem(await editor.post(INVITATIONS, json={"email": ADA, "role": "reader"}), ScopeMissing)
        assert postbox.mails == []
        await invite(admin, Role.ADMIN, "bob@example.com")
        of_owner = await invite(owner, Role.OWNER)
        assert_problem(await admin.delete(f"{INVITATIONS}/{of_owner['id']}"), RoleAboveYours)
        assert len((await admin.get(INVITATIONS)).json()["data"]) == 2


async def test_inviting_takes_a_fresh_factor(desk: httpx.AsyncClient, sessions: Sessions, postbox: Postbox) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Session).values(authenticated_at=datetime.now(UTC) - timedelta(minutes=11)))
    assert_problem(await desk.post(INVITATIONS, json={"email": ADA, "role": "author"}), FreshFactorRequired)
    assert postbox.mails == []


@pytest.mark.parametrize("now", [{"role": Role.EDITOR}, {"role": Role.AUTHOR}, {"disabled_at": datetime.now(UTC)}])
async def test_an_invitation_is_worth_what_its_inviter_may_do(
    app: FastAPI, client: httpx.AsyncClient, sessions: Sessions, postbox: Postbox, now: dict[str, Any]
) -> None:
    inviter, admin = await as_user(app, sessions, role=Role.ADMIN)
    async with admin:
        await invite(admin, Role.AUTHOR)
    async with sessions.begin() as session:
        await session.execute(update(User).where(User.id == inviter.id).values(now))
    assert_problem(await client.post(ACCEPT, json=acceptance(postbox)), InvalidTicket)


@pytest.mark.parametrize("email", ["ada", "a,b@example.com", "<a@example.com>", "ä@example.com", "a\x7f@example.com"])
async def test_where_no_mail_can_be_sent(desk: httpx.AsyncClient, postbox: Postbox, email: str) -> None:
    response = await desk.post(INVITATIONS, json={"email": email, "role": "author"})
    assert response.json()["code"] in {UnfitEmail.code, Invalid.code}
    assert_problem(response, UnfitEmail if "@" in email else Invalid, "/email")
    assert postbox.tries == 0


async def test_a_name_stays_a_name(app: FastAPI, sessions: Sessions, postbox: Postbox) -> None:
    evil = 'Eve\r\nBcc: victim@example.com\r\n\r\nhttps://evil.example <b onclick="x">'
    _, eve = await as_user(app, sessions, name=evil)
    async with eve:
        await invite(eve)
    [mail], [envelope] = postbox.mails, postbox.envelopes
    assert envelope.rcpt_tos == [ADA]
    assert mail["Bcc"] is None
    in_one_line = " ".join(evil.split())
    assert mail["Subject"] == f"{in_one_line} invites you to Byline"
    assert f"{in_one_line} invites you to work on Byline as author." in text_of(mail).splitlines()
    html = text_of(mail, "html")
    assert "&lt;b onclick=&#34;x&#34;&gt;" in html
    assert html.count("<a ") == 1 and 'href="https://blog.example/account/invitation#token=' in html


async def test_invitations_come_in_pages(desk: httpx.AsyncClient, sessions: Sessions, postbox: Postbox) -> None:
    for number in range(3):
        await invite(desk, email=f"{number}@example.com")
    async with sessions.begin() as session:
        old = Ticket(
            purpose=Purpose.INVITATION,
            data={"email": "old@example.com", "role": "author"},
            expires_at=datetime.now(UTC) - timedelta(seconds=1),
        )
        session.add_all(
            [old, Ticket(purpose=Purpose.PASSWORD_RESET, data={}, expires_at=datetime.now(UTC) + timedelta(days=1))]
        )
    everything = (await desk.get(f"{INVITATIONS}?sort=created_at")).json()
    assert sorted(row["email"] for row in everything["data"]) == [f"{number}@example.com" for number in range(3)]
    walked = []
    response = await desk.get(f"{INVITATIONS}?sort=created_at&limit=1")
    while True:
        walked += response.json()["data"]
        if "next" not in response.links:
            break
        response = await desk.get(response.links["next"]["url"])
    assert walked == everything["data"]


async def test_of_two_who_accept_at_once_one_is_refused(app: FastAPI, committing: Sessions, postbox: Postbox) -> None:
    _, owner = await as_user(app, committing)
    async with owner:
        await invite(owner)
        answers = await asyncio.gather(*(owner.post(ACCEPT, json=acceptance(postbox)) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 400]
