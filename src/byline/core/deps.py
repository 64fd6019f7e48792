"""What endpoints ask for in their signatures."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.database import Versioned
from byline.core.errors import BylineError, Invalid, NotFound, StaleVersion, VersionRequired
from byline.core.http import parse_if_match
from byline.core.pagination import Rows, Sorts, paginate
from byline.core.schemas import PageQuery
from byline.core.settings import Settings

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V", bound=Versioned)


async def get_settings(request: Request) -> Settings:  # no dependency is a plain `def`: each would take a thread
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(get_settings)]


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """The transaction of this request."""
    refusal: BylineError | None = None
    async with request.app.state.gate.place(), request.app.state.sessions.begin() as session:
        try:
            yield session
        except BylineError as error:
            if not error.commits:
                raise
            refusal = error
    if refusal is not None:
        raise refusal


# With scope="function" the transaction ends before the answer is sent: a commit that fails is never a 201.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def get_read_session(request: Request) -> AsyncIterator[AsyncSession]:
    """For what anybody may read: no transaction, and nothing is written."""
    async with request.app.state.readers.session(request) as session:
        yield session


ReadSessionDep = Annotated[AsyncSession, Depends(get_read_session, scope="function")]


@dataclass(frozen=True, slots=True)
class Precondition:
    """The `If-Match` of a request that changes something (RFC 9110 §13.1.1)."""

    if_match: str | None

    def versions(self) -> frozenset[int] | None:
        """The versions that the client has read; None for any. Raises VersionRequired, Invalid."""
        if self.if_match is None:
            raise VersionRequired()
        try:
            return parse_if_match(self.if_match)
        except ValueError as error:
            raise Invalid(str(error), pointer="/header/if-match") from error

    def check(self, version: int, changes: Mapping[str, Any] | None = None) -> None:
        """Raises StaleVersion unless the client has read this version; VersionRequired, Invalid.

        `changes` since then, by field, are told where they are known.
        """
        versions = self.versions()
        if versions is not None and version not in versions:
            members: dict[str, Any] = {"current_version": version}
            if changes is not None:
                members |= {"changed_fields": list(changes), "changes": changes}
            raise StaleVersion(f"the current version is {version}", **members)


IfMatchHeader = Annotated[
    str | None, Header(description="The ETag that you read; without it the answer is 428.", examples=['"7"'])
]


async def get_precondition(if_match: IfMatchHeader = None) -> Precondition:
    return Precondition(if_match)


PreconditionDep = Annotated[Precondition, Depends(get_precondition)]


async def by_id(session: AsyncSession, table: type[T], row_id: UUID, missing: type[NotFound]) -> T:
    """Raises `missing`."""
    row = await session.get(table, row_id)
    if row is None:
        raise missing()
    return row


async def current(
    session: AsyncSession, table: type[V], row_id: UUID, missing: type[NotFound], precondition: Precondition
) -> V:
    """Locked until the transaction ends, so that of two saves of one version the second is refused.

    Raises `missing`, StaleVersion, VersionRequired, Invalid.
    """
    row = await session.get(table, row_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise missing()
    precondition.check(row.version)
    return row


def link_to_next(request: Request, response: Response, cursor: str | None) -> None:
    """Tells the next page in a `Link` header (RFC 8288)."""
    if cursor is not None:
        following = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'


class Paginator:
    """Cuts lists into pages, and tells the next one in a `Link` header too (RFC 8288)."""

    def __init__(self, request: Request, response: Response, session: AsyncSession, settings: Settings) -> None:
        self.request = request
        self.response = response
        self.session = session
        self.secret = settings.secret_key.get_secret_value()

    async def page(self, statement: Select[R], query: PageQuery, sort: str, sorts: Sorts) -> Rows[R]:
        rows = await paginate(self.session, statement, query, sort=sort, sorts=sorts, secret=self.secret)
        link_to_next(self.request, self.response, rows.next_cursor)
        return rows


async def get_paginator(request: Request, response: Response, session: SessionDep, settings: SettingsDep) -> Paginator:
    return Paginator(request, response, session, settings)


async def get_read_paginator(
    request: Request, response: Response, session: ReadSessionDep, settings: SettingsDep
) -> Paginator:
    return Paginator(request, response, session, settings)


PaginatorDep = Annotated[Paginator, Depends(get_paginator)]
ReadPaginatorDep = Annotated[Paginator, Depends(get_read_paginator)]
"""Of what anybody may read."""
