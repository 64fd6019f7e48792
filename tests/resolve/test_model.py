"""Every address that readers ever knew, through any history, against a model of a few lines."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from byline.core.errors import BylineError, Gone
from byline.posts import publishing, service, trash
from byline.posts.models import Post
from byline.posts.schemas import PostCreate, PostPublish, PostUpdate
from byline.resolve.schemas import Found
from byline.resolve.service import NothingThere, resolve

SITE = "https://blog.example"
SLUGS = ["a", "b", "c"]
VERBS = ["create", "rename", "publish", "schedule", "time", "unpublish", "trash", "restore", "purge"]

Step = tuple[str, int, str]
steps = st.lists(
    st.tuples(st.sampled_from([*VERBS, "publish", "rename"]), st.integers(0, 3), st.sampled_from(SLUGS)),
    min_size=1,
    max_size=20,
)


@dataclass
class Modelled:
    id: UUID
    written: str  # the slug of the newest revision
    shown: str  # of the row
    state: str = "draft"
    where: str = "desk"  # or trash, or nowhere

    @property
    def is_live(self) -> bool:
        return self.where == "desk" and self.state == "live"


@dataclass
class Site:
    posts: list[Modelled] = field(default_factory=list)
    known: dict[str, Modelled] = field(default_factory=dict)
    """By slug: whom readers saw there last."""

    def apply(self, verb: str, post: Modelled, slug: str) -> None:
        match verb:
            case "rename":
                post.written = slug
                if post.state not in {"live", "scheduled"}:
                    post.shown = slug
            case "publish" | "schedule":
                post.shown, post.state = post.written, "live" if verb == "publish" else "scheduled"
            case "time" if post.state == "scheduled":
                post.state = "live"
            case "unpublish":
                post.shown, post.state = post.written, "unpublished"
            case "trash":
                post.where = "trash"
            case "restore":
                post.where = "desk"
                post.state = "unpublished" if post.state in {"live", "scheduled"} else post.state
            case "purge":
                post.where = "nowhere"
        for one in self.posts:
            if one.is_live:
                self.known[one.shown] = one

    def answer(self, slug: str) -> object:
        for post in self.posts:
            if post.is_live and post.shown == slug:
                return post.id
        owner = self.known.get(slug)
        if owner is None:
            return "nothing"
        if owner.where == "nowhere":
            return "gone"
        return f"{SITE}/posts/{owner.shown}" if owner.is_live else "nothing"


async def act(session: AsyncSession, verb: str, post_id: UUID, slug: str) -> Post:
    statement = select(Post).where(Post.id == post_id).execution_options(populate_existing=True)
    post = (await session.scalars(statement)).one()
    now = datetime.now(UTC)
    match verb:
        case "rename":
            await service.update(session, post, PostUpdate(slug=slug), caller=None)
        case "publish":
            await publishing.publish(session, post, PostPublish(at=now), caller=None)
        case "schedule":
            await publishing.publish(session, post, PostPublish(at=now + timedelta(days=1)), caller=None)
        case "time" if post.status == "scheduled":
            post.published_at = now
            await session.flush()
        case "unpublish":
            await publishing.unpublish(session, post, caller=None)
        case "trash":
            await service.trash(session, post, caller=None)
        case "restore":
            await trash.restore(session, post, caller=None)
        case "purge":
            await trash.purge(session, post)
    return post


async def take_step(session: AsyncSession, site: Site, step: Step) -> None:
    verb, number, slug = step
    if verb == "create":
        new = PostCreate(title="x", slug=slug)
        post = await service.create(session, new, caller=None, language="en")
        site.posts.append(Modelled(post.id, slug, slug))
        return
    where = "trash" if verb in {"restore", "purge"} else "desk"
    candidates = [post for post in site.posts if post.where == where]
    if not candidates:
        return
    chosen = candidates[number % len(candidates)]
    post = await act(session, verb, chosen.id, slug)
    if verb == "restore":
        chosen.written = chosen.shown = post.slug  # with a number, where another has it
    site.apply(verb, chosen, slug)


async def answer(session: AsyncSession, slug: str) -> object:
    try:
        found = await resolve(session, f"/posts/{slug}", datetime.now(UTC), site_url=SITE)
    except NothingThere:
        return "nothing"
    except Gone:
        return "gone"
    return found.id if isinstance(found, Found) else found.location


# The second post takes the address of the first one, which is in the trash: that has lost it for good.
TAKEN = [("create", 0, "a"), ("publish", 0, "a"), ("trash", 0, "a"), ("create", 0, "a"), ("publish", 0, "a")]


@settings(suppress_health_check=list(HealthCheck))
@example([*TAKEN, ("restore", 0, "a"), ("publish", 0, "a"), ("unpublish", 1, "a")])
@example([*TAKEN, ("unpublish", 0, "a"), ("purge", 0, "a")])
@given(steps)
async def test_an_address_leads_to_the_post_that_had_it_last(app: FastAPI, taken: list[Step]) -> None:
    async with app.state.database.engine.connect() as connection:
        outer = await connection.begin()
        async with AsyncSession(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        ) as session:
            site = Site()
            for step in taken:
                try:
                    async with session.begin_nested():
                        await take_step(session, site, step)
                except (BylineError, IntegrityError):
                    continue  # refused, as a slug that is taken
                slugs = {*SLUGS, *(post.shown for post in site.posts)}
                found = {slug: await answer(session, slug) for slug in slugs}
                assert found == {slug: site.answer(slug) for slug in slugs}
                # In one step: where an address leads, the post itself is.
                for location in found.values():
                    if isinstance(location, str) and location.startswith(SITE):
                        assert isinstance(await answer(session, location.rpartition("/")[2]), UUID)
        await outer.rollback()
