from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from byline.accounts.models import Session, User


def user_with_email(email: str) -> Select[User]:
    return select(User).where(func.lower(User.email) == func.lower(email))


def live_session(token_hash: bytes, now: datetime) -> Select[Session]:
    """The session of a token, with its user, unless it has run out."""
    return (
        select(Session)
        .where(Session.token_hash == token_hash, Session.expires_at > now)
        .options(joinedload(Session.user))
    )
