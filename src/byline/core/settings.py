"""The settings of one process, read once from `BYLINE_*` variables and `.env`. Nothing else reads the environment."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

DEVELOPMENT_SECRET = "development-only: not a secret"


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _own_address(data: dict[str, Any]) -> str:
    host = data.get("host", "127.0.0.1")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{data.get('port', 8000)}"


class Settings(BaseSettings):
    """Each field is the variable `BYLINE_<NAME>`; its description is the reference in the README."""

    model_config = SettingsConfigDict(
        env_prefix="BYLINE_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        Environment.DEVELOPMENT,
        description="`development` or `production`. Production refuses the default secret and makes no demo.",
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("BYLINE_DATABASE_URL", "DATABASE_URL"),
        description="A PostgreSQL (15 or newer) of your own, `postgresql://user:password@host/database`; "
        "plain `DATABASE_URL` works too. Unset: Byline starts one in the data folder.",
    )
    data_dir: Path = Field(Path("data"), description="Where the embedded database and media live.")
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on.")
    site_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")] = Field(
        default_factory=_own_address,
        description="The public address of the site; links in answers and feeds start with it. "
        "Unset: the address that Byline listens on.",
    )
    site_title: str = Field("Byline", description="The name of the publication, in `/v1/site` and the feeds.")
    site_description: str = Field("", description="One sentence about the publication.")
    site_language: str = Field("en", description="The language of posts that name none (BCP 47).")
    secret_key: SecretStr = Field(
        SecretStr(DEVELOPMENT_SECRET),
        description="Signs page cursors; at least 32 characters, the same on every node. Production needs its own.",
    )
    token_lifetime_hours: int = Field(24 * 14, ge=1, description="How long a sign-in lasts, in hours.")
    session_idle_hours: int = Field(24 * 3, ge=1, description="How long it lasts without being used, in hours.")
    cors_origins: list[str] = Field(
        [],
        description="Other origins whose pages may call the API, with cookies too: "
        '`["https://app.example.com"]`. `["*"]` is any, without cookies.',
    )
    database_pool_size: int = Field(10, ge=1, le=1000, description="Connections to the database a process may hold.")

    @field_validator("database_url")
    @classmethod
    def _use_asyncpg(cls, value: SecretStr | None) -> SecretStr | None:
        """Accepts what hosting services hand out: `postgres://`, `postgresql://`, `?sslmode=`."""
        if value is None or not value.get_secret_value():
            return None
        try:
            url = make_url(value.get_secret_value())
        except ArgumentError as error:
            raise ValueError("is not a database address such as postgresql://user:password@host/database") from error
        if url.drivername not in {"postgres", "postgresql", "postgresql+asyncpg"}:
            raise ValueError(f"must be a PostgreSQL address, not {url.drivername}://")
        query = dict(url.query)
        if "sslmode" in query:  # libpq's name for what asyncpg calls ssl
            query["ssl"] = query.pop("sslmode")
        query.pop("channel_binding", None)  # hosting services add it; asyncpg does not know it
        url = url.set(drivername="postgresql+asyncpg", query=query)
        return SecretStr(url.render_as_string(hide_password=False))

    @field_validator("site_url")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_default_secret(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if self.environment is Environment.PRODUCTION and (secret == DEVELOPMENT_SECRET or len(secret) < 32):
            raise ValueError("production needs BYLINE_SECRET_KEY: at least 32 characters of your own")
        return self
