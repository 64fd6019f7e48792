"""Who is calling?"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes

from byline.accounts import queries, service
from byline.accounts.caller import SCOPES, Caller, Scope
from byline.core.deps import SessionDep
from byline.core.errors import Forbidden, Unauthenticated

oauth2 = OAuth2PasswordBearer(
    tokenUrl="/v1/auth/token",
    scheme_name="Session",
    description="Sign in with e-mail address and password.",
    scopes={scope.value: description for scope, description in SCOPES.items()},
    auto_error=False,
)


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    title = "This token is unknown or has run out"
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # noqa: RUF012


class ScopeMissing(Forbidden):
    code = "scope_missing"
    title = "This token does not carry the scope that is needed"


async def get_caller(
    required: SecurityScopes, token: Annotated[str | None, Depends(oauth2)], session: SessionDep
) -> Caller:
    """The caller, if they carry every required scope."""
    if token is None:
        raise Unauthenticated()
    found = await session.scalar(queries.live_session(service.hash_token(token), datetime.now(UTC)))
    if found is None:
        raise InvalidToken()
    caller = Caller(found.user_id, found.id, found.user.name, frozenset(Scope(scope) for scope in found.scopes))
    missing = [scope for scope in required.scopes if scope not in caller.scopes]
    if missing:
        raise ScopeMissing(f"needed: {' '.join(missing)}", missing_scopes=missing)
    return caller


AnyCaller = Annotated[Caller, Security(get_caller)]
PostReader = Annotated[Caller, Security(get_caller, scopes=[Scope.POSTS_READ])]
PostWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.POSTS_WRITE])]
PostPublisher = Annotated[Caller, Security(get_caller, scopes=[Scope.POSTS_PUBLISH])]
AuthorReader = Annotated[Caller, Security(get_caller, scopes=[Scope.AUTHORS_READ])]
AuthorWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.AUTHORS_WRITE])]
TagReader = Annotated[Caller, Security(get_caller, scopes=[Scope.TAGS_READ])]
TagWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.TAGS_WRITE])]
SeriesReader = Annotated[Caller, Security(get_caller, scopes=[Scope.SERIES_READ])]
SeriesWriter = Annotated[Caller, Security(get_caller, scopes=[Scope.SERIES_WRITE])]
