import httpx


async def test_the_publication_describes_itself(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/site")).json() == {
        "title": "Byline",
        "description": "",
        "url": "https://blog.example",
        "language": "en",
        "time_zone": "UTC",
        "feeds": {
            "rss": "https://blog.example/feed.xml",
            "atom": "https://blog.example/atom.xml",
            "json_feed": "https://blog.example/feed.json",
        },
    }
