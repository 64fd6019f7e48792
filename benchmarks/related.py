"""`python -m benchmarks.related FOLDER…`: how well related posts are chosen, by the links that writers set themselves.

Each folder is a blog in Markdown. Links between its posts are taken out, with their text, before the index is made.
Then each post that had some is asked about: is a post that it linked to among the five? Compared are the newest posts
of the same tag, with the newest of all where these are too few, and any five.
"""

import argparse
import asyncio
import dataclasses
import random
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from slugify import slugify
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import undefer

from byline.core.embedded import EmbeddedPostgres
from byline.core.migrations import migrate
from byline.core.notices import Heard
from byline.posts import queries
from byline.posts.models import Kind, Post, PostTag
from byline.posts.schemas import PostOut
from byline.search.directory import IndexDirectory
from byline.search.feeder import Feeder
from byline.search.related import related
from byline.transfer.documents import Document
from byline.transfer.importing import Read, import_documents
from byline.transfer.markdown.reader import read_folder

FIVE = 5
NAMES = ("related", "same tag", "random")
SEED = 20_261_123
HOSTS = re.compile(r"(?:blog\.rust-lang\.org|jekyllrb\.com|letsencrypt\.org|reactnative\.dev|facebook\.github\.io)?")
_LIQUID = re.compile(r"\{% *(?:link|post_url) +(?:_posts/)?(\S+?)(?:\.\w+)? *%\}")
_ANCHOR = re.compile(r'<a\b[^>]*?href="([^"]*)"[^>]*>.*?</a>', re.DOTALL)
_NAME = re.compile(r"(?:\d{4}-\d\d-\d\d-)?(.+?)(?:\.\w+)?")

Sessions = async_sessionmaker[AsyncSession]


@dataclass(frozen=True)
class Chosen:
    """Of the posts that linked to others, how many have one of these among the five; of all links, how many lead to one
    of the five.
    """

    posts: float
    links: float


@dataclass(frozen=True)
class Measured:
    linking: int
    links: int
    by: Mapping[str, Chosen]


async def measure(sessions: Sessions, directory: IndexDirectory, folder: Path) -> Measured:
    """Of an empty database."""
    read = map(_with_plain_links, read_folder(folder))
    async for _ in import_documents(sessions, "links", read, language="en", dry_run=False):
        pass
    links = await _hold_out(sessions)
    await index(sessions, directory)
    found: dict[str, dict[UUID, list[UUID]]] = {name: {} for name in NAMES}
    async with sessions.begin() as session:
        for post_id in links:
            for name, ids in (await _choices(session, directory, post_id)).items():
                found[name][post_id] = ids
    return Measured(
        len(links), sum(map(len, links.values())), {name: _score(links, ids) for name, ids in found.items()}
    )


async def index(sessions: Sessions, directory: IndexDirectory) -> None:
    """Made anew."""
    with directory.lock():
        await Feeder(sessions, Heard(), directory).rebuild()


def _with_plain_links(read: Read) -> Read:
    if not isinstance(read, Document):
        return read
    return dataclasses.replace(read, markdown=_LIQUID.sub(r"/\1", read.markdown))


async def _hold_out(sessions: Sessions) -> dict[UUID, set[UUID]]:
    """To which posts of its language each post links; the text of these links is gone from the posts' texts."""
    async with sessions.begin() as session:
        rows = (await session.scalars(queries.listed(Kind.POST, datetime.now(UTC)))).all()
        groups = {slugify(row.slug): row.translation_of or row.id for row in rows}
        ids = {(row.translation_of or row.id, row.language): row.id for row in rows}
        links: dict[UUID, set[UUID]] = {}
        for row in rows:
            found = {href: group for href in _ANCHOR.findall(row.html) if (group := _target(href, groups))}
            kept = _ANCHOR.sub(partial(_without, found), row.html)
            await session.execute(update(Post).where(Post.id == row.id).values(text=_text(kept)))
            targets = {ids[group, row.language] for group in found.values() if (group, row.language) in ids}
            if targets - {row.id}:
                links[row.id] = targets - {row.id}
    return links


def _without(found: Mapping[str, UUID], anchor: re.Match[str]) -> str:
    return " " if anchor[1] in found else anchor[0]


def _target(href: str, groups: Mapping[str, UUID]) -> UUID | None:
    """The article that the address leads to, by the last part of its path."""
    split = urlsplit(unescape(href))
    if not HOSTS.fullmatch(split.netloc):
        return None
    name = _NAME.fullmatch(unquote(split.path).rstrip("/").removesuffix("/index.html").rpartition("/")[2])
    return None if name is None else groups.get(slugify(name[1]))


def _text(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html))


async def _choices(session: AsyncSession, directory: IndexDirectory, post_id: UUID) -> dict[str, list[UUID]]:
    now = datetime.now(UTC)
    shown = (*queries.shown(PostOut), undefer(Post.translation_of))
    post = (await session.scalars(select(Post).where(Post.id == post_id).options(*shown))).one()
    tagged = select(PostTag.post_id).where(PostTag.tag_id.in_([tag.id for tag in post.tags]))
    others = queries.listed(Kind.POST, now).where(Post.id != post.id, Post.language == post.language)
    same_tag = others.order_by(Post.id.in_(tagged).desc(), Post.published_at.desc()).limit(FIVE)  # then any
    ids = (await session.scalars(others.with_only_columns(Post.id).order_by(Post.id))).all()
    return {
        "related": [row.id for row in await related(session, directory.open(), post, FIVE)],
        "same tag": list(await session.scalars(same_tag.with_only_columns(Post.id))),
        "random": random.Random(f"{SEED} {post.slug}").sample(ids, min(FIVE, len(ids))),
    }


def _score(links: Mapping[UUID, set[UUID]], found: Mapping[UUID, Sequence[UUID]]) -> Chosen:
    hits = [len(targets & set(found[post_id])) for post_id, targets in links.items()]
    return Chosen(sum(map(bool, hits)) / max(1, len(links)), sum(hits) / max(1, sum(map(len, links.values()))))


async def _measure_alone(postgres: EmbeddedPostgres, folder: Path, data: Path) -> Measured:
    admin = create_async_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    name = f"related_{uuid4().hex}"
    async with admin.connect() as connection:
        await connection.execute(text(f"create database {name}"))
    await admin.dispose()
    engine = create_async_engine(postgres.url(name))
    try:
        await migrate(engine)
        return await measure(async_sessionmaker(engine, expire_on_commit=False), IndexDirectory(data / name), folder)
    finally:
        await engine.dispose()


def main(folders: Iterable[Path]) -> None:
    print("| blog | posts with links | links | " + " | ".join(f"{name}: posts, links" for name in NAMES) + " |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as data, EmbeddedPostgres(Path(data) / "postgres") as postgres:
        for folder in folders:
            found = asyncio.run(_measure_alone(postgres, folder, Path(data)))
            rates = " | ".join(f"{found.by[name].posts:.0%}, {found.by[name].links:.0%}" for name in NAMES)
            print(f"| {folder.name} | {found.linking} | {found.links} | {rates} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    main(parser.parse_args().folders)
