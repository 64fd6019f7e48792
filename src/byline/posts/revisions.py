"""Going back over what was saved: reading it, comparing, restoring, naming and thinning it, and merging what was based
on it.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from byline.accounts.caller import Caller
from byline.core import events
from byline.core.errors import Conflict, Invalid
from byline.posts import queries, service
from byline.posts.diffs import compare, unified
from byline.posts.merging import COMBINED, Clash, merge, same_json
from byline.posts.models import Post, Revision
from byline.posts.revision_schemas import DiffHunk, FieldDiff, PostMerge, RevisionDiff
from byline.posts.schemas import PostContent, PostUpdate

YEAR = timedelta(days=365)


class MergeConflict(Conflict):
    """Raised with `current_version` and `conflicts`, a list: see `_conflict`."""

    code = "merge_conflict"
    title = "Both changed the same"


class MergedTooLarge(Invalid):
    code = "merged_too_large"
    title = "Together the two edits hold more than a post may"


async def find(session: AsyncSession, post: Post, number: int) -> Revision:
    """With who saved it. Raises RevisionNotFound."""
    statement = queries.revision(post.id, number).options(joinedload(Revision.author))
    found = await session.scalar(statement)
    if found is None:
        was_there = 0 < number <= post.version
        raise service.RevisionNotFound(f"revision {number} was thinned out" if was_there else None)
    return found


async def diff(session: AsyncSession, post: Post, revision: Revision, against: int | None) -> RevisionDiff:
    """To the last one before it, if `against` is None. Raises RevisionNotFound."""
    if against is None:
        other = await session.scalar(queries.revision_before(post.id, revision.number))
    else:
        other = await find(session, post, against)
    new = _content(revision)
    old = _content(other) if other is not None else {}
    names = (f"revision {other.number}" if other is not None else "nothing", f"revision {revision.number}")
    hunks, patch = await asyncio.to_thread(_compare, old.get("markdown", ""), new["markdown"], names)
    return RevisionDiff(
        number=revision.number,
        against=other.number if other is not None else None,
        fields={
            name: FieldDiff(before=old.get(name), after=value)
            for name, value in new.items()
            if name != "markdown" and not same_json(old.get(name), value)
        },
        markdown=hunks,
        unified=patch,
    )


def _compare(old: str, new: str, names: tuple[str, str]) -> tuple[list[DiffHunk], str]:
    hunks = compare(old, new)
    return [DiffHunk.model_validate(hunk) for hunk in hunks], unified(hunks, *names)


async def restore(
    session: AsyncSession, post: Post, revision: Revision, *, caller: Caller | None, message: str | None
) -> Post:
    """A new revision that holds what that one does. Raises SlugTaken."""
    newest = await service.newest_content(session, post)
    content = PostContent.model_validate(revision.content)
    message = message or f"Restored revision {revision.number}"
    return await service.save(session, post, newest, content, caller=caller, message=message)


def rename(session: AsyncSession, post: Post, revision: Revision, name: str | None) -> None:
    """Of a post that is locked, so that it is not thinned at the same time."""
    if revision.name == name:
        return
    number = {"before": revision.number, "after": revision.number}
    changes: dict[str, dict[str, Any]] = {"number": number, "name": {"before": revision.name, "after": name}}
    events.record(session, "post.revision_named", post, changes)
    revision.name = name


# ── merging ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def merge_changes(session: AsyncSession, post: Post, wish: PostMerge, *, caller: Caller | None) -> Post:
    """A new revision: the newest one, with what the changes make of the one that they are based on.

    Raises RevisionNotFound, MergeConflict, MergedTooLarge, UnknownReference, SlugTaken.
    """
    base = await find(session, post, wish.base)
    yours = await service.changed_content(session, post, PostContent.model_validate(base.content), wish.changes)
    newest = await service.newest_content(session, post)
    sides = _content(base), yours.model_dump(mode="json"), newest.model_dump(mode="json")
    merged, clashes = await asyncio.to_thread(merge, *sides)
    if clashes:
        conflicts = [_conflict(name, clash, *sides) for name, clash in clashes.items()]
        raise MergeConflict(", ".join(clashes), current_version=post.version, conflicts=conflicts)
    _check_size(merged)
    content = PostContent.model_validate(merged)
    return await service.save(session, post, newest, content, caller=caller, message=wish.changes.message)


def _conflict(
    name: str, clash: Clash, base: Mapping[str, Any], yours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> dict[str, Any]:
    """A field with its three values; of a text only the parts that clash."""
    if clash.hunks:
        return {"field": name, "hunks": [{"base": h.base, "yours": h.yours, "theirs": h.theirs} for h in clash.hunks]}
    return {"field": name, "base": base[name], "yours": yours[name], "theirs": theirs[name]}


def _check_size(merged: Mapping[str, Any]) -> None:
    """Raises MergedTooLarge: two edits that are within the limits may not be so together."""
    try:
        PostUpdate.model_validate({name: merged[name] for name in COMBINED})
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        raise MergedTooLarge(wrong["msg"], pointer=f"/changes/{wrong['loc'][0]}") from None


def _content(revision: Revision) -> dict[str, Any]:
    return PostContent.model_validate(revision.content).model_dump(mode="json")


# ── thinning ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def thin(sessions: async_sessionmaker[AsyncSession], keep_days: int, now: datetime) -> None:
    """Drops what `queries.thinnable` finds, each post in a transaction of its own. One that is in use is left alone."""
    days_before = _midnight(now - timedelta(days=keep_days))
    monday = _midnight(now - max(YEAR, timedelta(days=keep_days)))
    weeks_before = monday - timedelta(days=monday.weekday())
    thinnable = queries.thinnable(days_before, weeks_before)
    async with sessions.begin() as session:
        post_ids = (await session.scalars(thinnable.with_only_columns(Revision.post_id).distinct())).all()
    for post_id in post_ids:
        async with sessions.begin() as session:
            await _thin(session, post_id, thinnable.with_only_columns(Revision.id).where(Revision.post_id == post_id))


async def _thin(session: AsyncSession, post_id: UUID, thinnable: Any) -> None:
    post = await session.scalar(select(Post).where(Post.id == post_id).with_for_update(skip_locked=True))
    if post is None:
        return
    dropped = await session.scalars(delete(Revision).where(Revision.id.in_(thinnable)).returning(Revision.number))
    numbers = sorted(dropped)
    if numbers:
        events.record(session, "post.revisions_thinned", post, {"revisions": {"before": numbers, "after": []}})


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
