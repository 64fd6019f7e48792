"""What is special about series; the rest is in `tests/test_managed_rooms.py`."""

import httpx

from tests import make
from tests.conftest import Sessions


async def test_the_articles_of_a_series_outlive_it(
    desk: httpx.AsyncClient, client: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        series = await make.series(session)
        await make.post(session, series="measuring-well", series_position=2)
    assert (await desk.delete(f"/v1/manage/series/{series.id}", headers={"If-Match": '"1"'})).status_code == 204
    assert (await client.get("/v1/posts/how-to-measure")).json()["series"] is None
    assert [post["series"] for post in (await client.get("/v1/posts?sort=series_position")).json()["data"]] == [None]
