"""Writing: each save is a revision, and nothing that was saved is ever changed or lost."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Uuid, delete, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from byline.accounts.caller import Caller
from byline.authors.models import Author
from byline.authors.queries import author_of_user
from byline.core import events
from byline.core.errors import Conflict, Forbidden, Invalid, NotFound
from byline.core.events import Shown
from byline.core.markdown import RENDERER_VERSION, Rendered, render
from byline.core.slugs import free_slug, slug_from
from byline.posts import addresses, translations
from byline.posts.models import Post, PostAuthor, PostTag, Revision, Status
from byline.posts.queries import revision
from byline.posts.schemas import PostContent, PostCreate, PostUpdate
from byline.series.models import Series
from byline.tags.models import Tag

# Long: of these the log says which revisions hold them.
_IN_REVISIONS = {"markdown", "custom"}

_LISTED = "listed_slug"


class PostNotFound(NotFound):
    code = "post_not_found"
    title = "There is no such post"


class RevisionNotFound(NotFound):
    code = "revision_not_found"
    title = "There is no such revision"


class SlugTaken(Conflict):
    code = "slug_taken"
    title = "Another post has this slug"
    constraints = ("uq_posts_kind_slug",)


class PublishedByOthers(Forbidden):
    code = "published_by_others"
    title = "Readers see this post: ask somebody who may publish to take it from them"


class UnknownReference(Invalid):
    code = "unknown_reference"
    title = "A tag, an author, the series or the original is not there"


async def create(session: AsyncSession, new: PostCreate, *, caller: Caller | None, language: str) -> Post:
    """A draft; `language` is for posts that name none. Raises SlugTaken, UnknownReference."""
    fields = new.model_dump(exclude={"kind", "message"} | ({"authors"} if new.authors is None else set()))
    if new.slug is None:
        wanted = slug_from(new.title, fallback=new.kind)
        fields["slug"] = await free_slug(session, Post.slug, wanted, *rivals(new.kind))
    fields["language"] = new.language or language
    resolved = await _resolve(session, fields, new.kind)
    if new.authors is None:
        own = await session.scalar(author_of_user(caller.user_id)) if caller is not None else None
        resolved["authors"] = [] if own is None else [own.id]
    content = PostContent.model_validate(resolved)
    post = Post(kind=new.kind, status=Status.DRAFT, version=1, edited_at=datetime.now(UTC))
    await show(session, post, content)
    await record(session, "post.created", post, {}, content, caller=caller, message=new.message)
    return post


async def update(session: AsyncSession, post: Post, changes: PostUpdate, *, caller: Caller | None) -> Post:
    """A new revision; of a live post, readers see it once it is published. Raises SlugTaken, UnknownReference."""
    newest = await newest_content(session, post)
    content = await changed_content(session, post, newest, changes)
    return await save(session, post, newest, content, caller=caller, message=changes.message)


async def changed_content(session: AsyncSession, post: Post, content: PostContent, changes: PostUpdate) -> PostContent:
    """Raises UnknownReference, HasTranslations."""
    changed = await _resolve(session, changes.model_dump(exclude={"message"}), post.kind)
    original = changed.get("translation_of")
    if original not in {None, content.translation_of} and await translations.has_translations(session, post.id):
        raise translations.HasTranslations()
    if original == post.id:
        raise UnknownReference("a post is no translation of itself", pointer="/translation_of")
    return PostContent.model_validate({**content.model_dump(), **changed})


async def save(
    session: AsyncSession,
    post: Post,
    newest: PostContent,
    content: PostContent,
    *,
    caller: Caller | None,
    message: str | None,
) -> Post:
    """A new revision that holds `content`, after `newest`. Raises SlugTaken."""
    if content.slug != post.slug:
        others = select(Post.id).where(Post.slug == content.slug, Post.id != post.id, *rivals(post.kind))
        if await session.scalar(others) is not None:
            raise SlugTaken()
    before = standing(post, newest)
    post.advance()
    if not post.is_live:
        await show(session, post, content, after=newest)
    await record(session, "post.updated", post, before, content, caller=caller, message=message)
    return post


async def trash(session: AsyncSession, post: Post, *, caller: Caller | None) -> None:
    """Out of sight, its slug free for another; its revisions stay."""
    content = await newest_content(session, post)
    before = standing(post, content)
    await addresses.note(session, post)
    post.advance()
    post.deleted_at = datetime.now(UTC)
    await session.execute(delete(PostAuthor).where(PostAuthor.post_id == post.id))  # else they could not be deleted
    await record(session, "post.trashed", post, before, content, caller=caller, message="Moved to the trash")


def standing(post: Post, content: PostContent) -> dict[str, Any]:
    """All of a post that the log tells of: where it stands, and what its newest revision holds.

    To be taken before anything is changed, for then it says what readers see too.
    """
    state = (
        *("kind", "version", "status", "published_at", "expires_at"),
        *("live_version", "review_state", "deleted_at"),
    )
    return {name: getattr(post, name) for name in state} | content.model_dump() | {_LISTED: post.listed_slug}


async def record(
    session: AsyncSession,
    type: str,
    post: Post,
    before: Mapping[str, Any],
    content: PostContent,
    *,
    caller: Caller | None,
    message: str | None,
) -> None:
    """Adds the revision whose number is the version of the post, and the event: what stands otherwise than before."""
    session.add(note(session, type, post, before, content, caller=caller, message=message))
    await session.flush()


def note(
    session: AsyncSession,
    type: str,
    post: Post,
    before: Mapping[str, Any],
    content: PostContent,
    *,
    caller: Caller | None,
    message: str | None,
) -> Revision:
    """Adds the event alone: the revision is to be added once its post is there."""
    after = standing(post, content)
    changes = dict(events.changed(before, after))
    changes.pop(_LISTED, None)
    for name in _IN_REVISIONS & changes.keys():
        changes[name] = {
            key: None if number is None else {"revision": number} for key, number in changes["version"].items()
        }
    events.record(session, type, post, changes, shown=_shown(post, before.get(_LISTED), after[_LISTED], changes))
    return Revision(
        post_id=post.id,
        number=post.version,
        content=content.model_dump(mode="json"),
        status=post.current_status,
        message=message,
        published=post.live_version == post.version,
        created_by=caller.user_id if caller is not None else None,
    )


def _shown(post: Post, before: str | None, after: str | None, changes: events.Changes) -> Shown | None:
    """What readers are told of: a slug that comes or goes, and a live version that is another."""
    if before == after and (after is None or "live_version" not in changes):
        return None
    return Shown(post.kind, before, after)


async def show(session: AsyncSession, post: Post, content: PostContent, *, after: PostContent | None = None) -> None:
    """Puts a revision's content on the row, with all that is derived from it; `after` is what the row shows before,
    where that is known.
    """
    fill(post, content, await asyncio.to_thread(render, content.markdown))
    post.series_id = content.series and await session.scalar(select(Series.id).where(Series.id == content.series))
    session.add(post)
    await session.flush()
    if after is None or after.authors != content.authors:
        await _relate(session, post, PostAuthor.author_id, Author.id, content.authors)
    if after is None or after.tags != content.tags:
        await _relate(session, post, PostTag.tag_id, Tag.id, content.tags)


def fill(post: Post, content: PostContent, rendered: Rendered) -> None:
    """All of `show` that is on the row but for the series, which may have been deleted since."""
    for name, value in content.model_dump(exclude={"tags", "authors", "series", "excerpt"}).items():
        setattr(post, name, value)
    post.excerpt = content.excerpt or rendered.excerpt
    post.html = rendered.html
    post.text = rendered.text
    post.toc = [{"level": heading.level, "id": heading.id, "text": heading.text} for heading in rendered.toc]
    post.word_count = rendered.word_count
    post.reading_minutes = rendered.reading_minutes
    post.renderer_version = RENDERER_VERSION
    post.updated_at = datetime.now(UTC)


async def newest_content(session: AsyncSession, post: Post) -> PostContent:
    newest = (await session.scalars(revision(post.id, post.version))).one()
    return PostContent.model_validate(newest.content)


async def _relate(
    session: AsyncSession,
    post: Post,
    column: InstrumentedAttribute[UUID],
    key: InstrumentedAttribute[UUID],
    ids: Sequence[UUID],
) -> None:
    """The row's authors or tags: the `column` that refers to them, and their `key`. A revision may name some that were
    deleted since: those are left out.
    """
    model = column.class_
    if post.version > 1:
        await session.execute(delete(model).where(model.post_id == post.id))
    if ids:
        place = func.array_position(literal(ids, ARRAY(Uuid)), key, type_=BigInteger)
        there = select(literal(post.id), key, place).where(key.in_(ids))
        await session.execute(insert(model).from_select(["post_id", column.key, "position"], there))


async def _resolve(session: AsyncSession, fields: dict[str, Any], kind: str) -> dict[str, Any]:
    """The fields with the ids of all that they name. Raises UnknownReference."""
    resolved = dict(fields)
    if "tags" in fields:
        resolved["tags"] = await _ids(session, Tag, fields["tags"], "/tags")
    if "authors" in fields:
        resolved["authors"] = await _ids(session, Author, fields["authors"], "/authors")
    if fields.get("series") is not None:
        resolved["series"] = (await _ids(session, Series, [fields["series"]], "/series"))[0]
    if fields.get("translation_of") is not None:
        resolved["translation_of"] = await translations.original_of(session, fields["translation_of"], kind)
        if resolved["translation_of"] is None:
            raise UnknownReference(f"there is no such {kind}", pointer="/translation_of")
    return resolved


async def _ids(
    session: AsyncSession, model: type[Tag] | type[Author] | type[Series], named: Sequence[str], pointer: str
) -> list[UUID]:
    """The ids of what is named by slug or id, in order and each once. Raises UnknownReference."""
    if not named:
        return []
    ids = [row_id for row_id in map(_uuid, named) if row_id is not None]
    rows = await session.execute(select(model.id, model.slug).where(or_(model.slug.in_(named), model.id.in_(ids))))
    known: dict[str, UUID] = {}
    for row_id, slug in rows:
        known |= {str(row_id): row_id, slug: row_id}
    names = [name if name in known else str(_uuid(name) or name) for name in named]
    for position, name in enumerate(names):
        if name not in known:
            where = pointer if pointer == "/series" else f"{pointer}/{position}"
            raise UnknownReference(f"there is no {name!r}", pointer=where)
    return list(dict.fromkeys(known[name] for name in names))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def rivals(kind: str) -> tuple[Any, ...]:
    """Those that a slug has to be free among."""
    return Post.kind == kind, Post.deleted_at.is_(None)
