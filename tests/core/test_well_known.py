from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from byline.core import well_known
from byline.core.settings import Settings


def browse(**settings: str) -> httpx.AsyncClient:
    app = FastAPI()
    app.state.settings = Settings(_env_file=None, **settings)  # type: ignore[arg-type]
    app.include_router(well_known.router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://blog.example")


@pytest.mark.parametrize(
    ("settings", "location"),
    [
        ({}, "https://blog.example/account/password-change"),
        ({"account_url": "https://app.example/me/"}, "https://app.example/me/password-change"),
    ],
)
async def test_password_managers_find_the_page(settings: dict[str, str], location: str) -> None:
    async with browse(site_url="https://blog.example", **settings) as client:
        response = await client.get("/.well-known/change-password")
        assert (response.status_code, response.headers["location"]) == (303, location)
        # By this one they tell whether a site answers 200 to anything.
        nothing = await client.get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200")
        assert nothing.status_code == 404


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        (None, "https://blog.example/at/home"),
        ("mailto:security@example.com", "mailto:security@example.com"),
        ("https://example.com/report", "https://example.com/report"),
    ],
)
async def test_whom_to_tell_about_a_vulnerability(contact: str | None, told: str) -> None:
    settings = {} if contact is None else {"security_contact": contact}
    async with browse(site_url="https://blog.example/at/home", site_language="de", **settings) as client:
        response = await client.get("/.well-known/security.txt")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in response.text.splitlines())
    expires = datetime.fromisoformat(fields.pop("Expires"))
    assert timedelta(days=360) < expires - datetime.now(UTC) < timedelta(days=365)
    assert (expires.hour, expires.minute, expires.second) == (0, 0, 0)
    assert fields == {
        "Contact": told,
        "Preferred-Languages": "de",
        "Canonical": "https://blog.example/.well-known/security.txt",
    }


@pytest.mark.parametrize(
    "contact", ["security@example.com", "http://example.com", "mailto:a@b.example\nContact: mailto:eve@b.example", ""]
)
def test_what_is_no_contact(contact: str) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, security_contact=contact)
