from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue

from byline.core.jobs import Job, Status
from byline.core.redaction import redacted
from byline.core.schemas import Output, PageQuery

JobId = Annotated[int, Field(ge=1, le=2**63 - 1, examples=[42])]


class JobOut(Output):
    id: JobId
    task: str = Field(examples=["mail.send"])
    status: Status = Field(
        description="`todo` waits, also for its next try; `doing` runs; `failed` was tried as often as its task allows."
    )
    payload: dict[str, JsonValue] = Field(description="What the task is called with. Secrets are `[redacted]`.")
    priority: int
    lock: str | None = Field(description="Of the jobs with one lock, one runs at a time.")
    queueing_lock: str | None = Field(description="Of the jobs with one queueing lock, one waits at a time.")
    attempts: int = Field(description="How often it was tried, but for a try that is going on.")
    scheduled_at: datetime | None = Field(description="Not to be begun before.")
    created_at: datetime
    finished_at: datetime | None
    failed_at: datetime | None = Field(description="When the last try failed, if one did.")
    error: str | None = Field(description="How the last try failed, if one did.", examples=["TimeoutError"])

    @classmethod
    def of_job(
        cls,
        job: Job,
        created_at: datetime,
        ended_at: datetime | None,
        failed_at: datetime | None,
        error: str | None,
    ) -> Self:
        return cls(
            id=job.id,
            task=job.task_name,
            status=job.status,
            payload=redacted(job.args),
            priority=job.priority,
            lock=job.lock,
            queueing_lock=job.queueing_lock,
            attempts=job.attempts,
            scheduled_at=job.scheduled_at,
            created_at=created_at,
            finished_at=None if job.status in {Status.TODO, Status.DOING} else ended_at,
            failed_at=failed_at,
            error=error,
        )


class JobQuery(PageQuery):
    status: Status | None = Field(None, description="`failed` are those that were given up.")
    task: str | None = Field(None, max_length=100, description="Jobs of this task alone.", examples=["mail.send"])
    sort: Literal["-id", "id"] = Field("-id", description="Ids grow: `-id` has the newest first.")
