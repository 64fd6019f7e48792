from tests import make
async def test_one(client, desk, sessions, count_queries):
    async with sessions.begin() as s:
        await make.post(s)
    count_queries()
    r = await client.get("/v1/posts")
    assert r.json()["data"][0]["slug"]=="how-to-measure"
    print(count_queries())
    r = await desk.post("/v1/manage/posts", json={"title":"x"})
    assert r.status_code==201
