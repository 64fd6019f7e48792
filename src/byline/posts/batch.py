"""Several changes in one transaction, each by the same dependencies and services as alone."""

from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts.caller import Caller, Scope
from byline.accounts.deps import require_scopes
from byline.core.deps import Precondition
from byline.core.errors import BylineError, Conflict
from byline.core.http import version_etag
from byline.core.problems import Problem, problem_of, refusal_of
from byline.core.settings import Settings
from byline.core.slugs import reserve, slug_from
from byline.posts import publishing, queries, reviewing, service
from byline.posts.batch_schemas import (
    BatchApprove,
    BatchCreate,
    BatchDelete,
    BatchOut,
    BatchPublish,
    BatchRequestChanges,
    BatchResult,
    BatchSubmit,
    BatchUnpublish,
    BatchUpdate,
    Operation,
    PostBatch,
)
from byline.posts.deps import get_editable_post, get_publishable_post, get_reviewable_post, get_trashable_post
from byline.posts.models import Post

_REVIEWING = (BatchApprove, BatchRequestChanges)
_PUBLISHING = (BatchPublish, BatchUnpublish, *_REVIEWING)


class BatchFailed(Conflict):
    """Raised with `failed`, the index of the operation, and `results`, as of a batch that is not atomic."""

    code = "batch_failed"
    title = "One of the operations failed, so none was done"


async def run(
    session: AsyncSession, batch: PostBatch, caller: Caller, *, settings: Settings, instance: str
) -> BatchOut:
    """What is not atomic goes on after an operation that failed. Raises ScopeMissing, BatchFailed."""
    publishing = any(isinstance(operation, _PUBLISHING) for operation in batch.operations)
    writing = not all(isinstance(operation, _PUBLISHING) for operation in batch.operations)
    require_scopes(caller, [Scope.POSTS_WRITE] * writing + [Scope.POSTS_PUBLISH] * publishing)
    await _lock(session, batch, caller)
    results = []
    for index, operation in enumerate(batch.operations):
        try:
            async with nullcontext() if batch.atomic else session.begin_nested():
                status, post = await _do(session, operation, caller, settings)
                results.append(_result(index, operation, status, post))
        except (BylineError, DBAPIError) as error:
            refusal = error if isinstance(error, BylineError) else refusal_of(error)
            if refusal is None:
                raise
            failure = _failure(index, operation, refusal, instance)
            if batch.atomic:
                raise _batch_failed(batch, failure) from error
            results.append(failure)
    return BatchOut(results=results)


async def _lock(session: AsyncSession, batch: PostBatch, caller: Caller) -> None:
    """All that will be waited for, in one order: so of two batches at once none waits for the other in turn."""
    slugs, ids = [], []
    for operation in batch.operations:
        match operation:
            case BatchCreate(body=new):
                slugs.append(new.slug or slug_from(new.title, fallback=new.kind))
            case BatchUpdate(body=changes) if isinstance(changes.slug, str):
                slugs.append(changes.slug)
        if not isinstance(operation, BatchCreate):
            ids.append(operation.id)
    if slugs:
        await reserve(session, Post.slug, *slugs)
    if ids:
        named = queries.kept().where(Post.id.in_(ids), queries.reachable_by(caller))
        await session.execute(named.with_only_columns(Post.id).order_by(Post.id).with_for_update())


async def _do(
    session: AsyncSession, operation: Operation, caller: Caller, settings: Settings
) -> tuple[HTTPStatus, Post]:
    if isinstance(operation, BatchCreate):
        made = await service.create(session, operation.body, caller=caller, language=settings.site_language)
        return HTTPStatus.CREATED, made
    load = get_publishable_post if isinstance(operation, _PUBLISHING) else get_editable_post
    post = await load(operation.id, caller, Precondition(operation.if_match), session)
    if isinstance(operation, _REVIEWING):
        post = await get_reviewable_post(post, caller)
    match operation:
        case BatchUpdate(body=changes):
            await service.update(session, post, changes, caller=caller)
        case BatchPublish(body=wish):
            zone, approval_required = settings.zone, settings.approval_required
            await publishing.publish(session, post, wish, caller=caller, zone=zone, approval_required=approval_required)
        case BatchUnpublish():
            await publishing.unpublish(session, post, caller=caller)
        case BatchSubmit(body=note):
            await reviewing.submit(session, post, note, caller=caller)
        case BatchApprove(body=note):
            await reviewing.approve(session, post, note, caller=caller)
        case BatchRequestChanges(body=request):
            await reviewing.request_changes(session, post, request, caller=caller)
        case BatchDelete():
            await service.trash(session, await get_trashable_post(post, caller), caller=caller)
            return HTTPStatus.NO_CONTENT, post
    return HTTPStatus.OK, post


def _result(index: int, operation: Operation, status: HTTPStatus, post: Post) -> BatchResult:
    return BatchResult(
        index=index,
        op=operation.op,
        status=status,
        id=post.id,
        version=post.version,
        etag=version_etag(post.version),
        problem=None,
    )


def _failure(index: int, operation: Operation, error: BylineError, instance: str) -> BatchResult:
    problem = problem_of(error, instance)
    problem["errors"] = [
        {**found, "pointer": _pointer_in_batch(index, found["pointer"])} for found in problem["errors"]
    ]
    return _undone(index, operation, error.status, Problem.model_validate(problem))


def _pointer_in_batch(index: int, pointer: str) -> str:
    return f"/operations/{index}/if_match" if pointer == "/header/if-match" else f"/operations/{index}/body{pointer}"


def _undone(index: int, operation: Operation, status: int, problem: Problem | None = None) -> BatchResult:
    named: Any = getattr(operation, "id", None)
    return BatchResult(index=index, op=operation.op, status=status, id=named, version=None, etag=None, problem=problem)


def _batch_failed(batch: PostBatch, failure: BatchResult) -> BatchFailed:
    results = [
        failure if index == failure.index else _undone(index, operation, HTTPStatus.FAILED_DEPENDENCY)
        for index, operation in enumerate(batch.operations)
    ]
    title = failure.problem.title if failure.problem is not None else None
    return BatchFailed(
        f"operation {failure.index}: {title}",
        failed=failure.index,
        results=[result.model_dump(mode="json") for result in results],
    )
