import hmac
import secrets
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.accounts import queries as accounts
from byline.accounts import sessions, tickets
from byline.accounts.caller import ROLES, Role, Scope
from byline.accounts.models import Session, User
from byline.accounts.service import LastOwner, create_user, keep_an_owner, lock_owners
from byline.accounts.sessions import Client, Lifetime
from byline.accounts.tickets import InvalidTicket, Purpose
from byline.authors import service as authors
from byline.authors.schemas import AuthorCreate
from byline.core import events
from byline.core.errors import Forbidden
from byline.core.settings import OidcProvider
from byline.oidc import queries
from byline.oidc.claims import Person
from byline.oidc.models import Identity
from byline.oidc.provider import Provider, ProviderRefused
from byline.oidc.schemas import AuthorizationAnswer

Sessions = async_sessionmaker[AsyncSession]

SIGN_IN_LIFETIME = timedelta(minutes=10)


class EmailNotVerified(Forbidden):
    code = "email_not_verified"
    title = "The identity provider does not vouch for your e-mail address"


class NotInvited(Forbidden):
    code = "not_invited"
    title = "There is no account for you here: ask for an invitation"


class AccountDisabled(Forbidden):
    code = "account_disabled"
    title = "This account is disabled"


class Begun(BaseModel):
    """What a sign-in that has begun is continued with: the `data` of its ticket."""

    provider: str
    nonce: str
    verifier: str
    return_to: str


async def begin(
    transactions: Sessions, provider: Provider, *, return_to: str, redirect_uri: str, secret: str
) -> tuple[str, str]:
    """The address to send the browser to, and the `state` to bind that browser with. Raises ProviderUnavailable."""
    begun = Begun(
        provider=provider.config.name,
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        return_to=return_to,
    )
    async with transactions.begin() as session:
        state, _ = await tickets.issue(
            session, Purpose.OIDC_SIGN_IN, secret=secret, lifetime=SIGN_IN_LIFETIME, data=begun.model_dump()
        )
    url = await provider.authorization_url(
        state=state, nonce=begun.nonce, verifier=begun.verifier, redirect_uri=redirect_uri
    )
    return url, state


async def complete(
    transactions: Sessions,
    provider: Provider,
    answer: AuthorizationAnswer,
    *,
    bound_to: str | None,
    redirect_uri: str,
    client: Client,
    lifetime: Lifetime,
    secret: str,
    instead_of: str | None = None,
) -> tuple[str, Session, str]:
    """The token, its session, and the path to go on to. `bound_to` is the `state` that this very browser was given.

    No transaction is held while the provider is asked. The session whose token is `instead_of` ends. Raises
    InvalidTicket, ProviderRefused, ProviderUnavailable, InvalidIdToken, EmailNotVerified, NotInvited, AccountDisabled.
    """
    if not hmac.compare_digest((bound_to or "").encode(), answer.state.encode()):
        raise InvalidTicket()
    async with transactions.begin() as session:
        ticket = await tickets.redeem(session, Purpose.OIDC_SIGN_IN, answer.state, secret=secret)
    begun = Begun.model_validate(ticket.data)
    if begun.provider != provider.config.name:
        raise InvalidTicket()
    if answer.error is not None or answer.code is None or answer.iss not in {None, provider.config.issuer}:
        raise ProviderRefused(answer.error)
    person = await provider.identify(
        code=answer.code, nonce=begun.nonce, verifier=begun.verifier, redirect_uri=redirect_uri
    )
    async with transactions.begin() as session:
        session.info["actor"] = events.Actor(address=client.address)
        if person.role is not None:
            await lock_owners(session)
        user = await _user_of(session, provider.config, person, client)
        if instead_of is not None:
            await sessions.forget(session, instead_of)
        token, started = await sessions.start(session, user, client, lifetime)
    return token, started, begun.return_to


async def _user_of(session: AsyncSession, provider: OidcProvider, person: Person, client: Client) -> User:
    """The user that this person is, locked; with the role that the provider gives them now.

    Who is not known yet becomes known, by a verified address alone. Raises EmailNotVerified, NotInvited,
    AccountDisabled.
    """
    known = await session.scalar(queries.identity(provider.issuer, person.subject))
    if known is not None:
        user = await session.get(User, known.user_id, with_for_update=True)
        if user is None:  # erased this very moment
            raise NotInvited()
        known.email, known.last_used_at = person.email, datetime.now(UTC)
    else:
        user = await _linked_or_new(session, provider, person)
    if user.is_disabled:
        raise AccountDisabled()
    session.info["actor"] = events.Actor(user_id=user.id, address=client.address)
    if person.role is not None:
        await _give_role(session, user, person.role)
    if known is None:
        identity = Identity(
            user_id=user.id,
            issuer=provider.issuer,
            subject=person.subject,
            email=person.email,
            last_used_at=datetime.now(UTC),
        )
        session.add(identity)
        events.record(session, "user.identity_linked", user, events.created(identity, "issuer", "subject", "email"))
    return user


async def _linked_or_new(session: AsyncSession, provider: OidcProvider, person: Person) -> User:
    """The user with the address of somebody who signs in for the first time. Raises EmailNotVerified, NotInvited."""
    if person.email is None or not person.is_email_verified:
        raise EmailNotVerified()
    user = await session.scalar(accounts.user_with_email(person.email).with_for_update())
    if user is not None:
        return user
    role = person.role or (Role(provider.default_role) if provider.default_role is not None else None)
    if role is None:
        raise NotInvited()
    user = await create_user(session, email=person.email, name=person.name, role=role, password=None)
    if Scope.POSTS_WRITE in ROLES[role].scopes:
        await authors.create(session, AuthorCreate(name=person.name), user_id=user.id)
    return user


async def _give_role(session: AsyncSession, user: User, role: Role) -> None:
    """A new role ends the user's sessions. The last owner stays one, and gets in."""
    if role is not Role.OWNER:
        try:
            await keep_an_owner(session, user)
        except LastOwner:
            return
    changed = user.change({"role": role})
    if changed:
        await session.flush()
        events.record(session, "user.updated", user, changed)
        await sessions.end_all(session, user)
