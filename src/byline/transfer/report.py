"""What an import did, file by file."""

from collections import Counter
from enum import StrEnum

from pydantic import BaseModel, Field


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


class Item(BaseModel):
    path: str
    outcome: Outcome
    reason: str | None = None


class Report(BaseModel):
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    items: list[Item] = Field(default_factory=list)

    @classmethod
    def of(cls, items: list[Item]) -> "Report":
        counts = Counter(item.outcome for item in items)
        return cls(**{outcome.value: counts[outcome] for outcome in Outcome}, items=items)
