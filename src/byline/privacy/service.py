"""Erasing somebody: what is the publication's stays, what is theirs goes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import exists, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.models import User
from byline.accounts.service import keep_an_owner
from byline.authors.models import Author
from byline.authors.queries import author_of_user
from byline.core import events
from byline.core.events import ERASED, Shown
from byline.core.slugs import free_slug
from byline.posts.models import PostAuthor
from byline.privacy import queries, traces
from byline.privacy.schemas import Byline
from byline.privacy.traces import Traces
from byline.redirects import service as redirects
from byline.webhooks.queries import forget_messages_about

# Of what happened to somebody and their things, the fields that do not say who they are. All others are blotted out.
_IMPERSONAL = frozenset(
    {
        "byline",
        "disabled_at",
        "expires_at",
        "revoked_at",
        "role",
        "scopes",
        "sign_count",
        "totp_enabled_at",
        "transports",
        "user_id",
    }
)


async def erase(session: AsyncSession, user: User, byline: Byline) -> None:
    """The user goes with all that hangs on them; articles and revisions stay, without a word of who saved them.

    The log keeps what was done to what, by which id. Raises LastOwner.
    """
    await keep_an_owner(session, user)
    author = await session.scalar(author_of_user(user.id).with_for_update())
    found = await traces.find(session, user, *([author.id] if author is not None and byline is Byline.ERASE else []))
    if author is not None and byline is Byline.ERASE:
        await _erase_byline(session, author)
    elif author is not None:
        events.record(session, "author.updated", author, author.change({"user_id": None}))
    events.record(session, "user.erased", user, {"byline": {"before": None, "after": byline}})
    await session.delete(user)
    await session.flush()
    await session.execute(queries.withdraw_tickets_for(user.email))
    await _blot_out(session, found, author.slug if author is not None and author in session else None)


async def _erase_byline(session: AsyncSession, author: Author) -> None:
    """An author over nothing goes; over articles, it is a former author, and the slug is another.

    Messages that name them are forgotten, those too that wait: what happens here is a message itself.
    """
    await session.execute(forget_messages_about(author.id))
    if not await session.scalar(select(exists().where(PostAuthor.author_id == author.id))):
        events.record(session, "author.deleted", author, shown=Shown("author", author.slug, None))
        await session.delete(author)
        await redirects.forget(session, author.id)
        return
    nobody: dict[str, Any] = {
        "name": "Former author",
        "slug": await free_slug(session, Author.slug, "former-author"),
        "headline": None,
        "bio": None,
        "avatar_url": None,
        "links": [],
        "user_id": None,
    }
    changes = author.change(nobody)
    events.record(session, "author.updated", author, changes, shown=events.shown("author", author, changes))
    await redirects.forget(session, author.id)  # their former addresses have their name


async def _blot_out(session: AsyncSession, found: Traces, slug: str | None) -> None:
    """What the log says of the user, and from where they acted; `slug` is what their byline goes by now. It is
    append-only but for this.
    """
    await session.execute(text("set local byline.erasing = 'on'"))
    await session.execute(queries.forget_addresses(found.user_id))
    for event in (await session.scalars(found.events())).all():
        theirs = event.subject_id in found.ids
        event.changes = {
            name: _blotted(change) if (theirs and name not in _IMPERSONAL) or found.have_email_in(change) else change
            for name, change in event.changes.items()
        }
        if theirs and event.shown is not None:
            event.shown = {
                name: value if name == "kind" or value in {None, slug} else ERASED
                for name, value in event.shown.items()
            }
        if event.actor_id is None:
            event.address = None  # theirs, before they had signed in
    await session.flush()
    await session.execute(text("set local byline.erasing = 'off'"))


def _blotted(change: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if value is None else ERASED for key, value in change.items()}
