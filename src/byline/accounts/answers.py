"""What was answered under an idempotency key: kept for a day, in the transaction of what was done.

So either both are there or neither is: after a crash nothing was done and no key is used. While a request is under way,
it holds a lock in the database, which ends with its transaction, however that ends.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.models import IdempotencyKey
from byline.core.errors import Conflict, Invalid

LIFETIME = timedelta(hours=24)


class IdempotencyKeyInUse(Conflict):
    code = "idempotency_key_in_use"
    title = "Another request with this Idempotency-Key is being answered: try again"
    headers = {"Retry-After": "1"}  # noqa: RUF012


class AnswerNotKept(Conflict):
    """Raised with `first_status` and `location` of what was answered."""

    code = "idempotency_answer_not_kept"
    title = "This was done, but its answer told a secret, which is not kept"


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was sent with another request"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is none where it told a secret."""

    status: int
    headers: dict[str, str]
    body: bytes | None


async def earlier(session: AsyncSession, key_hash: bytes, request_hash: bytes) -> Answer | None:
    """What was answered under this key already; if nothing, the key is this transaction's until it ends.

    Raises IdempotencyKeyInUse, IdempotencyKeyReused, AnswerNotKept.
    """
    number = int.from_bytes(key_hash[:8], signed=True)
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise IdempotencyKeyInUse()
    # Not in one statement with the lock: it would see the table as it was before the lock was had.
    found = await session.scalar(
        select(IdempotencyKey).where(
            IdempotencyKey.key_hash == key_hash, IdempotencyKey.created_at > func.now() - LIFETIME
        )
    )
    if found is None:
        return None
    if found.request_hash != request_hash:
        raise IdempotencyKeyReused("the method, the path, the query, the media type or the body is another")
    if found.body is None:
        raise AnswerNotKept(first_status=found.status, location=found.headers.get("location"))
    return Answer(found.status, found.headers, found.body)


async def keep(session: AsyncSession, user_id: UUID, key_hash: bytes, request_hash: bytes, answer: Answer) -> None:
    """In place of one that is too old, where there is one."""
    values = {
        "user_id": user_id,
        "request_hash": request_hash,
        "status": answer.status,
        "headers": answer.headers,
        "body": answer.body,
        "created_at": func.now(),
    }
    statement = insert(IdempotencyKey).values(key_hash=key_hash, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[IdempotencyKey.key_hash], set_=values))


async def prune(session: AsyncSession) -> None:
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= func.now() - LIFETIME))
