from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, BeforeValidator, Field, StringConstraints

from byline.core.schemas import Input, Output, PageQuery
from byline.redirects.models import Source
from byline.redirects.paths import MAX_LENGTH, normal_path, normal_target

OldPath = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_LENGTH),
    AfterValidator(normal_path),
    Field(examples=["/2019/old-address"]),
]
Target = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_LENGTH),
    AfterValidator(normal_target),
    Field(examples=["/posts/how-to-measure"]),
]
RedirectStatus = Literal[301, 302, 307, 308, 410]


def _number(value: Any) -> Any:
    # Queries are texts, and a literal is never made from one.
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class RedirectCreate(Input):
    path: OldPath = Field(description="Of the site. With a query it stands for that query alone; else for any.")
    target: Target | None = Field(None, description="A path of the site, or an address elsewhere; null for 410.")
    status: RedirectStatus = Field(301, description="410: what was there is gone for good.")


class RedirectUpdate(Input):
    """Fields left out stay as they are."""

    path: OldPath | MISSING = MISSING
    target: Target | None | MISSING = MISSING
    status: RedirectStatus | MISSING = MISSING


class RedirectOut(Output):
    id: UUID
    path: str = Field(examples=["/2019/old-address"])
    target: str | None = Field(examples=["/posts/how-to-measure"])
    status: RedirectStatus
    source: Source = Field(description="`slug`: left by a change of a slug, or by what was deleted for good.")
    version: int
    created_at: datetime
    updated_at: datetime


class RedirectQuery(PageQuery):
    q: str | None = Field(None, max_length=MAX_LENGTH, description="How the path begins.", examples=["/2019/"])
    source: Source | None = None
    status: Annotated[RedirectStatus, BeforeValidator(_number)] | None = None
    sort: Literal["path", "-path", "created_at", "-created_at", "updated_at", "-updated_at"] = "path"


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class ImportedLine(Output):
    line: int = Field(description="Its number in the file, from 1.")
    path: str
    outcome: Outcome
    reason: str | None = Field(description="Why it failed.")


class RedirectImport(Output):
    dry_run: bool
    created: int
    updated: int
    unchanged: int
    failed: int
    lines: list[ImportedLine]


class ImportQuery(Input):
    dry_run: bool = Field(False, description="Report the same, and write nothing.")
