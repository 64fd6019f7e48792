"""Signing in, and the people who do."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.accounts import passwords, policy, queries, sessions, throttle, tickets, totp
from byline.accounts.caller import Caller, Role
from byline.accounts.models import Session, User
from byline.accounts.schemas import AccountUpdate, UserUpdate
from byline.accounts.sessions import Client, Lifetime
from byline.core import events
from byline.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated

Sessions = async_sessionmaker[AsyncSession]


class WrongCredentials(Unauthenticated):
    commits = True
    code = "wrong_credentials"
    title = "The e-mail address or the password is wrong"


class UserNotFound(NotFound):
    code = "user_not_found"
    title = "There is no such user"


class EmailTaken(Conflict):
    code = "email_taken"
    title = "Another user has this e-mail address"
    constraints = ("uq_users_email",)


class LastOwner(Conflict):
    code = "last_owner"
    title = "This is the last owner: make somebody else one first"


class RoleAboveYours(Forbidden):
    code = "role_above_yours"
    title = "This needs a role as high as theirs"


class UnfitEmail(Invalid):
    code = "unfit_email"
    title = "This is not an e-mail address"


async def create_user(session: AsyncSession, *, email: str, name: str, role: Role, password: str | None) -> User:
    """Raises EmailTaken, UnfitEmail, UnfitPassword."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email) or len(email) > 254:
        raise UnfitEmail()
    if await session.scalar(queries.user_with_email(email)) is not None:
        raise EmailTaken()
    password_hash = await passwords.hash_password(password) if password is not None else None
    user = User(email=email, name=name, role=role, password_hash=password_hash)
    session.add(user)
    await session.flush()
    events.record(session, "user.created", user, events.created(user, "email", "name", "role"))
    return user


async def sign_in(
    transactions: Sessions,
    *,
    email: str,
    password: str,
    code: str | None,
    client: Client,
    lifetime: Lifetime,
    secret: str,
    scopes: Iterable[str] = (),
    instead_of: str | None = None,
) -> tuple[str, Session]:
    """The token and its session; without `scopes` it carries all that the user has.

    Takes transactions of its own, since a refusal has to be counted too, and none is held while a password is judged.
    The session whose token is `instead_of` ends. Raises TooManyAttempts, WrongCredentials, UnknownScope,
    SecondFactorRequired, WrongCode.
    """
    keys = (throttle.account_key(email), throttle.address_key(client.address))
    async with transactions.begin() as session:
        await throttle.count(session, *keys)
        user = await session.scalar(queries.user_with_email(email))
    right = await passwords.is_right(password, user.password_hash if user is not None else None)
    if user is None or not right:
        raise WrongCredentials()
    async with transactions.begin() as session:
        now = await session.get(User, user.id, with_for_update=True, populate_existing=True)
        if now is None or now.is_disabled or now.password_hash != user.password_hash:
            raise WrongCredentials()
        if not now.has_totp or code is not None:
            await totp.check(session, now, code, secret=secret)
            await throttle.forgive(session, *keys)
            if instead_of is not None:
                await sessions.forget(session, instead_of)
            return await sessions.start(session, now, client, lifetime, scopes=scopes)
        # Half a sign-in is no failure of the address; of the account it is, until the code comes.
        await throttle.forgive(session, throttle.address_key(client.address))
    raise totp.SecondFactorRequired()


async def confirm(
    session: AsyncSession, caller: Caller, *, password: str, code: str | None, address: str | None, secret: str
) -> None:
    """The caller proves again who they are.

    Raises TooManyAttempts, WrongCredentials, SecondFactorRequired, WrongCode.
    """
    user = await session.get_one(User, caller.user_id, with_for_update=True, populate_existing=True)
    keys = (throttle.account_key(user.email), throttle.address_key(address))
    await throttle.count(session, *keys)
    if not await passwords.is_right(password, user.password_hash):
        raise WrongCredentials()
    await totp.check(session, user, code, secret=secret)
    await throttle.forgive(session, *keys)
    await sessions.confirm(session, caller)


async def change_password(
    session: AsyncSession, caller: Caller, current: str, new: str, lifetime: Lifetime
) -> tuple[str, Session]:
    """Ends every session of the caller and begins a new one.

    Raises TooManyAttempts, WrongCredentials, UnfitPassword.
    """
    user = await session.get_one(User, caller.user_id, with_for_update=True, populate_existing=True)
    key = throttle.account_key(user.email)
    await throttle.count(session, key)
    if not await passwords.is_right(current, user.password_hash):
        raise WrongCredentials()
    await throttle.forgive(session, key)
    await set_password(session, user, new)
    return await sessions.rotate(session, user, caller, lifetime)


async def update_account(session: AsyncSession, user: User, changes: AccountUpdate) -> User:
    events.record(session, "user.updated", user, user.change(changes.model_dump()))
    await session.flush()
    return user


async def update_user(session: AsyncSession, user: User, changes: UserUpdate, caller: Caller) -> User:
    """A new role, or being disabled, ends all sessions of the user. Raises RoleAboveYours, LastOwner."""
    fields = changes.model_dump()
    if "is_disabled" in fields:
        disabled = fields.pop("is_disabled")
        fields["disabled_at"] = (user.disabled_at or datetime.now(UTC)) if disabled else None
    role = Role(fields.get("role", user.role))
    require_may_manage(caller, user)
    if not policy.may_manage(caller, role):
        raise RoleAboveYours()
    if role is not Role.OWNER or fields.get("disabled_at"):
        await keep_an_owner(session, user)
    changed = user.change(fields)
    await session.flush()
    events.record(session, "user.updated", user, changed)
    if changed.keys() & {"role", "disabled_at"}:
        await sessions.end_all(session, user)
    return user


def require_may_manage(caller: Caller, user: User) -> None:
    """Raises RoleAboveYours."""
    if not policy.may_manage(caller, Role(user.role)):
        raise RoleAboveYours()


async def keep_an_owner(session: AsyncSession, user: User) -> None:
    """Raises LastOwner if the user is that. The owners stay locked, so that no two of them leave at once."""
    if [owner.id for owner in await lock_owners(session)] == [user.id]:
        raise LastOwner()


async def lock_owners(session: AsyncSession) -> Sequence[User]:
    """In one order, and before any one user is: so two who remove each other do not wait for each other for ever."""
    return (await session.scalars(queries.owners().order_by(User.id).with_for_update())).all()


async def set_password(session: AsyncSession, user: User, password: str) -> None:
    """Links that were sent before, to reset it or to change the address, are good for nothing then.

    Raises UnfitPassword. The caller sees to the sessions.
    """
    events.record(
        session, "user.password_changed", user, user.change({"password_hash": await passwords.hash_password(password)})
    )
    await session.flush()
    for purpose in (tickets.Purpose.PASSWORD_RESET, tickets.Purpose.EMAIL_CHANGE):
        await tickets.withdraw(session, purpose, user.id)
