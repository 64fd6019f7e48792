"""The desk: what was saved before, and saves that meet others."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from byline.accounts.deps import PostWriter
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import SessionDep, SettingsDep
from byline.core.errors import StaleVersion, VersionRequired
from byline.core.problems import problems
from byline.posts import revisions, service, translations
from byline.posts.deps import EditablePost, LockedPost, ManagedPost, ManagedRevision, Number, newest_draft
from byline.posts.revision_schemas import (
    DiffQuery,
    PostMerge,
    RevisionContent,
    RevisionDiff,
    RevisionRestore,
    RevisionUpdate,
)
from byline.posts.schemas import PostDraft, RevisionOut

router = APIRouter(prefix="/posts/{post_id}", tags=["Manage posts"], route_class=IdempotentRoute)

_MISSING = (service.PostNotFound, service.RevisionNotFound)


@router.post(
    "/merge",
    responses=problems(
        *(*_MISSING, revisions.MergeConflict, revisions.MergedTooLarge),
        *(service.SlugTaken, service.UnknownReference, translations.HasTranslations),
    ),
)
async def merge_post(
    post: LockedPost,
    wish: PostMerge,
    caller: PostWriter,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
) -> PostDraft:
    """Save a new revision that has your changes to an older one and all that was saved since.

    Different fields and different paragraphs go together, and so do tags, authors and keys of `custom` that only one
    of both added or took away. What both changed, each in another way, is a 409: nothing is saved, and `conflicts` has
    each field with `base`, `yours` and `theirs`, or for the Markdown with `hunks` of these three.
    """
    await revisions.merge_changes(session, post, wish, caller=caller)
    return await newest_draft(post, session, settings, response)


@router.get("/revisions/{number}", responses=problems(*_MISSING))
async def get_revision(revision: ManagedRevision) -> RevisionContent:
    """All that was saved then. Tags, authors and the series by id, for they may have been deleted since."""
    return RevisionContent.model_validate(revision)


@router.get("/revisions/{number}/diff", responses=problems(*_MISSING))
async def diff_revision(
    post: ManagedPost, revision: ManagedRevision, query: Annotated[DiffQuery, Query()], session: SessionDep
) -> RevisionDiff:
    """What it has otherwise than another one, or than the one before: by field, and of the Markdown by line and word.

    The comparison of very long texts that have little in common is coarse, so that it is quick; it is always right.
    """
    return await revisions.diff(session, post, revision, query.against)


@router.post(
    "/revisions/{number}/restore",
    responses=problems(*_MISSING, StaleVersion, VersionRequired, service.SlugTaken),
)
async def restore_revision(
    post: EditablePost,
    number: Number,
    caller: PostWriter,
    session: SessionDep,
    settings: SettingsDep,
    response: Response,
    wish: Annotated[RevisionRestore | None, Body()] = None,
) -> PostDraft:
    """Save a new revision that holds what this one does; what readers see stays until it is published."""
    revision = await revisions.find(session, post, number)
    message = wish.message if wish is not None else None
    await revisions.restore(session, post, revision, caller=caller, message=message)
    return await newest_draft(post, session, settings, response)


@router.patch("/revisions/{number}", responses=problems(*_MISSING))
async def update_revision(
    post: LockedPost, number: Number, changes: RevisionUpdate, session: SessionDep
) -> RevisionOut:
    """Give it a name, or take it away: all of it that can be changed, so it needs no `If-Match`."""
    revision = await revisions.find(session, post, number)
    revisions.rename(session, post, revision, changes.name)
    return RevisionOut.model_validate(revision)
