from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select

from byline.core.jobs import Job, JobEvent, JobEventType, JobFailure, Status
from byline.core.pagination import Sorts
from byline.jobs.schemas import JobQuery

SORTS: Sorts = {"id": Job.id}

_ENDS = (JobEventType.SUCCEEDED, JobEventType.FAILED, JobEventType.CANCELLED, JobEventType.ABORTED)


def jobs(query: JobQuery) -> Select[Job]:
    statement = select(Job)
    if query.status is not None:
        statement = statement.where(Job.status == query.status)
    if query.task is not None:
        statement = statement.where(Job.task_name == query.task)
    return statement


def histories(of: Iterable[Job]) -> Select[int, datetime, datetime, datetime, str]:
    """For each job: its id, when it was enqueued, when it ended last, when its last failed try did, and how. Of these
    three there may be none.
    """
    return (
        select(
            JobEvent.job_id,
            func.min(JobEvent.at).filter(JobEvent.type == JobEventType.DEFERRED),
            func.max(JobEvent.at).filter(JobEvent.type.in_(_ENDS)),
            func.max(JobFailure.failed_at),
            func.max(JobFailure.error),
        )
        .outerjoin(JobFailure, JobFailure.job_id == JobEvent.job_id)
        .where(JobEvent.job_id.in_([job.id for job in of]))
        .group_by(JobEvent.job_id)
    )


def ended_before(status: Status, moment: datetime) -> ColumnElement[bool]:
    """Jobs that have this status, one of an end, since before that moment."""
    ends = select(func.max(JobEvent.at)).where(JobEvent.job_id == Job.id, JobEvent.type.in_(_ENDS))
    return (Job.status == status) & (ends.scalar_subquery() < moment)
