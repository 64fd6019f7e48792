"""Every table, for Alembic and the mappers."""

from byline.accounts.models import ApiKey, Attempt, IdempotencyKey, RecoveryCode, Session, Ticket, User
from byline.announcements.models import Progress
from byline.authors.models import Author
from byline.core.database import Base
from byline.core.events import Event, EventLog
from byline.core.jobs import JobFailure
from byline.insights.models import ClickCount, SearchCount
from byline.oidc.models import Identity
from byline.passkeys.models import Passkey
from byline.posts.models import Post, PostAuthor, PostTag, PreviewLink, Revision
from byline.redirects.models import Redirect
from byline.series.models import Series
from byline.tags.models import Tag
from byline.transfer.models import ImportedFile
from byline.webhooks.models import Delivery, DeliveryAttempt, Untold, Webhook

__all__ = [
    "ApiKey",
    "Attempt",
    "Author",
    "Base",
    "ClickCount",
    "Delivery",
    "DeliveryAttempt",
    "Event",
    "EventLog",
    "IdempotencyKey",
    "Identity",
    "ImportedFile",
    "JobFailure",
    "Passkey",
    "Post",
    "PostAuthor",
    "PostTag",
    "PreviewLink",
    "Progress",
    "RecoveryCode",
    "Redirect",
    "Revision",
    "SearchCount",
    "Series",
    "Session",
    "Tag",
    "Ticket",
    "Untold",
    "User",
    "Webhook",
]
