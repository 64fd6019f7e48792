"""Making passkeys, and signing in with them, by an authenticator in software."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from byline.accounts.caller import Role, Scope
from byline.accounts.deps import CrossSiteRequest, FreshFactorRequired
from byline.accounts.models import Attempt, Session, Ticket, User
from byline.accounts.sessions import InvalidToken
from byline.accounts.throttle import TooManyAttempts, address_key
from byline.accounts.tickets import InvalidTicket
from byline.core.errors import Invalid, Unauthenticated
from byline.core.events import Event
from byline.core.pagination import InvalidCursor
from byline.passkeys.models import Passkey
from byline.passkeys.service import PasskeyNotFound, PasskeyRefused, PasskeyTaken, UnfitPasskey
from tests import make
from tests.authenticator import PRESENT, VERIFIED, Authenticator, decode, encode
from tests.conftest import Sessions
from tests.problems import assert_problem

OWN = "/v1/account/passkeys"
OPTIONS, TOKEN, SESSION, CONFIRM = (f"/v1/auth/passkey/{name}" for name in ("options", "token", "session", "confirm"))
NOWHERE = "01890a5d-ac96-774b-bcce-b302099a8057"


class Person:
    """Somebody who is signed in, and what they do with a passkey."""

    def __init__(self, client: httpx.AsyncClient, user: User, token: str) -> None:
        self.client = client
        self.user = user
        self.headers = {"Authorization": f"Bearer {token}"}

    async def options(self) -> dict[str, Any]:
        answer = await self.client.post(f"{OWN}/options", headers=self.headers)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        found: dict[str, Any] = answer.json()
        return found

    async def register(self, device: Authenticator, name: str = "Phone", **changes: Any) -> httpx.Response:
        asked = await self.options()
        body = {"ticket": asked["ticket"], "name": name, "credential": device.create(asked["options"]), **changes}
        return await self.client.post(OWN, json=body, headers=self.headers)


async def somebody(client: httpx.AsyncClient, sessions: Sessions, **fields: Any) -> Person:
    async with sessions.begin() as session:
        user = await make.user(session, **fields)
        return Person(client, user, await make.token(session, scopes=[], of=user))


@pytest.fixture
async def grace(client: httpx.AsyncClient, sessions: Sessions) -> Person:
    return await somebody(client, sessions, email="grace@example.com", role=Role.AUTHOR)


@pytest.fixture
async def phone(grace: Person) -> Authenticator:
    """Hers, registered."""
    device = Authenticator()
    answer = await grace.register(device)
    assert answer.status_code == 201, answer.text
    return device


async def proof(client: httpx.AsyncClient, device: Authenticator) -> dict[str, Any]:
    asked = (await client.post(OPTIONS)).json()
    return {"ticket": asked["ticket"], "credential": device.get(asked["options"])}


async def sign_in(client: httpx.AsyncClient, device: Authenticator) -> httpx.Response:
    return await client.post(TOKEN, json=await proof(client, device))


async def test_register_sign_in_confirm_delete(client: httpx.AsyncClient, sessions: Sessions, grace: Person) -> None:
    phone = Authenticator()
    registered = await grace.register(phone, name=" Phone ")
    assert registered.status_code == 201
    row = registered.json()
    assert (row["name"], row["transports"], row["last_used_at"]) == ("Phone", ["hybrid", "internal"], None)

    signed_in = await sign_in(client, phone)
    assert (signed_in.status_code, signed_in.headers["cache-control"]) == (200, "no-store")
    token = signed_in.json()
    assert Scope.POSTS_PUBLISH in token["scope"].split()
    own = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await client.get("/v1/account", headers=own)).json()["email"] == "grace@example.com"
    (listed,) = (await client.get(OWN, headers=own)).json()["data"]
    assert {**listed, "last_used_at": None} == row
    assert listed["last_used_at"] is not None

    async with sessions.begin() as session:
        await session.execute(update(Session).values(authenticated_at=datetime.now(UTC) - timedelta(minutes=11)))
    for method, url in (("POST", f"{OWN}/options"), ("DELETE", f"{OWN}/{row['id']}")):
        assert_problem(await client.request(method, url, headers=own), FreshFactorRequired)
    assert (await client.post(CONFIRM, json=await proof(client, phone), headers=own)).status_code == 204
    deleted = await client.delete(f"{OWN}/{row['id']}", headers=own)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_problem(await sign_in(client, phone), PasskeyRefused)
    assert_problem(await client.delete(f"{OWN}/{row['id']}", headers=own), PasskeyNotFound)

    async with sessions.begin() as session:
        recorded = await session.scalars(select(Event).order_by(Event.occurred_at))
        events = [(event.type, event.actor_id, event.changes.get("name")) for event in recorded]
    assert events == [
        ("passkey.created", grace.user.id, {"before": None, "after": "Phone"}),
        ("session.started", grace.user.id, None),
        ("passkey.deleted", grace.user.id, {"before": "Phone", "after": None}),
    ]


async def test_what_a_browser_is_asked_for(client: httpx.AsyncClient, grace: Person, phone: Authenticator) -> None:
    options = (await grace.options())["options"]
    assert options["rp"] == {"id": "blog.example", "name": "Byline"}
    assert options["user"] == {"id": encode(grace.user.id.bytes), "name": "grace@example.com", "displayName": "Grace"}
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    (excluded,) = options["excludeCredentials"]
    assert excluded["id"] == encode(phone.credential_id)
    assert (options["attestation"], options["timeout"]) == ("none", 300_000)
    assert -7 in [parameter["alg"] for parameter in options["pubKeyCredParams"]]

    asked = await client.post(OPTIONS)
    again = (await client.post(OPTIONS)).json()
    assert asked.headers["cache-control"] == "no-store"
    expected = {"rpId": "blog.example", "allowCredentials": [], "userVerification": "required", "timeout": 300_000}
    challenges = [found["options"].pop("challenge") for found in (asked.json(), again)]
    assert {**asked.json()["options"], "challenge": None} == {**expected, "challenge": None}
    assert challenges[0] != challenges[1]
    assert all(len(decode(challenge)) >= 16 for challenge in challenges)


async def test_a_passkey_stands_for_both_factors(
    client: httpx.AsyncClient, sessions: Sessions, grace: Person, phone: Authenticator
) -> None:
    async with sessions.begin() as session:
        enabled = {"totp_secret": b"x", "totp_enabled_at": datetime.now(UTC)}
        await session.execute(update(User).where(User.id == grace.user.id).values(enabled))
    assert (await sign_in(client, phone)).status_code == 200
    assert (await client.post(CONFIRM, json=await proof(client, phone), headers=grace.headers)).status_code == 204


@pytest.mark.usefixtures("grace")
async def test_a_session_by_cookie(client: httpx.AsyncClient, phone: Authenticator) -> None:
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert_problem(await client.post(SESSION, json=await proof(client, phone), headers=elsewhere), CrossSiteRequest)
    here = {"Origin": "https://blog.example", "Sec-Fetch-Site": "same-origin"}
    first = await client.post(SESSION, json=await proof(client, phone), headers=here)
    assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
    assert "__Host-byline=bys_" in first.headers["set-cookie"]
    earlier = client.cookies["__Host-byline"]
    assert (await client.get("/v1/auth/session")).json() == first.json()
    assert (await client.post(SESSION, json=await proof(client, phone), headers=here)).status_code == 201
    client.cookies.clear()
    ended = await client.get("/v1/account", headers={"Authorization": f"Bearer {earlier}"})
    assert_problem(ended, InvalidToken)


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        (Authenticator(origin="https://evil.example"), "origin"),
        (Authenticator(origin="http://blog.example"), "origin"),
        (Authenticator(origin="https://blog.example.evil.example"), "origin"),
        (Authenticator(origin="\ud800" * 1000), "origin"),
        (Authenticator(rp_id="evil.example"), "RP ID"),
        (Authenticator(flags=PRESENT), "verification"),
        (Authenticator(flags=VERIFIED), "presence"),
        (Authenticator(credential_id=b"x" * 1024), "longer"),
    ],
)
async def test_what_cannot_become_a_passkey(
    grace: Person, sessions: Sessions, wrong: Authenticator, detail: str
) -> None:
    problem = assert_problem(await grace.register(wrong), UnfitPasskey, "/credential")
    assert detail in problem["detail"]
    async with sessions.begin() as session:
        assert await session.scalar(select(Passkey.id)) is None


async def test_a_registration_answers_its_own_challenge_once(
    client: httpx.AsyncClient, sessions: Sessions, grace: Person
) -> None:
    device = Authenticator()
    first, second = await grace.options(), await grace.options()
    crossed = {"ticket": first["ticket"], "name": "x", "credential": device.create(second["options"])}
    assert_problem(await client.post(OWN, json=crossed, headers=grace.headers), UnfitPasskey)
    late = {**crossed, "credential": device.create(first["options"])}
    assert_problem(await client.post(OWN, json=late, headers=grace.headers), InvalidTicket)
    mallory = await somebody(client, sessions)
    stolen = {"ticket": second["ticket"], "name": "x", "credential": device.create(second["options"])}
    assert_problem(await client.post(OWN, json=stolen, headers=mallory.headers), InvalidTicket)
    signing_in = (await client.post(OPTIONS)).json()
    other_purpose = {**stolen, "ticket": signing_in["ticket"]}
    assert_problem(await client.post(OWN, json=other_purpose, headers=grace.headers), InvalidTicket)
    assert (await client.post(OWN, json=stolen, headers=grace.headers)).status_code == 201
    assert_problem(await client.post(OWN, json=stolen, headers=grace.headers), InvalidTicket)


async def test_a_credential_belongs_to_one_user_once(
    client: httpx.AsyncClient, sessions: Sessions, grace: Person, phone: Authenticator
) -> None:
    assert_problem(await grace.register(phone), PasskeyTaken)
    mallory = await somebody(client, sessions)
    assert_problem(await mallory.register(phone), PasskeyTaken)


async def test_strangers(client: httpx.AsyncClient) -> None:
    one = f"{OWN}/{NOWHERE}"
    for method, url in (("GET", OWN), ("POST", OWN), ("POST", f"{OWN}/options"), ("DELETE", one), ("POST", CONFIRM)):
        assert_problem(await client.request(method, url), Unauthenticated)


async def test_another_users_passkey_is_out_of_reach(
    client: httpx.AsyncClient, sessions: Sessions, grace: Person, phone: Authenticator
) -> None:
    mallory = await somebody(client, sessions)
    assert_problem(await client.post(CONFIRM, json=await proof(client, phone), headers=mallory.headers), PasskeyRefused)
    (row,) = (await client.get(OWN, headers=grace.headers)).json()["data"]
    assert_problem(await client.delete(f"{OWN}/{row['id']}", headers=mallory.headers), PasskeyNotFound)
    assert (await client.get(OWN, headers=mallory.headers)).json()["data"] == []
    assert (await sign_in(client, phone)).status_code == 200


async def test_passkeys_come_in_pages(client: httpx.AsyncClient, grace: Person) -> None:
    for name in ("Phone", "Key", "Laptop"):
        assert (await grace.register(Authenticator(), name=name)).status_code == 201
    first = (await client.get(OWN, params={"sort": "name", "limit": 2, "count": True}, headers=grace.headers)).json()
    assert ([row["name"] for row in first["data"]], first["total"]) == (["Key", "Laptop"], 3)
    rest = {"sort": "name", "cursor": first["next_cursor"]}
    assert [row["name"] for row in (await client.get(OWN, params=rest, headers=grace.headers)).json()["data"]] == [
        "Phone"
    ]
    assert_problem(await client.get(OWN, params={"cursor": "x"}, headers=grace.headers), InvalidCursor)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"key": Authenticator().key},
        {"credential_id": b"of nobody"},
        {"user_handle": b""},
        {"user_handle": bytes(16)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_what_signs_nobody_in(
    client: httpx.AsyncClient, sessions: Sessions, phone: Authenticator, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(phone, name, value)
    given = await proof(client, phone)
    if not phone.user_handle:
        del given["credential"]["response"]["userHandle"]
    problem = assert_problem(await client.post(TOKEN, json=given), PasskeyRefused)
    assert problem["detail"] is None  # whatever the reason is
    async with sessions.begin() as session:
        assert await session.scalar(select(Attempt.failures)) == 1
        assert await session.scalar(select(func.count()).select_from(Session)) == 1


async def test_a_challenge_is_good_once(client: httpx.AsyncClient, phone: Authenticator) -> None:
    given = await proof(client, phone)
    assert (await client.post(TOKEN, json=given)).status_code == 200
    assert_problem(await client.post(TOKEN, json=given), InvalidTicket)
    first, second = await proof(client, phone), await proof(client, phone)
    crossed = {"ticket": first["ticket"], "credential": second["credential"]}
    assert_problem(await client.post(TOKEN, json=crossed), PasskeyRefused)
    assert_problem(await client.post(TOKEN, json=first), InvalidTicket)  # used up, though in vain


async def test_a_challenge_runs_out(client: httpx.AsyncClient, sessions: Sessions, phone: Authenticator) -> None:
    given = await proof(client, phone)
    async with sessions.begin() as session:
        await session.execute(update(Ticket).values(expires_at=datetime.now(UTC)))
    assert_problem(await client.post(TOKEN, json=given), InvalidTicket)


async def test_a_counter_that_goes_back(client: httpx.AsyncClient, sessions: Sessions, phone: Authenticator) -> None:
    phone.counter = 9
    assert (await sign_in(client, phone)).status_code == 200
    for copied in (3, 9):  # it counts 4, and 10 again
        phone.counter = copied
        assert_problem(await sign_in(client, phone), PasskeyRefused)
    assert (await sign_in(client, phone)).status_code == 200
    phone.counter = None
    assert_problem(await sign_in(client, phone), PasskeyRefused)
    async with sessions.begin() as session:
        found = await session.scalars(
            select(Event).where(Event.type == "passkey.counter_went_back").order_by(Event.occurred_at)
        )
        events = [(event.changes["sign_count"], event.address) for event in found]
    assert events == [
        ({"before": before, "after": after}, "127.0.0.1") for before, after in ((10, 4), (10, 10), (11, 0))
    ]


async def test_a_passkey_that_does_not_count(client: httpx.AsyncClient, grace: Person) -> None:
    synced = Authenticator(counter=None)
    assert (await grace.register(synced)).status_code == 201
    for _ in range(2):
        assert (await sign_in(client, synced)).status_code == 200


async def test_a_disabled_user(
    client: httpx.AsyncClient, sessions: Sessions, grace: Person, phone: Authenticator
) -> None:
    async with sessions.begin() as session:
        await session.execute(update(User).where(User.id == grace.user.id).values(disabled_at=datetime.now(UTC)))
    assert_problem(await sign_in(client, phone), PasskeyRefused)


async def test_failures_get_slower(client: httpx.AsyncClient, sessions: Sessions, phone: Authenticator) -> None:
    stranger = Authenticator(user_handle=b"nobody")
    for _ in range(2):
        assert_problem(await sign_in(client, stranger), PasskeyRefused)
        assert (await sign_in(client, phone)).status_code == 200
    async with sessions.begin() as session:
        attempt = (await session.scalars(select(Attempt))).one()
        assert (attempt.key, attempt.failures) == (address_key("127.0.0.1"), 2)
        attempt.failures, attempt.blocked_until = 60, datetime.now(UTC) + timedelta(seconds=60)
    given = await proof(client, phone)
    blocked = await client.post(TOKEN, json=given)
    assert_problem(blocked, TooManyAttempts)
    assert 55 <= int(blocked.headers["retry-after"]) <= 60
    async with sessions.begin() as session:
        await session.execute(update(Attempt).values(blocked_until=datetime.now(UTC)))
    assert (await client.post(TOKEN, json=given)).status_code == 200  # the ticket was not used up


async def test_what_is_no_credential(client: httpx.AsyncClient, grace: Person, phone: Authenticator) -> None:
    signing_in, making = await proof(client, phone), {"ticket": "x", "name": "x", "credential": {}}
    whole = signing_in["credential"]
    for wrong, pointer in (
        (None, "/credential"),
        ([], "/credential"),
        ("x", "/credential"),
        ({**whole, "id": ""}, "/credential/id"),
        ({**whole, "rawId": "x"}, "/credential/rawId"),
        ({**whole, "rawId": "xx=="}, "/credential/rawId"),
        ({**whole, "rawId": "x" * 20_001}, "/credential/rawId"),
        ({**whole, "type": "password"}, "/credential/type"),
        ({**whole, "response": None}, "/credential/response"),
        ({**whole, "response": {}}, "/credential/response/clientDataJSON"),
    ):
        assert_problem(await client.post(TOKEN, json={**signing_in, "credential": wrong}), Invalid, pointer)
        answer = await client.post(OWN, json={**making, "credential": wrong}, headers=grace.headers)
        assert_problem(answer, Invalid, pointer)
    for ticket in ("", "x", "ä", "x" * 64, signing_in["ticket"][:-1] + "=", "\u2028"):
        assert_problem(await client.post(TOKEN, json={**signing_in, "ticket": ticket}), InvalidTicket)
    assert (await client.post(TOKEN, json=signing_in)).status_code == 200


async def test_one_of_two_sign_ins_with_one_counter_is_refused(app: FastAPI, committing: Sessions) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example") as client:
        phone = Authenticator()
        assert (await (await somebody(client, committing)).register(phone)).status_code == 201
        proofs = []
        for _ in range(4):
            phone.counter = 0
            proofs.append(await proof(client, phone))
        answers = await asyncio.gather(*(client.post(TOKEN, json=given) for given in proofs))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
