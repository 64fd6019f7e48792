from datetime import datetime
from uuid import UUID

from sqlalchemy import Delete, Select, Update, delete, func, select, update
from sqlalchemy.orm import joinedload

from byline.accounts.models import Ticket
from byline.core.events import Event
from byline.posts import queries as posts
from byline.posts.models import Post, PreviewLink, ReviewComment, Revision
from byline.privacy.schemas import PersonalPost
from byline.webhooks.models import Webhook


def belongings(user_id: UUID) -> Select[UUID | None]:
    """The ids of what the log knows as the user's own, whether or not it is there still: they made all of it."""
    made = Event.type.in_(["session.started", "api_key.created", "passkey.created"])
    return select(Event.subject_id).where(Event.actor_id == user_id, made)


def forget_addresses(user_id: UUID) -> Update:
    """From where the user acted."""
    return update(Event).where(Event.actor_id == user_id, Event.address.is_not(None)).values(address=None)


def withdraw_tickets_for(email: str) -> Delete:
    """Whoever asked for them."""
    return delete(Ticket).where(func.lower(Ticket.data["email"].astext) == func.lower(email))


def posts_of(user_id: UUID) -> Select[Post]:
    """Which they began, or stand over; those in the trash too."""
    return select(Post).where(posts.own(user_id)).options(*posts.shown(PersonalPost)).order_by(Post.id)


def revisions_of(user_id: UUID) -> Select[UUID, int, str | None, str, datetime]:
    """Which they saved, without what these hold."""
    columns = (Revision.post_id, Revision.number, Revision.message, Revision.status, Revision.created_at)
    return select(*columns).where(Revision.created_by == user_id).order_by(Revision.id)


def preview_links_of(user_id: UUID) -> Select[PreviewLink]:
    """Which they made."""
    own = select(PreviewLink).where(PreviewLink.created_by == user_id).order_by(PreviewLink.id)
    return own.options(joinedload(PreviewLink.creator))


def review_comments_of(user_id: UUID) -> Select[ReviewComment]:
    """Which they wrote."""
    return select(ReviewComment).where(ReviewComment.created_by == user_id).order_by(ReviewComment.id)


def webhooks_of(user_id: UUID) -> Select[Webhook]:
    """Which they made."""
    return select(Webhook).where(Webhook.created_by == user_id).order_by(Webhook.id)
