"""Reading feeds as readers do: page after page, by the links in them."""

import json

import feedparser
import httpx

from tests.feeds import conformance


async def read_all(client: httpx.AsyncClient, address: str) -> list[str]:
    """The ids of all entries, from the page at this address to the last; each page keeps the rules."""
    documents: list[bytes] = []
    ids: list[str] = []
    following: str | None = address
    name = httpx.URL(address).path.rpartition("/")[2]
    while following is not None:
        response = await client.get(following)
        assert response.status_code == 200, following
        assert conformance.FORMATS[name](response.content) == [], following
        documents.append(response.content)
        if name == "feed.json":
            page = json.loads(response.content)
            ids += [item["id"] for item in page["items"]]
            following = page.get("next_url")
        else:
            parsed = feedparser.parse(response.content)
            assert not parsed.bozo, following
            ids += [entry.id for entry in parsed.entries]
            following = conformance.links(response.content).get("next")
    if name != "feed.json":
        assert conformance.pages(documents) == []
    assert len(ids) == len(set(ids))
    return ids


async def check_feeds(client: httpx.AsyncClient, *, thorough: bool) -> None:
    """Of a blog: all posts, page by page, and the newest of what they can be found by; in each form, if `thorough`."""
    posts = [f"urn:uuid:{post['id']}" for post in await _all(client, "/v1/posts?fields=id&limit=100")]
    forms = list(conformance.FORMATS)
    for form in forms:
        assert await read_all(client, f"/{form}") == posts
    for place, kind in enumerate(("tags", "authors", "series")):
        found = await _all(client, f"/v1/{kind}?limit=100")
        for one in found if thorough else found[:1]:
            for form in forms if thorough else [forms[place]]:
                ids = await read_all(client, f"/{kind}/{one['slug']}/{form}")
                assert ids == [post for post in posts if post in ids]


async def _all(client: httpx.AsyncClient, address: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    following: str | None = address
    while following is not None:
        response = (await client.get(following)).raise_for_status()
        found += response.json()["data"]
        following = response.links.get("next", {}).get("url")
    return found
