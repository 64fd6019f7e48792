from uuid import UUID

from sqlalchemy import Select, select

from byline.accounts.models import User
from byline.core.pagination import Sorts
from byline.passkeys.models import Passkey

SORTS: Sorts = {"name": Passkey.name, "created_at": Passkey.created_at}


def passkeys_of(user_id: UUID) -> Select[Passkey]:
    return select(Passkey).where(Passkey.user_id == user_id)


def passkey(credential_id: bytes) -> Select[Passkey]:
    return select(Passkey).where(Passkey.credential_id == credential_id)


def owner_of(credential_id: bytes) -> Select[User]:
    """The user whose passkey it is, if they may sign in."""
    of = select(Passkey.user_id).where(Passkey.credential_id == credential_id).scalar_subquery()
    return select(User).where(User.id == of, User.disabled_at.is_(None))
