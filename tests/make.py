"""Rows to begin a test with: each valid by default, each made by the same services as in earnest."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import keys
from byline.accounts.caller import ROLES, Caller, Role, Scope
from byline.accounts.models import ApiKey, Session, User
from byline.accounts.schemas import ApiKeyCreate
from byline.authors import service as authors
from byline.authors.models import Author
from byline.authors.schemas import AuthorCreate
from byline.core.crypto import hash_token
from byline.core.settings import DEVELOPMENT_SECRET
from byline.posts import publishing
from byline.posts import service as posts
from byline.posts.models import Post
from byline.posts.schemas import PostCreate, PostPublish
from byline.series import service as all_series
from byline.series.models import Series
from byline.series.schemas import SeriesCreate
from byline.tags import service as tags
from byline.tags.models import Tag
from byline.tags.schemas import TagCreate
from byline.webhooks import signing
from byline.webhooks.models import Webhook

PASSWORD = "correct horse"


@cache
def _password_hash() -> str:
    return PasswordHash.recommended().hash(PASSWORD)


async def person(session: AsyncSession, **fields: Any) -> User:
    """Somebody who signs in with `PASSWORD`, which is hashed once for all of them."""
    return await user(session, password_hash=_password_hash(), **fields)


async def user(session: AsyncSession, **fields: Any) -> User:
    """Without a password that anything matches: hashing one takes a third of a second."""
    fields = {"email": f"{secrets.token_hex(4)}@example.com", "name": "Grace", "role": Role.OWNER, **fields}
    made = User(**fields)
    session.add(made)
    await session.flush()
    return made


async def token(
    session: AsyncSession, *, scopes: Iterable[Scope], of: User | None = None, lifetime: timedelta = timedelta(hours=1)
) -> str:
    """The token of a new session of `of`, or of a new user."""
    owner = of or await user(session)
    made = secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + lifetime
    session.add(Session(user_id=owner.id, token_hash=hash_token(made), scopes=list(scopes), expires_at=expires_at))
    await session.flush()
    return made


async def api_key(
    session: AsyncSession, *, scopes: Iterable[Scope], of: User | None = None, **fields: Any
) -> tuple[str, ApiKey]:
    """The key itself and its row."""
    owner = of or await user(session)
    caller = Caller(owner.id, owner.name, Role(owner.role), ROLES[Role(owner.role)].scopes)
    return await keys.create(session, ApiKeyCreate(name="A service", scopes=list(scopes), **fields), caller)


async def author(session: AsyncSession, name: str = "Ada Lovelace", **fields: Any) -> Author:
    return await authors.create(session, AuthorCreate(name=name, **fields))


async def writer(
    session: AsyncSession, name: str = "Ada Lovelace", *, role: Role = Role.AUTHOR
) -> tuple[User, Author, dict[str, str]]:
    """Somebody who signs in to write: the user, their byline, and the headers of their requests."""
    owner = await user(session, name=name, role=role)
    byline = await authors.create(session, AuthorCreate(name=name), user_id=owner.id)
    return owner, byline, {"Authorization": f"Bearer {await token(session, scopes=Scope, of=owner)}"}


async def tag(session: AsyncSession, name: str = "Measurement", **fields: Any) -> Tag:
    return await tags.create(session, TagCreate(name=name, **fields))


async def series(session: AsyncSession, title: str = "Measuring well", **fields: Any) -> Series:
    return await all_series.create(session, SeriesCreate(title=title, **fields))


async def draft(session: AsyncSession, title: str = "How to measure", **fields: Any) -> Post:
    fields = {"markdown": "Measure *first*.", **fields}
    return await posts.create(session, PostCreate(title=title, **fields), caller=None, language="en")


async def post(session: AsyncSession, title: str = "How to measure", at: datetime | None = None, **fields: Any) -> Post:
    """A published one, since `at`."""
    made = await draft(session, title, **fields)
    return await publishing.publish(session, made, PostPublish(at=at), caller=None)


async def webhook(session: AsyncSession, url: str = "https://receiver.example/", **fields: Any) -> Webhook:
    """One that is told everything, and signs with a secret of its own."""
    secret = signing.seal(signing.new_secret(), secret=DEVELOPMENT_SECRET)
    made = Webhook(**{"url": url, "event_types": ["*"], "secret": secret, **fields})
    session.add(made)
    await session.flush()
    return made
