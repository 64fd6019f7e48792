import httpx

from byline import demo
from byline.transfer.documents import Document
from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder
from tests import make
from tests.conftest import Sessions


async def test_the_publication_is_whole(sessions: Sessions, client: httpx.AsyncClient) -> None:
    owner = await demo.create(sessions, language="en")
    assert owner is not None
    posts = (await client.get("/v1/posts?limit=100")).json()["data"]
    assert len(posts) >= 9
    assert len((await client.get("/v1/authors")).json()["data"]) == 4  # three of the publication, and the owner
    assert len((await client.get("/v1/tags")).json()["data"]) >= 6
    assert {post["language"] for post in posts} == {"en", "de"}
    [series] = (await client.get("/v1/series")).json()["data"]
    parts = (await client.get(f"/v1/posts?series={series['slug']}&sort=series_position")).json()["data"]
    assert [part["series"]["position"] for part in parts] == [1, 2, 3]
    shown = "".join([(await client.get(f"/v1/posts/{post['slug']}")).json()["html"] for post in posts])
    for feature in (
        '<code class="language-python">',
        "<table>",
        '<img src="data:image/png;base64,',
        "footnote",
        "math",
    ):
        assert feature in shown
    assert (await client.get("/v1/pages/about")).status_code == 200

    assert await demo.create(sessions, language="en") is None


async def test_every_file_reads_without_a_remark() -> None:
    results = list(read_folder(demo.PUBLICATION))
    assert [result for result in results if not isinstance(result, Document) or result.notes] == []


async def test_nothing_is_made_where_there_is_something(sessions: Sessions, client: httpx.AsyncClient) -> None:
    async with sessions.begin() as session:
        await make.post(session)
    assert await demo.create(sessions, language="en") is None
    assert len((await client.get("/v1/posts")).json()["data"]) == 1


async def test_a_first_start_that_was_killed_is_made_good(sessions: Sessions, client: httpx.AsyncClient) -> None:
    some = list(read_folder(demo.PUBLICATION))[:3]
    async for _ in import_documents(sessions, demo.SOURCE, some, language="en", dry_run=False):
        pass
    assert await demo.create(sessions, language="en") is not None
    assert len((await client.get("/v1/posts?limit=100")).json()["data"]) >= 9
