"""A client that keeps a copy of what is published, as a static site's builder would."""

from typing import Any

import httpx


class Replica:
    """Knows what it has by address alone, and reads what it is told to: a naive client."""

    def __init__(self, client: httpx.AsyncClient, *, limit: int = 100) -> None:
        self.client = client
        self.limit = limit
        self.since: str | None = None
        self.paths: dict[str, str] = {}  # the title of what is there
        self.cursors: list[str] = []

    async def pull(self) -> list[dict[str, Any]]:
        """Applies one page; gives the changes."""
        parameters = {"limit": self.limit} | ({"since": self.since} if self.since else {})
        response = await self.client.get("/v1/changes", params=parameters)
        assert response.status_code == 200, response.text
        page = response.json()
        for change in page["data"]:
            self.cursors.append(change["cursor"])
            await self.apply(change)
        self.since = page["next"]
        self.has_more: bool = page["has_more"]
        data: list[dict[str, Any]] = page["data"]
        return data

    async def pull_all(self) -> list[dict[str, Any]]:
        changes = await self.pull()
        while self.has_more:
            changes += await self.pull()
        return changes

    async def apply(self, change: dict[str, Any]) -> None:
        self.paths.pop(change["path"], None)
        if change["type"] == "delete" or change["kind"] not in {"post", "page"}:
            return
        found = await self.client.get(f"/v1/{change['kind']}s/{change['slug']}")
        assert found.status_code in {200, 404}, found.text
        if found.status_code == 200:
            self.paths[change["path"]] = found.json()["title"]
