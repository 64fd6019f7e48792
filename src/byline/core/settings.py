"""The settings of one process, read once from `BYLINE_*` variables and `.env`. Nothing else reads the environment."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from byline.core.mailbox import mailbox
from byline.core.zones import zone_of

DEVELOPMENT_SECRET = "development-only: not a secret"


HostPattern = Annotated[
    str,
    StringConstraints(pattern=r"^(\*|(\*\.)?[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])$", to_lower=True),
]
RobotsPolicy = Literal["allow", "deny"]
RateLimitText = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,8}/(second|minute|hour|day))?$")]

# RFC 6454 §6.2: in lower case, without a path, and without the port that the scheme implies.
_ORIGIN = re.compile(
    r"(?!http://.*:80$)(?!https://.*:443$)[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
)

_REDIS = re.compile(
    r"(redis|valkey)s?://([^\s/?#@]*@)?([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[0-9]*)?(\?[^\s#]*)?"
)

WebAddressOfServer = Annotated[
    str,
    StringConstraints(
        pattern=r"^(https://[A-Za-z0-9.:\[\]_-]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)([/?][!$-;=?-~]*)?$"
    ),
]
"""As `core.outgoing` lets pass: https, and plain http to this very machine, where people develop."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


RoleName = Literal["owner", "admin", "editor", "author", "contributor", "reader"]
"""As `accounts.caller.Role` has them: a role that there is not stops the start of every command."""


