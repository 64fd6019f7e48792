"""All that is kept of somebody, as one document."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.models import ApiKey, Session, Ticket, User
from byline.accounts.schemas import ApiKeyOut, SessionOut, UserOut
from byline.audit.queries import names_of
from byline.audit.schemas import AuditEntry
from byline.authors.models import Author
from byline.authors.queries import author_of_user
from byline.authors.schemas import ManagedAuthor
from byline.core import events
from byline.core.events import Event
from byline.oidc.models import Identity
from byline.passkeys.models import Passkey
from byline.passkeys.schemas import PasskeyOut
from byline.posts.preview_schemas import PreviewLinkOut
from byline.privacy import queries, traces
from byline.privacy.schemas import (
    PersonalComment,
    PersonalData,
    PersonalIdentity,
    PersonalPost,
    PersonalRevision,
    PersonalTicket,
)
from byline.webhooks.schemas import WebhookOut

Own = TypeVar("Own", Session, ApiKey, Passkey, Identity, Ticket)


async def read(session: AsyncSession, user: User, *, site_url: str) -> PersonalData:
    """That it was read is recorded."""
    author = await session.scalar(author_of_user(user.id))
    data = PersonalData(
        exported_at=datetime.now(UTC),
        user=UserOut.model_validate(user),
        byline=ManagedAuthor.of(author, site_url=site_url) if author is not None else None,
        sessions=[SessionOut.model_validate(row) for row in await _own(session, Session, user.id)],
        api_keys=[ApiKeyOut.model_validate(row) for row in await _own(session, ApiKey, user.id)],
        passkeys=[PasskeyOut.model_validate(row) for row in await _own(session, Passkey, user.id)],
        identities=[PersonalIdentity.model_validate(row) for row in await _own(session, Identity, user.id)],
        tickets=[_ticket(row) for row in await _own(session, Ticket, user.id)],
        posts=[PersonalPost.model_validate(row) for row in await session.scalars(queries.posts_of(user.id))],
        revisions=[
            PersonalRevision.model_validate(row) for row in await session.execute(queries.revisions_of(user.id))
        ],
        preview_links=[
            PreviewLinkOut.model_validate(row) for row in await session.scalars(queries.preview_links_of(user.id))
        ],
        review_comments=[
            PersonalComment.model_validate(row) for row in await session.scalars(queries.review_comments_of(user.id))
        ],
        webhooks=[WebhookOut.model_validate(row) for row in await session.scalars(queries.webhooks_of(user.id))],
        audit_log=await _audit_log(session, user, author),
    )
    events.record(session, "user.exported", user)
    return data


async def _own(session: AsyncSession, model: type[Own], user_id: UUID) -> Sequence[Own]:
    return (await session.scalars(select(model).where(model.user_id == user_id).order_by(model.id))).all()


def _ticket(ticket: Ticket) -> PersonalTicket:
    email = ticket.data.get("email")
    return PersonalTicket(
        purpose=ticket.purpose,
        email=str(email) if email is not None else None,
        created_at=ticket.created_at,
        expires_at=ticket.expires_at,
    )


async def _audit_log(session: AsyncSession, user: User, author: Author | None) -> list[AuditEntry]:
    """Without the addresses of others."""
    found = await traces.find(session, user, *([author.id] if author is not None else []))
    about = found.events().with_only_columns(Event.id)
    by_or_about = or_(Event.actor_id == user.id, Event.id.in_(about))
    log = (await session.scalars(select(Event).where(by_or_about).order_by(Event.id))).all()
    names = dict((await session.execute(names_of(log))).all())
    entries = [AuditEntry.of_event(event, names) for event in log]
    return [
        entry if entry.actor is None or entry.actor.id == user.id else entry.model_copy(update={"address": None})
        for entry in entries
    ]
