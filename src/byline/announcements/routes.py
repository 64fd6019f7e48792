from fastapi import FastAPI
from fastapi.responses import PlainTextResponse


def mount_key(app: FastAPI, key: str | None) -> None:
    """The file by which IndexNow knows that who tells of the site is the site."""
    if key is None:
        return

    async def get_key() -> PlainTextResponse:
        return PlainTextResponse(key)

    app.add_api_route(f"/{key}.txt", get_key, include_in_schema=False)
