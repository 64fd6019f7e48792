"""Who gets in, as whom, and what they may do then."""

from typing import Any

import pytest
from sqlalchemy import func, select

from byline.accounts.caller import ROLES, Role, Scope
from byline.accounts.models import Session, User
from byline.authors.models import Author
from byline.core.events import Event
from byline.oidc.models import Identity
from byline.oidc.provider import InvalidIdToken
from byline.oidc.service import AccountDisabled, EmailNotVerified, NotInvited
from tests import make
from tests.conftest import Sessions
from tests.oidc.conftest import Browser, Configure
from tests.oidc.provider import IdentityProvider
from tests.problems import assert_problem


async def users(sessions: Sessions) -> list[User]:
    async with sessions.begin() as session:
        return list(await session.scalars(select(User).order_by(User.created_at)))


async def known(sessions: Sessions, **fields: Any) -> User:
    async with sessions.begin() as session:
        return await make.user(session, **{"email": "ADA@example.com", "role": Role.EDITOR, **fields})


async def role_of(sessions: Sessions, user: User) -> str:
    async with sessions.begin() as session:
        return (await session.get_one(User, user.id)).role


@pytest.mark.parametrize("role", list(Role))
async def test_a_new_person(browser: Browser, configure: Configure, sessions: Sessions, role: Role) -> None:
    configure(default_role=role.value)
    assert (await browser.sign_in()).status_code == 303
    async with sessions.begin() as session:
        user = (await session.scalars(select(User))).one()
        identity = (await session.scalars(select(Identity))).one()
        bylines = (await session.scalars(select(Author))).all()
        started = (await session.scalars(select(Session))).one()
        of_users = select(Event).where(Event.subject_type.in_(["user", "session"]))
        events = (await session.scalars(of_users.order_by(Event.id))).all()
    assert (user.email, user.name, user.role, user.password_hash) == ("Ada@Example.com", "Ada Lovelace", role, None)
    assert (identity.user_id, identity.subject, identity.email) == (user.id, "ada-1815", "Ada@Example.com")
    assert set(started.scopes) == ROLES[role].scopes
    writes = Scope.POSTS_WRITE in ROLES[role].scopes
    assert [(byline.name, byline.user_id) for byline in bylines] == [("Ada Lovelace", user.id)] * writes
    assert [event.type for event in events] == ["user.created", "user.identity_linked", "session.started"]
    assert [event.actor_id for event in events] == [None, user.id, user.id]
    assert {event.address for event in events} == {"127.0.0.1"}
    assert events[1].changes["subject"] == {"before": None, "after": "ada-1815"}


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"name": "  Ada  "}, "Ada"),
        ({"name": "a" * 501}, "a" * 500),
        ({"name": " ", "preferred_username": "countess"}, "countess"),
        ({"name": 7, "preferred_username": None}, "ada"),
    ],
)
async def test_names(
    browser: Browser,
    configure: Configure,
    provider: IdentityProvider,
    sessions: Sessions,
    person: dict[str, Any],
    name: str,
) -> None:
    configure(default_role="author")
    provider.person = {**provider.person, "email": "ada@example.com", **person}
    assert (await browser.sign_in()).status_code == 303
    assert [user.name for user in await users(sessions)] == [name]


