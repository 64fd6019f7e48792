"""Who is calling, and with which powers."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """A power that a session can carry; a route asks for the one it needs."""

    POSTS_READ = "posts:read"
    POSTS_WRITE = "posts:write"
    POSTS_PUBLISH = "posts:publish"
    AUTHORS_READ = "authors:read"
    AUTHORS_WRITE = "authors:write"
    TAGS_READ = "tags:read"
    TAGS_WRITE = "tags:write"
    SERIES_READ = "series:read"
    SERIES_WRITE = "series:write"


SCOPES = {
    Scope.POSTS_READ: "Read drafts, revisions and everything else about posts and pages",
    Scope.POSTS_WRITE: "Write posts and pages",
    Scope.POSTS_PUBLISH: "Publish and unpublish",
    Scope.AUTHORS_READ: "Read the private side of authors",
    Scope.AUTHORS_WRITE: "Create, change and delete authors",
    Scope.TAGS_READ: "Read the private side of tags",
    Scope.TAGS_WRITE: "Create, change and delete tags",
    Scope.SERIES_READ: "Read the private side of series",
    Scope.SERIES_WRITE: "Create, change and delete series",
}


@dataclass(frozen=True, slots=True)
class Caller:
    user_id: UUID
    session_id: UUID
    name: str
    scopes: frozenset[Scope]
