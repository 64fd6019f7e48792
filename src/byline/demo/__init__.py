"""The publication that a first start makes, so that there is something to look at: `publication/`, imported."""

import secrets
from pathlib import Path

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.accounts import service as accounts
from byline.accounts.caller import Role
from byline.accounts.models import User
from byline.authors import service as authors
from byline.authors.schemas import AuthorCreate
from byline.posts.models import Post
from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder
from byline.transfer.models import ImportedFile

PUBLICATION = Path(__file__).parent / "publication"
OWNER_EMAIL = "owner@byline.example"
SOURCE = "demo"


async def create(sessions: async_sessionmaker[AsyncSession], *, language: str) -> tuple[str, str] | None:
    """The e-mail address and the password of its owner; None, and nothing is made, where there is anything else yet.

    The owner comes last: a start that was killed before is made good by the next one.
    """
    imported = select(ImportedFile.post_id).where(ImportedFile.source == SOURCE)
    anything_else = or_(exists(select(User.id)), exists(select(Post.id).where(Post.id.not_in(imported))))
    async with sessions.begin() as session:
        if await session.scalar(select(anything_else)):
            return None
    async for _ in import_documents(sessions, SOURCE, read_folder(PUBLICATION), language=language, dry_run=False):
        pass
    password = secrets.token_urlsafe(12)
    async with sessions.begin() as session:
        owner = await accounts.create_user(
            session, email=OWNER_EMAIL, name="The owner", role=Role.OWNER, password=password
        )
        await authors.create(session, AuthorCreate(name="The owner", slug="owner"), user_id=owner.id)
    return OWNER_EMAIL, password
