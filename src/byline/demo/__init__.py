"""The publication that a first start makes, so that there is something to look at: `publication/`, imported."""

import secrets
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from byline.accounts import service as accounts
from byline.accounts.models import User
from byline.authors import service as authors
from byline.authors.schemas import AuthorCreate
from byline.posts.models import Post
from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder

PUBLICATION = Path(__file__).parent / "publication"
OWNER_EMAIL = "owner@byline.example"


async def create(sessions: async_sessionmaker[AsyncSession], *, language: str) -> tuple[str, str] | None:
    """The e-mail address and the password of its owner; None, and nothing is made, where there is anything yet."""
    async with sessions.begin() as session:
        for model in (User, Post):
            if await session.scalar(select(model.id).limit(1)) is not None:
                return None
        password = secrets.token_urlsafe(12)
        owner = await accounts.create_owner(session, email=OWNER_EMAIL, name="The owner", password=password)
        await authors.create(session, AuthorCreate(name="The owner", slug="owner"), user_id=owner.id)
    documents = read_folder(PUBLICATION)
    async for item in import_documents(sessions, "demo", documents, language=language, dry_run=False):
        assert item.outcome == "created", item
    return OWNER_EMAIL, password
