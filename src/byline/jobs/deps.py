from typing import Annotated

from fastapi import Depends

from byline.accounts.deps import JobManager
from byline.core.deps import SessionDep
from byline.core.jobs import Job
from byline.jobs.schemas import JobId
from byline.jobs.service import JobNotFound


async def get_managed_job(job_id: JobId, caller: JobManager, session: SessionDep) -> Job:
    job = await session.get(Job, job_id)
    if job is None:
        raise JobNotFound()
    return job


ManagedJob = Annotated[Job, Depends(get_managed_job)]