async def test_who_came_before_is_known_by_the_subject(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    configure(default_role="author")
    await browser.sign_in()
    async with sessions.begin() as session:
        before = (await session.scalars(select(Identity))).one()
    configure()
    provider.person = {"sub": "ada-1815", "email": "countess@example.com", "email_verified": False}
    assert (await browser.sign_in()).status_code == 303
    async with sessions.begin() as session:
        after = (await session.scalars(select(Identity))).one()
        assert (await session.scalars(select(User.email))).all() == ["Ada@Example.com"]
        assert len((await session.scalars(select(Author))).all()) == 1
    assert (after.id, after.email) == (before.id, "countess@example.com")
    assert after.last_used_at > before.last_used_at


async def test_the_same_subject_elsewhere_is_somebody_else(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        grace = await make.user(session)
        session.add(Identity(user_id=grace.id, issuer="https://x.example", subject="ada-1815", last_used_at=func.now()))
    configure()
    assert_problem(await browser.sign_in(), NotInvited)


async def test_a_verified_address_links(browser: Browser, configure: Configure, sessions: Sessions) -> None:
    ada = await known(sessions, name="A. L.")
    configure()
    assert (await browser.sign_in()).status_code == 303
    async with sessions.begin() as session:
        assert [(user.id, user.name, user.role) for user in await session.scalars(select(User))] == [
            (ada.id, "A. L.", "editor")
        ]
        assert (await session.scalars(select(Identity.user_id))).all() == [ada.id]
        linked = (await session.scalars(select(Event).where(Event.type == "user.identity_linked"))).one()
        assert (await session.scalars(select(Author))).all() == []
    assert (linked.subject_id, linked.actor_id) == (ada.id, ada.id)


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(
    "person",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email_verified": 2},
        {"email_verified": ["true"]},
        {"email": None},
        {"email": ""},
    ],
)
async def test_an_address_that_is_not_verified_opens_nothing(
    browser: Browser,
    configure: Configure,
    provider: IdentityProvider,
    sessions: Sessions,
    person: dict[str, Any],
    exists: bool,
) -> None:
    if exists:
        await known(sessions)
    configure(default_role="owner")
    provider.person |= person
    assert_problem(await browser.sign_in(), EmailNotVerified)
    assert len(await users(sessions)) == exists
    async with sessions.begin() as session:
        assert await session.scalar(select(Identity.id)) is None
        assert await session.scalar(select(Session.id)) is None


async def test_some_providers_verify_in_words(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    configure(default_role="reader")
    provider.person["email_verified"] = "true"
    assert (await browser.sign_in()).status_code == 303


async def test_who_is_not_known_stays_outside(browser: Browser, configure: Configure, sessions: Sessions) -> None:
    configure(role_claim="groups", role_map={"staff": "editor"})
    assert_problem(await browser.sign_in(), NotInvited)
    assert await users(sessions) == []


async def test_who_is_shut_out_stays_out(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    ada = await known(sessions)
    configure(default_role="reader")
    await browser.sign_in()
    async with sessions.begin() as session:
        (await session.get_one(User, ada.id)).disabled_at = func.now()
    assert_problem(await browser.sign_in(), AccountDisabled)
    provider.person["sub"] = "another account of the same address"
    assert_problem(await browser.sign_in(), AccountDisabled)
    async with sessions.begin() as session:
        assert len((await session.scalars(select(Identity))).all()) == 1


GROUPS = {"staff": "contributor", "desk": "editor", "boss": "admin"}


@pytest.mark.parametrize(
    ("claim", "claims", "role"),
    [
        ("groups", {"groups": ["staff", "desk", "unknown"]}, "editor"),
        ("groups", {"groups": ["boss", "desk", "staff"]}, "admin"),
        ("groups", {"groups": "desk"}, "editor"),
        ("groups", {"groups": ["unknown"]}, "reader"),
        ("groups", {"groups": ["Desk", 7, None, {}]}, "reader"),
        ("groups", {"groups": {"desk": True}}, "reader"),
        ("groups", {}, "reader"),
        ("realm_access.roles", {"realm_access": {"roles": ["desk"]}}, "editor"),
        ("realm_access.roles", {"realm_access": ["desk"]}, "reader"),
        ("https://example.com/roles", {"https://example.com/roles": ["desk"]}, "editor"),
    ],
)
async def test_groups_give_roles(
    browser: Browser,
    configure: Configure,
    provider: IdentityProvider,
    sessions: Sessions,
    claim: str,
    claims: dict[str, Any],
    role: str,
) -> None:
    configure(role_claim=claim, role_map=GROUPS, default_role="reader")
    provider.person |= claims
    assert (await browser.sign_in()).status_code == 303
    assert [user.role for user in await users(sessions)] == [role]


async def test_another_group_is_another_role(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    ada = await known(sessions)
    async with sessions.begin() as session:
        elsewhere = await make.token(session, scopes=[], of=await session.get_one(User, ada.id))
    configure(role_claim="groups", role_map=GROUPS, default_role="reader")
    headers = {"Authorization": f"Bearer {elsewhere}"}
    provider.person["groups"] = ["desk"]
    await browser.sign_in()  # is an editor, and stays one
    assert (await browser.here.get("/v1/account", headers=headers)).status_code == 200
    provider.person["groups"] = ["staff"]
    await browser.sign_in()
    assert (await browser.here.get("/v1/account", headers=headers)).status_code == 401
    account = (await browser.here.get("/v1/account")).json()
    assert (account["role"], account["version"]) == ("contributor", 2)
    async with sessions.begin() as session:
        updated = (await session.scalars(select(Event).where(Event.type == "user.updated"))).one()
    assert updated.changes == {"role": {"before": "editor", "after": "contributor"}}
    assert (updated.actor_id, updated.subject_id) == (ada.id, ada.id)
    provider.person["groups"] = []
    await browser.sign_in()  # no group says nothing: neither the default, nor none
    assert await role_of(sessions, ada) == "contributor"


async def test_the_last_owner_stays_one(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    ada = await known(sessions, role=Role.OWNER)
    configure(role_claim="groups", role_map={**GROUPS, "owners": "owner"})
    provider.person["groups"] = ["staff"]
    assert (await browser.sign_in()).status_code == 303
    assert await role_of(sessions, ada) == "owner"
    async with sessions.begin() as session:
        await make.user(session, role=Role.OWNER)
    assert (await browser.sign_in()).status_code == 303
    assert await role_of(sessions, ada) == "contributor"
    provider.person["groups"] = ["owners"]
    assert (await browser.sign_in()).status_code == 303
    assert await role_of(sessions, ada) == "owner"


async def test_userinfo_is_asked_for_what_is_missing(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    configure(default_role="reader")
    await browser.sign_in()
    assert "/userinfo" not in provider.asked
    provider.person = {**provider.person, "sub": "other", "email": "other@example.com"}
    provider.only_in_userinfo = {"email", "email_verified"}
    assert (await browser.sign_in()).status_code == 303
    assert provider.asked.count("/userinfo") == 1
    assert [user.email for user in await users(sessions)] == ["Ada@Example.com", "other@example.com"]


async def test_userinfo_is_asked_for_the_groups(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    configure(role_claim="groups", role_map=GROUPS)
    provider.person["groups"] = ["desk"]
    provider.only_in_userinfo = {"groups"}
    assert (await browser.sign_in()).status_code == 303
    assert [user.role for user in await users(sessions)] == ["editor"]


@pytest.mark.parametrize("subject", ["somebody-else", None, 7])
async def test_userinfo_about_somebody_else(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions, subject: object
) -> None:
    configure(default_role="reader")
    provider.only_in_userinfo = {"email", "email_verified"}
    provider.userinfo = {"sub": subject}
    assert_problem(await browser.sign_in(), InvalidIdToken)
    assert await users(sessions) == []


async def test_an_address_and_its_verification_come_together(
    browser: Browser, configure: Configure, provider: IdentityProvider, sessions: Sessions
) -> None:
    """Of two halves, from two places, none is about the other."""
    configure(default_role="reader")
    provider.only_in_userinfo = {"email"}
    provider.userinfo = {"email_verified": None}
    provider.claims = {"email_verified": True}
    assert_problem(await browser.sign_in(), EmailNotVerified)
    provider.only_in_userinfo, provider.userinfo, provider.claims = set(), {}, {"email_verified": None}
    assert_problem(await browser.sign_in(), EmailNotVerified)


async def test_without_userinfo_there_is_no_address(
    browser: Browser, configure: Configure, provider: IdentityProvider
) -> None:
    configure(default_role="reader")
    provider.metadata = {"userinfo_endpoint": None}
    provider.only_in_userinfo = {"email"}
    assert_problem(await browser.sign_in(), EmailNotVerified)
