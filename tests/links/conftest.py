from collections.abc import AsyncIterator
from email.headerregistry import Address

import pytest
from fastapi import FastAPI

from byline.core.mail import SmtpMailer
from tests.postbox import Postbox, mail_server


@pytest.fixture
async def postbox(app: FastAPI) -> AsyncIterator[Postbox]:
    """Where the mails of the test arrive: the application sends them before a request of a test is over."""
    async with mail_server() as postbox:
        sender = Address("Byline", "no-reply", "blog.example")
        real = app.state.mailer
        app.state.mailer = SmtpMailer(postbox.url, sender, try_again_after=())
        yield postbox
        app.state.mailer = real
