"""That the benchmarks compare what they say: no time is measured here."""

import hashlib
import json
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from benchmarks import alone, corpus
from benchmarks.importing import Imported
from benchmarks.machine import Load
from benchmarks.reading import OWN, Operation, operations, shape
from benchmarks.report import Measured, lines, plot
from benchmarks.writing import STEPS
from tests import make
from tests.conftest import Sessions


def test_the_corpus_is_the_same_everywhere() -> None:
    written = "".join(source for _, source in corpus.articles(20))
    assert hashlib.sha256(written.encode()).hexdigest().startswith("e54ae04d85a15e01")
    slugs = [name.removesuffix(".md") for name, _ in corpus.articles(20)]
    assert slugs == [corpus.slug(number) for number in range(20)]
    assert all(path.rpartition("/")[2] in slugs for path in operations(20)[0].paths)


async def test_asyncpg_alone_answers_what_byline_answers(
    app: FastAPI, client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        await make.tag(session, "Ovens")
        await make.author(session, "Ada")
        for number in range(3):
            await make.post(
                session, f"Bread {number}", datetime(2020, 1, 1 + number, tzinfo=UTC), tags=["ovens"], authors=["ada"]
            )
    one, few = (await client.get("/v1/posts/bread-1")).json(), (await client.get("/v1/posts?tag=ovens")).json()
    async with app.state.readers.connections.taken() as taken:
        connection = taken.driver
        for statement in alone.SCHEMA:
            await connection.execute(statement)
        await connection.execute("insert into alone.found select 7, array_agg(id) from posts")
        joined = json.loads(await alone.text(connection, "joined", "bread-1"))
        assert shape(joined) == shape(one) and joined["id"] == one["id"] and joined["html"] == one["html"]
        for answered in (
            *[await alone.rows(connection, tag) for tag in ("", "ovens")],
            *[await alone.text(connection, "page", tag) for tag in ("", "ovens")],
        ):
            listed = json.loads(answered)
            assert shape(listed) == shape(few)
            assert [post["slug"] for post in listed["data"]] == [post["slug"] for post in few["data"]]
        for what, name in (("feed", ""), ("found", "7")):
            assert len(json.loads(await alone.text(connection, what, name))["data"]) == 3
        made = json.loads(await alone.write(connection, "create", "", {"title": "Written", "markdown": "Text."}))
        saved = json.loads(await alone.write(connection, "save", made["id"], {"markdown": "More."}))
        published = json.loads(await alone.write(connection, "publish", saved["id"], {}))
        assert published == {"id": made["id"], "version": 3}


@pytest.mark.parametrize(("rate", "reached"), [(900.0, "yes"), (700.0, "**no**")])
def test_a_run_tells_whether_its_aims_were_reached(rate: float, reached: str) -> None:
    operation = Operation("post", "post by slug", ["/"], aim=0.85)
    rounds = {OWN: [Load(rate, 1, 2, 50)] * 3, "bare": [Load(rate_of, 1, 2, 40) for rate_of in (990.0, 1000, 1010)]}
    written = {step: {OWN: [Load(20, 50, 60, 9000)], "asyncpg": [Load(80, 12, 15, 900)]} for step in STEPS}
    imported = Imported(1, 5, 2, 1, 0.2, 0.2)
    sizes = {2000: 1.0}
    measured = Measured([operation], {"post": rounds}, written, imported, [1.0], sizes, sizes, 100)
    told = "\n".join(lines(measured))
    assert f"| post by slug: of bare | **{rate / 1000:.2f}** | 0.85 | {reached} |" in told
    assert "| import: articles a second of a core, beyond rendering | **333** | 300 | yes |" in told
    assert "post by slug / bare" in plot("Title", measured)
