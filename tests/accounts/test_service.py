"""Making users."""

import pytest

from byline.accounts.caller import Role
from byline.accounts.passwords import UnfitPassword
from byline.accounts.service import EmailTaken, UnfitEmail, create_user
from byline.core.errors import BylineError
from tests import make
from tests.conftest import Sessions


@pytest.mark.parametrize(
    ("email", "password", "error"),
    [
        ("grace", "long enough", UnfitEmail),
        ("@example.com", "long enough", UnfitEmail),
        ("grace @example.com", "long enough", UnfitEmail),
        ("a@b@c", "long enough", UnfitEmail),
        ("grace@example.com\n", "long enough", UnfitEmail),
        ("", "long enough", UnfitEmail),
        ("x" * 250 + "@b.example", "long enough", UnfitEmail),
        ("grace@example.com", "7 chars", UnfitPassword),
        ("grace@example.com", "x" * 1001, UnfitPassword),
        ("ADA@example.com", "long enough", EmailTaken),
    ],
)
async def test_what_no_user_has(sessions: Sessions, email: str, password: str, error: type[BylineError]) -> None:
    async with sessions.begin() as session:
        await make.user(session, email="Ada@Example.com")
        with pytest.raises(error):
            await create_user(session, email=email, name="Grace", role=Role.OWNER, password=password)
