"""Redirects made by hand, and those that follow what is published."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core import events
from byline.core.errors import Conflict, Invalid, NotFound
from byline.redirects import queries
from byline.redirects.models import GONE, Redirect, Source
from byline.redirects.paths import below, is_path, keys, normal_path
from byline.redirects.schemas import RedirectCreate, RedirectUpdate

MAX_HOPS = 10
"""So many redirects are followed from one to the next."""

_IN_BULK = {"synchronize_session": False}


class RedirectNotFound(NotFound):
    code = "redirect_not_found"
    title = "There is no such redirect"


class RedirectExists(Conflict):
    code = "redirect_exists"
    title = "There is a redirect from this path already"
    constraints = ("uq_redirects_path",)


class RedirectLoop(Conflict):
    code = "redirect_loop"
    title = "This redirect would lead back to itself, or through too many others"


class UnfitTarget(Invalid):
    code = "unfit_target"
    title = "410 has no target, every other status has one"
    constraints = ("ck_redirects_target",)


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def create(session: AsyncSession, new: RedirectCreate, *, site_url: str) -> Redirect:
    """Raises RedirectExists, RedirectLoop, UnfitTarget."""
    await lock(session)
    redirect = Redirect(source=Source.MANUAL, version=1, **fitted(new.model_dump(), site_url))
    if await session.scalar(queries.at(redirect.path)) is not None:
        raise RedirectExists()
    await check_leads_on(redirect.path, redirect.target, _target_in(session))
    session.add(redirect)
    await session.flush()
    events.record(session, "redirect.created", redirect, events.created(redirect, *RedirectCreate.model_fields))
    return redirect


async def update(session: AsyncSession, redirect: Redirect, changes: RedirectUpdate, *, site_url: str) -> Redirect:
    """From then on it is one made by hand, and follows nothing. Raises RedirectExists, RedirectLoop, UnfitTarget."""
    await lock(session)
    now = {name: getattr(redirect, name) for name in RedirectCreate.model_fields}
    fields = fitted(now | changes.model_dump(), site_url)
    if fields["path"] != redirect.path and await session.scalar(queries.at(fields["path"])) is not None:
        raise RedirectExists()
    await check_leads_on(fields["path"], fields["target"], _target_in(session))
    rewrite(session, redirect, fields)
    await session.flush()
    return redirect


def rewrite(session: AsyncSession, redirect: Redirect, fields: dict[str, Any]) -> None:
    """What a person has changed is theirs, whatever made it."""
    if changes := redirect.change(fields):
        redirect.source = Source.MANUAL
        redirect.subject_id = None
        events.record(session, "redirect.updated", redirect, changes)


async def delete_redirect(session: AsyncSession, redirect: Redirect) -> None:
    events.record(session, "redirect.deleted", redirect, events.deleted(redirect, *RedirectCreate.model_fields))
    await session.delete(redirect)
    await session.flush()


def fitted(fields: dict[str, Any], site_url: str) -> dict[str, Any]:
    """The fields with an address of the site as its path. Raises UnfitTarget."""
    target = fields["target"]
    if (fields["status"] == GONE) != (target is None):
        raise UnfitTarget(pointer="/target")
    try:
        return fields | {"target": target and below(target, site_url)}
    except ValueError as error:
        raise UnfitTarget(str(error), pointer="/target") from error


async def check_leads_on(path: str, target: str | None, target_of: Callable[[str], Awaitable[str | None]]) -> None:
    """Raises RedirectLoop where a redirect from `path` to `target` would come back by those that there are."""
    for _ in range(MAX_HOPS):
        if target is None or not is_path(target):
            return
        here, target = target, None
        for key in keys(normal_path(here)):
            if key == path:
                raise RedirectLoop(f"it would lead back to {path}")
            target = await target_of(key)
            if target is not None:
                break
    if target is not None:
        raise RedirectLoop(f"it would lead through more than {MAX_HOPS} redirects")


async def lock(session: AsyncSession) -> None:
    """Until the transaction ends: of two redirects that are a loop together, the second one sees the first."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("redirects", 0))))


def _target_in(session: AsyncSession) -> Callable[[str], Awaitable[str | None]]:
    async def target_of(path: str) -> str | None:
        return await session.scalar(select(Redirect.target).where(Redirect.path == path))

    return target_of


# ── by what is published: recorded as the change that they follow from ───────────────────────────────────────────────


async def take(session: AsyncSession, *paths: str) -> None:
    """Readers find something at these paths from now on: what led away from them goes."""
    for redirect in (await session.scalars(queries.remove_at(paths).returning(Redirect))).all():
        if redirect.source == Source.MANUAL:
            changes = events.deleted(redirect, *RedirectCreate.model_fields)
            events.record(session, "redirect.deleted", redirect, changes)


async def move(session: AsyncSession, subject_id: UUID, old: str, new: str) -> None:
    """What readers know as `old` is `new` now, and all that led to it leads there: in one step, never in a circle.

    What somebody else has put at `old` stays.
    """
    await lock(session)
    await session.execute(queries.remove_way_back(subject_id, old, new), execution_options=_IN_BULK)
    await session.execute(queries.point(subject_id, new), execution_options=_IN_BULK)
    if old != new:
        await session.execute(queries.leave(old, new, subject_id))


async def rename(session: AsyncSession, subject_id: UUID, old: str, new: str) -> None:
    """The same for what is there to be read at once."""
    if old != new:
        await move(session, subject_id, old, new)
        await take(session, new)


async def close(session: AsyncSession, subject_id: UUID, path: str | None) -> None:
    """What was at `path` (None: was never seen), and wherever led to it, is gone for good."""
    await session.execute(queries.end(subject_id), execution_options=_IN_BULK)
    if path is not None:
        await session.execute(queries.leave(path, None, None))


async def forget(session: AsyncSession, subject_id: UUID) -> None:
    """Nothing tells any more where it was."""
    await session.execute(delete(Redirect).where(Redirect.subject_id == subject_id), execution_options=_IN_BULK)


async def alias(session: AsyncSession, former: Sequence[tuple[str, str, UUID]]) -> dict[str, str | None]:
    """Where each former path leads of what is imported: to its target, the path of the subject, unless it leads
    elsewhere already.
    """
    if not former:
        return {}
    rows = [
        {"path": path, "target": target, "source": Source.IMPORT, "subject_id": subject_id}
        for path, target, subject_id in former
    ]
    await session.execute(queries.unless_there(), rows)
    there = await session.scalars(queries.at_any(path for path, _, _ in former))
    return {redirect.path: redirect.target for redirect in there}
