from datetime import datetime
from typing import Literal
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.errors import Gone, NotFound
from byline.core.schemas import public_address
from byline.posts.models import Post
from byline.redirects.models import GONE, Redirect
from byline.redirects.paths import is_path, normal_path
from byline.redirects.service import MAX_HOPS
from byline.resolve import queries
from byline.resolve.queries import Readable
from byline.resolve.schemas import Found, Moved

_KEPT = "%:/?#[]@!$&'()*+,;=~"  # RFC 3986 §2.2, and `%`, since a normal path has it escaped
_TEMPORARY = {302, 307}
RedirectStatus = Literal[301, 302, 307, 308]


class NothingThere(NotFound):
    code = "nothing_there"
    title = "There is nothing at this path"


async def resolve(session: AsyncSession, path: str, now: datetime, *, site_url: str) -> Found | Moved:
    """What stands at a path that is normal. Raises NothingThere, Gone.

    What is published wins over any redirect. Redirects are followed to where they end, so that the reader takes one
    step; it is a temporary one if any of them is.
    """
    there = await _readable(session, path, now)
    if there is not None:
        url = public_address(there.path, site_url)
        kind = there.kind if isinstance(there, Post) else type(there).__name__.lower()
        return Found(type=kind, id=there.id, slug=there.slug, url=url, updated_at=there.updated_at)
    target, statuses, passed = path, list[int](), {path}
    for _ in range(MAX_HOPS):
        redirect = await session.scalar(queries.redirects_at(normal_path(target)))
        if redirect is None:
            break
        statuses.append(redirect.status)
        target, is_end = await _target(session, redirect, now)
        if is_end or not is_path(target) or await _readable(session, normal_path(target), now) is not None:
            break
        if normal_path(target) in passed:
            raise NothingThere("its redirects lead in a circle")
        passed.add(normal_path(target))
    if not statuses:
        raise NothingThere()
    location = quote(f"{site_url}{target}" if is_path(target) else target, safe=_KEPT)
    return Moved(status=_combined(statuses), location=location)


async def _target(session: AsyncSession, redirect: Redirect, now: datetime) -> tuple[str, bool]:
    """Where a redirect leads, and whether that is its end for certain: it is where it follows a post, or the like."""
    if redirect.status == GONE or redirect.target is None:
        raise Gone()
    if redirect.subject_id is None:
        return redirect.target, False
    kind = await session.scalar(queries.kind_of(redirect.subject_id))
    if kind is None:
        return redirect.target, True
    post = await session.scalar(queries.readable_post(kind, redirect.subject_id, now))
    if post is None:
        raise NothingThere()
    return post.path, True


async def _readable(session: AsyncSession, path: str, now: datetime) -> Readable | None:
    statement = queries.readable_at(path, now)
    if statement is None:
        return None
    found: Readable | None = await session.scalar(statement)
    return found


def _combined(statuses: list[int]) -> RedirectStatus:
    status = next((status for status in statuses if status in _TEMPORARY), statuses[0])
    return status  # type: ignore[return-value]
