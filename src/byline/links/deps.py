from typing import Annotated

from fastapi import Depends, Request

from byline.core.mail import Mailer


def get_mailer(request: Request) -> Mailer:
    mailer: Mailer = request.app.state.mailer
    return mailer


MailerDep = Annotated[Mailer, Depends(get_mailer)]
