"""What other programs look for under /.well-known (RFC 8615)."""

from datetime import UTC, datetime, time, timedelta
from urllib.parse import urljoin

from fastapi import APIRouter, status
from fastapi.responses import PlainTextResponse, RedirectResponse

from byline.core.deps import SettingsDep

router = APIRouter(prefix="/.well-known", include_in_schema=False)


@router.get("/change-password")
async def change_password(settings: SettingsDep) -> RedirectResponse:
    """Where password managers send people (W3C, A Well-Known URL for Changing Passwords)."""
    return RedirectResponse(f"{settings.account_url}/password-change", status.HTTP_303_SEE_OTHER)


@router.get("/security.txt")
async def security_txt(settings: SettingsDep) -> PlainTextResponse:
    """Whom to tell about a vulnerability (RFC 9116). It may be believed for less than a year, as §2.5.5 advises."""
    expires = datetime.combine(datetime.now(UTC).date() + timedelta(days=364), time(), UTC)
    fields = {
        "Contact": settings.security_contact or settings.site_url,
        "Expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages": settings.site_language,
        "Canonical": urljoin(settings.site_url, "/.well-known/security.txt"),
    }
    return PlainTextResponse("".join(f"{name}: {value}\n" for name, value in fields.items()))
