from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Delete, Select, Update, delete, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert

from byline.core.pagination import Sorts
from byline.redirects.models import GONE, Redirect, Source
from byline.redirects.schemas import RedirectQuery

SORTS: Sorts = {"path": Redirect.path, "created_at": Redirect.created_at, "updated_at": Redirect.updated_at}

_NEXT = {"version": Redirect.version + 1, "updated_at": func.now()}


def redirects(query: RedirectQuery) -> Select[Redirect]:
    statement = select(Redirect)
    if query.q is not None:
        statement = statement.where(Redirect.path.startswith(query.q, autoescape=True))
    if query.source is not None:
        statement = statement.where(Redirect.source == query.source)
    if query.status is not None:
        statement = statement.where(Redirect.status == query.status)
    return statement


def at(path: str) -> Select[Redirect]:
    return select(Redirect).where(Redirect.path == path)


def at_any(paths: Iterable[str]) -> Select[Redirect]:
    return select(Redirect).where(Redirect.path.in_(paths))


def remove_at(paths: Iterable[str]) -> Delete:
    return delete(Redirect).where(Redirect.path.in_(paths))


def remove_way_back(subject_id: UUID, old: str, new: str) -> Delete:
    """What leads from `new` to where the subject was, which is at `new` now."""
    leads_back = (Redirect.subject_id == subject_id) | (Redirect.target == old)
    return delete(Redirect).where(Redirect.path == new, leads_back)


def point(subject_id: UUID, target: str) -> Update:
    return (
        update(Redirect)
        .where(Redirect.subject_id == subject_id, Redirect.target != target)
        .values(target=target, **_NEXT)
    )


def end(subject_id: UUID) -> Update:
    return (
        update(Redirect)
        .where(Redirect.subject_id == subject_id)
        .values(target=None, status=GONE, subject_id=None, **_NEXT)
    )


def leave(path: str, target: str | None, subject_id: UUID | None) -> Insert:
    """Adds what stands for a path that is left, unless something does already."""
    status = GONE if target is None else 301
    return unless_there().values(path=path, target=target, status=status, source=Source.SLUG, subject_id=subject_id)


def unless_there() -> Insert:
    return insert(Redirect).on_conflict_do_nothing(index_elements=[Redirect.path])
