from sqlalchemy import Select, select

from byline.oidc.models import Identity


def identity(issuer: str, subject: str) -> Select[Identity]:
    return select(Identity).where(Identity.issuer == issuer, Identity.subject == subject)
