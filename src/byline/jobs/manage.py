from typing import Annotated

from fastapi import APIRouter, Query

from byline.accounts.deps import JobManager
from byline.accounts.idempotency import IdempotentRoute
from byline.core.deps import PaginatorDep, SessionDep
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems
from byline.core.schemas import Page
from byline.jobs import queries, service
from byline.jobs.deps import ManagedJob
from byline.jobs.schemas import JobOut, JobQuery

router = APIRouter(prefix="/jobs", tags=["Jobs"], route_class=IdempotentRoute)


@router.get("", responses=problems(InvalidCursor))
async def list_jobs(
    query: Annotated[JobQuery, Query()], caller: JobManager, session: SessionDep, paginator: PaginatorDep
) -> Page[JobOut]:
    """What is done in the background, the newest first. It is kept for a week; what failed, for 90 days."""
    page = await paginator.page(queries.jobs(query), query, query.sort, queries.SORTS)
    return Page[JobOut](data=await service.describe(session, page.data), next_cursor=page.next_cursor, total=page.total)


@router.get("/{job_id}", responses=problems(service.JobNotFound))
async def get_job(job: ManagedJob, session: SessionDep) -> JobOut:
    """One job."""
    [described] = await service.describe(session, [job])
    return described


@router.post("/{job_id}/retry", responses=problems(service.JobNotFound, service.JobNotFailed, service.JobIsQueuedAgain))
async def retry_job(job: ManagedJob, session: SessionDep) -> JobOut:
    """Run a job again that has failed: at once, and with as many tries as a new one."""
    await service.retry(session, job)
    [described] = await service.describe(session, [job])
    return described


@router.post("/{job_id}/cancel", responses=problems(service.JobNotFound, service.JobNotWaiting))
async def cancel_job(job: ManagedJob, session: SessionDep) -> JobOut:
    """Cancel a job that waits."""
    await service.cancel(session, job)
    [described] = await service.describe(session, [job])
    return described
