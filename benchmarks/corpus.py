"""A corpus that is the same on every machine: articles in Markdown with tags and authors, from a seed.

`write` makes the files that `byline import markdown` reads. `multiply` copies what was imported, in SQL, to as many
posts as are wanted: a hundred thousand are there in a minute.
"""

import bisect
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

SEED = 20_261_123
TAGS, AUTHORS = 200, 50
COMMON_TAG = "topic-000"
BEGIN = datetime(2015, 1, 1, tzinfo=UTC)


class Words:
    """Words that occur as those of a language do: the n-th about 1/n as often as the first (Zipf)."""

    def __init__(self, chance: random.Random, count: int = 20_000) -> None:
        syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprstvz", "aeiou")]
        self.chance = chance
        self.words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(count)]
        self.weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(count)))

    def some(self, count: int) -> list[str]:
        total = self.weights[-1]
        return [self.words[bisect.bisect(self.weights, self.chance.random() * total)] for _ in range(count)]

    def sentence(self) -> str:
        words = self.some(self.chance.randint(8, 18))
        if self.chance.random() < 0.15:
            words[3] = f"*{words[3]}*"
        if self.chance.random() < 0.1:
            words[5] = f"[{words[5]}](https://example.com/{words[5]})"
        return " ".join(words).capitalize() + "."


def slug(number: int) -> str:
    return f"article-{number:06}"


def articles(count: int) -> Iterator[tuple[str, str]]:
    """The name of each file and what it holds: 600 to 900 words with headings, lists, code and links."""
    chance = random.Random(SEED)
    words = Words(chance)
    for number in range(count):
        published = BEGIN + timedelta(hours=number * 24)
        tags = sorted({f"topic-{int(TAGS * chance.random() ** 2):03}" for _ in range(chance.randint(1, 4))})
        author = f"Author {int(AUTHORS * chance.random() ** 2):02}"
        head = [f"title: Article {number} {' '.join(words.some(4))}", f"date: {published:%Y-%m-%dT%H:%M:%SZ}"]
        head += [f"tags: [{', '.join(tags)}]", f"author: {author}", f"slug: {slug(number)}"]
        body: list[str] = []
        length = chance.randint(600, 900)
        while sum(len(part.split()) for part in body) < length:
            kind = chance.random()
            if kind < 0.15:
                body.append(f"## {' '.join(words.some(3)).capitalize()}")
            elif kind < 0.25:
                body.append("\n".join(f"- {words.sentence()}" for _ in range(4)))
            elif kind < 0.32:
                body.append(f"```python\ndef {words.some(1)[0]}(value):\n    return value + {number}\n```")
            else:
                body.append(" ".join(words.sentence() for _ in range(chance.randint(3, 6))))
        yield f"{slug(number)}.md", "---\n" + "\n".join(head) + "\n---\n\n" + "\n\n".join(body) + "\n"


def texts(count: int) -> list[str]:
    """The Markdown of the first articles, without their front matter."""
    return [source.partition("---\n\n")[2] for _, source in articles(count)]


def write(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in articles(count):
        (folder / name).write_text(content)


_COPY = """
insert into {table} ({columns}) select {values} from {table} as original, generate_series(1, {times}) as copy
"""


async def multiply(url: str, count: int) -> None:
    """Fills up to `count` posts with copies of those that are there, under other slugs and at other times."""
    connection = await asyncpg.connect(url)
    there = await connection.fetchval("select count(*) from posts")
    times = count // there - 1
    if times > 0:
        for table, keys in (("posts", ("id",)), ("post_tags", ("post_id",)), ("post_authors", ("post_id",))):
            columns = [
                row["column_name"]
                for row in await connection.fetch(
                    "select column_name from information_schema.columns"
                    " where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'"
                    " order by ordinal_position",
                    table,
                )
            ]
            changed = {key: f"md5(original.{key}::text || copy)::uuid" for key in keys}
            if table == "posts":
                changed |= {
                    "slug": "original.slug || '-' || copy",
                    "published_at": "original.published_at - make_interval(mins => copy)",
                    "seen_slug": "original.seen_slug || '-' || copy",
                }
            values = ", ".join(changed.get(column, f"original.{column}") for column in columns)
            await connection.execute(_COPY.format(table=table, columns=", ".join(columns), values=values, times=times))
        await connection.execute("vacuum analyze")
    await connection.close()
