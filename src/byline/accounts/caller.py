"""Who is calling, and with which powers. The two tables here feed the checks, the OpenAPI document and the docs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """A power that a session or an API key can carry; a route asks for the one it needs."""

    POSTS_READ = "posts:read"
    POSTS_WRITE = "posts:write"
    POSTS_PUBLISH = "posts:publish"
    AUTHORS_READ = "authors:read"
    AUTHORS_WRITE = "authors:write"
    TAGS_READ = "tags:read"
    TAGS_WRITE = "tags:write"
    SERIES_READ = "series:read"
    SERIES_WRITE = "series:write"
    REDIRECTS_READ = "redirects:read"
    REDIRECTS_WRITE = "redirects:write"
    USERS_MANAGE = "users:manage"
    KEYS_MANAGE = "keys:manage"
    AUDIT_READ = "audit:read"
    JOBS_MANAGE = "jobs:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"
    SEARCH_READ = "search:read"


SCOPES = {
    Scope.POSTS_READ: "Read drafts, revisions and everything else about posts and pages",
    Scope.POSTS_WRITE: "Write posts and pages",
    Scope.POSTS_PUBLISH: "Publish and unpublish; approve, for who reaches any post",
    Scope.AUTHORS_READ: "Read the private side of authors",
    Scope.AUTHORS_WRITE: "Create, change and delete authors",
    Scope.TAGS_READ: "Read the private side of tags",
    Scope.TAGS_WRITE: "Create, change and delete tags",
    Scope.SERIES_READ: "Read the private side of series",
    Scope.SERIES_WRITE: "Create, change and delete series",
    Scope.REDIRECTS_READ: "Read where old addresses lead",
    Scope.REDIRECTS_WRITE: "Create, change, import and delete redirects",
    Scope.USERS_MANAGE: "Invite, change and remove users, and end their sessions",
    Scope.KEYS_MANAGE: "See and revoke the API keys of everybody",
    Scope.AUDIT_READ: "Read who did what",
    Scope.JOBS_MANAGE: "See what is done in the background, cancel it, and run it again where it failed",
    Scope.WEBHOOKS_MANAGE: "Have other servers told what happens, and see what they were told",
    Scope.SEARCH_READ: "Read what readers search for",
}


class Role(StrEnum):
    """The highest first: nobody gives, changes or removes a role above their own."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    AUTHOR = "author"
    CONTRIBUTOR = "contributor"
    READER = "reader"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Powers:
    """What a role may do: its scopes, and whether they reach the posts and bylines of others."""

    description: str
    scopes: frozenset[Scope]
    own_only: bool = False


_CONTRIBUTING = frozenset(
    {
        Scope.POSTS_READ,
        Scope.POSTS_WRITE,
        Scope.AUTHORS_READ,
        Scope.AUTHORS_WRITE,
        Scope.TAGS_READ,
        Scope.SERIES_READ,
    }
)

ROLES = {
    Role.OWNER: Powers("Everything. There is always one", frozenset(Scope)),
    Role.ADMIN: Powers("Everything, but for the owners", frozenset(Scope)),
    Role.EDITOR: Powers(
        "Any post, any byline, tags, series and redirects",
        _CONTRIBUTING
        | {Scope.POSTS_PUBLISH, Scope.TAGS_WRITE, Scope.SERIES_WRITE, Scope.REDIRECTS_READ, Scope.REDIRECTS_WRITE}
        | {Scope.SEARCH_READ},
    ),
    Role.AUTHOR: Powers("Their own posts and byline; publishes them", _CONTRIBUTING | {Scope.POSTS_PUBLISH}, True),
    Role.CONTRIBUTOR: Powers("Their own posts and byline; others publish them", _CONTRIBUTING, True),
    Role.READER: Powers("Their account, and nothing at the desk", frozenset(), True),
}


def carried(scopes: Iterable[str], role: Role) -> frozenset[Scope]:
    """Of the scopes that a credential was given, those that there are still and that the role still has."""
    return frozenset(Scope(scope) for scope in scopes if scope in ROLES[role].scopes)


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, by one of their sessions or API keys. `scopes` are those of the credential that the role still has."""

    user_id: UUID
    name: str
    role: Role
    scopes: frozenset[Scope]
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    authenticated_at: datetime | None = None  # when this session last proved who it is; a key never does

    @property
    def own_only(self) -> bool:
        """Whether the posts and bylines of others are out of reach."""
        return ROLES[self.role].own_only