class OidcProvider(BaseModel):
    """An OpenID Connect provider whose accounts may sign in here."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(max_length=50, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")] = Field(
        description="Its name in addresses: `/v1/auth/oidc/{name}`."
    )
    label: str = Field(min_length=1, description="Its name for people.")
    issuer: Annotated[
        str,
        StringConstraints(
            pattern=r"^(https://[^\s/?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)(/[^\s?#]*)?$"
        ),
    ] = Field(description="To the letter as the provider writes it, closing slash and all.")
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    role_claim: str | None = Field(None, description="Where a person's groups are: `groups`, `realm_access.roles`.")
    role_map: dict[str, RoleName] = Field({}, description="The role that each group gives; the highest counts.")
    default_role: RoleName | None = Field(
        None, description="The role of new people. Unset: only who is known already may sign in."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes must have openid among them")
        if self.role_map and self.role_claim is None:
            raise ValueError("role_map needs a role_claim to look at")
        return self


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
    data_dir: Path = Field(Path("data"), description="Where the embedded database, the search index and media live.")
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
    site_time_zone: str = Field(
        "UTC", description="The zone of times that are written without an offset, as IANA names it: `Europe/Berlin`."
    )
    approval_required: bool = Field(
        False, description="Whether only what was approved may be published or scheduled. Imports need no approval."
    )
    feed_content: Literal["full", "summary"] = Field(
        "full", description="Whether feeds have whole articles, or an excerpt of each."
    )
    websub_hub: WebAddressOfServer | None = Field(
        None,
        description="The WebSub hub that feeds name, and that is told when they change: "
        "`https://pubsubhubbub.appspot.com/`. It delivers to who subscribed there, signed by their secrets.",
    )
    indexnow_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,128}$")] | None = Field(
        None,
        description="A key of your own for IndexNow, 8 to 128 letters, digits and `-`: search engines are told what "
        "changed, and find it at `/{key}.txt`.",
    )
    indexnow_endpoint: WebAddressOfServer = Field(
        "https://api.indexnow.org/indexnow", description="Where IndexNow is told; it passes it on to all who take part."
    )
    secret_key: SecretStr = Field(
        SecretStr(DEVELOPMENT_SECRET),
        description="Signs cursors and links in mails, and encrypts second factors and webhook secrets; at least 32 "
        "characters, the same on every node. Production needs its own.",
    )
    token_lifetime_hours: int = Field(24 * 14, ge=1, description="How long a sign-in lasts, in hours.")
    session_idle_hours: int = Field(24 * 3, ge=1, description="How long it lasts without being used, in hours.")
    cors_origins: list[str] = Field(
        [],
        description="Other origins whose pages may call the API, with cookies too: "
        '`["https://app.example.com"]`. `["*"]` is any, without cookies.',
    )
    allowed_hosts: list[HostPattern] = Field(
        ["*"],
        min_length=1,
        description='The hosts to answer for: `["blog.example.com", "*.example.org"]`; others get a 400.',
    )
    trusted_proxies: list[IPvAnyNetwork] = Field(
        [],
        description="Addresses and networks of the proxies in front, whose `X-Forwarded-For` and `X-Forwarded-Proto` "
        'are believed: `["10.0.0.0/8"]`. Never one that clients can come from.',
    )
    rate_limit_anonymous: RateLimitText = Field(
        "", description="Requests of an address (of IPv6: a /64) that has not signed in. Empty: as many as it likes."
    )
    rate_limit_user: RateLimitText = Field("6000/minute", description="Requests of a user, all sessions together.")
    rate_limit_api_key: RateLimitText = Field("6000/minute", description="Requests of an API key.")
    rate_limit_url: SecretStr | None = Field(
        None,
        description="Where all processes count together: `redis://host:6379/0`, also `rediss:`, `valkey:`, `valkeys:`. "
        "Unset: each counts for itself.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    oidc_providers: list[OidcProvider] = Field(
        [], description="OpenID Connect providers whose accounts may sign in, as a JSON list."
    )
    account_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")] = Field(
        default_factory=lambda data: f"{data.get('site_url', '')}/account",
        description="Where links in mails lead, with `/invitation`, `/password-reset` and `/email-change` after it. "
        "Unset: the pages that Byline serves, under the address of the site.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="The server that sends mail: `smtp://user:password@host:587`, `smtps://host:465`. "
        "Unset: mails are logged, for the operator to hand on.",
    )
    mail_from: str | None = Field(
        None, description="The address that mails come from. Unset: `no-reply@` and the host of the site."
    )
    security_contact: Annotated[str, StringConstraints(pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://\S+)$")] | None = (
        Field(
            None,
            description="Where to report a vulnerability, in `/.well-known/security.txt`: `mailto:…` or `https://…`. "
            "Unset: the address of the site.",
        )
    )
    trash_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="Days that the trash keeps posts, before they are deleted for good. 0: for ever.",
    )
    revisions_keep_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description="Days for which every revision is kept; of those that are older one a day stays, and after a year "
        "one a week, besides the first, the newest, and all that were published or have a name. Unset: all stay.",
    )
    webhook_allowed_networks: list[IPvAnyNetwork] = Field(
        [],
        description="Networks inside whose hosts webhooks may be delivered to all the same: "
        '`["10.1.2.0/24"]`. Any other address that is not public is refused.',
    )
    robots_search: RobotsPolicy = Field("allow", description="Search engines in `/robots.txt`: `allow` or `deny`.")
    robots_assistants: RobotsPolicy = Field(
        "allow", description="AI assistants, which read for a person who asks: `allow` or `deny`."
    )
    robots_training: RobotsPolicy = Field(
        "allow", description="Crawlers that collect texts to train models on: `allow` or `deny`."
    )
    robots_others: RobotsPolicy = Field("allow", description="All other crawlers: `allow` or `deny`.")
    robots_extra: str = Field("", description="More groups of rules for `/robots.txt`, as they stand there.")
    sitemap_urls: int = Field(50_000, ge=1, le=50_000, description="Addresses in a part of the sitemap, at most.")
    llms_txt_bytes: int = Field(
        100_000, ge=4000, le=10_000_000, description="The size of `/llms.txt` at most; four bytes are about a token."
    )
    llms_full_bytes: int = Field(
        1_000_000, ge=4000, le=50_000_000, description="The size of `/llms-full.txt` at most, of whole articles."
    )
    worker: bool = Field(True, description="Whether `byline serve` runs jobs too, in each of its processes.")
    worker_concurrency: int = Field(4, ge=1, le=1000, description="Jobs that a process runs at once.")
    database_pool_size: int = Field(
        10, ge=1, le=1000, description="Connections to the database a process may hold for all but public reads."
    )
    read_pool_size: int = Field(5, ge=1, le=1000, description="Connections a process may hold for public reads.")
    database_queue: int = Field(
        100,
        ge=0,
        le=100_000,
        description="Requests that may wait for one of these connections, in each of the two lines; "
        "any more are a 503 at once.",
    )
    read_timeout: float = Field(5, gt=0, le=3600, description="Seconds that the database may take for a public read.")
    request_timeout: float = Field(60, gt=0, le=3600, description="The same for any other request.")
    replica_url: SecretStr | None = Field(
        None,
        description="A read replica (streaming) for public reads, written like the database's address. "
        "Unset: all read from the database itself.",
    )
    replica_max_lag: float = Field(
        5, ge=1, le=3600, description="Seconds by which the replica may be behind; a slower one is left out."
    )
    database_pooler: Literal["", "transaction"] = Field(
        "", description="`transaction` where a PgBouncer (or the like) in transaction mode stands before the database."
    )
    listen_database_url: SecretStr | None = Field(
        None,
        description="The same database without a pooler in between, for what listens (NOTIFY) and for the queue of "
        "jobs: each process holds up to six connections there. Unset: the address of the database.",
    )
    cache_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        le=2**40,
        description="Memory in which each process keeps finished answers for readers. 0: none are kept.",
    )
    cache_stale_seconds: int = Field(
        300,
        ge=0,
        le=7 * 24 * 3600,
        description="For how long readers get what was last known while the database is away. 0: a 503 at once.",
    )
    cache_log: bool = Field(
        False, description="Whether what is answered from memory gets lines in the access log, like all else."
    )
    search_log_days: int = Field(
        30,
        ge=0,
        le=3650,
        description="Days after which the words of searches that few people made are forgotten. 0: searches are not "
        "counted at all.",
    )

    @property
    def listening_url(self) -> SecretStr | None:
        return self.listen_database_url or self.database_url

    @field_validator("database_url", "listen_database_url", "replica_url")
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

    @field_validator("cors_origins")
    @classmethod
    def _check_cors_origins(cls, value: list[str]) -> list[str]:
        if value == ["*"]:
            return value
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("an origin is written as browsers send it: https://app.example.com, or * alone")
        return value

    @field_validator("rate_limit_url")
    @classmethod
    def _check_rate_limit_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if not _REDIS.fullmatch(value.get_secret_value()):
            raise ValueError("must be a Redis or Valkey server such as redis://:password@host:6379/0")
        return value

    @field_validator("oidc_providers")
    @classmethod
    def _have_names_of_their_own(cls, value: list[OidcProvider]) -> list[OidcProvider]:
        if len({provider.name for provider in value}) < len(value):
            raise ValueError("two providers have the same name")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        wrong = "must be a mail server such as smtp://user:password@host:587; / ? # in a password are %2F %3F %23"
        try:
            parts = urlsplit(value.get_secret_value())
            port = parts.port
        except ValueError:
            raise ValueError(wrong) from None  # what the parser says quotes from the address
        rest = parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == 0 or rest or " " in parts.netloc:
            raise ValueError(wrong)
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, value: str | None) -> str | None:
        return mailbox(value) if value else None

    @field_validator("site_time_zone")
    @classmethod
    def _check_site_time_zone(cls, value: str) -> str:
        return zone_of(value).key

    @field_validator("site_url", "account_url")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_default_secret(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if self.environment is Environment.PRODUCTION and (secret == DEVELOPMENT_SECRET or len(secret) < 32):
            raise ValueError("production needs BYLINE_SECRET_KEY: at least 32 characters of your own")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.site_time_zone)
