from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from byline.core.settings import DEVELOPMENT_SECRET, Environment, Settings

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without an `.env`."""
    monkeypatch.chdir(tmp_path)


def url(settings: Settings) -> str | None:
    return settings.database_url.get_secret_value() if settings.database_url is not None else None


def test_everything_has_a_default() -> None:
    settings = Settings()
    assert url(settings) is None
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8000, Path("data"))
    assert settings.environment is Environment.DEVELOPMENT
    assert settings.secret_key.get_secret_value() == DEVELOPMENT_SECRET


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgres://u:p@h:5433/d", "postgresql+asyncpg://u:p@h:5433/d"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgres://u:p%40ss%2Fw%3Ard@h/d", "postgresql+asyncpg://u:p%40ss%2Fw%3Ard@h/d"),
        ("postgres://u:p@h/d?sslmode=require", "postgresql+asyncpg://u:p@h/d?ssl=require"),
        ("postgres://u:p@h/d?sslmode=require&channel_binding=require", "postgresql+asyncpg://u:p@h/d?ssl=require"),
        ("postgresql:///d?host=/run/postgresql", "postgresql+asyncpg:///d?host=%2Frun%2Fpostgresql"),
    ],
)
def test_database_addresses(monkeypatch: pytest.MonkeyPatch, given: str, used: str) -> None:
    for variable in ("BYLINE_DATABASE_URL", "DATABASE_URL"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, given)
            assert url(Settings()) == used


def test_the_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://other/d")
    monkeypatch.setenv("BYLINE_DATABASE_URL", "postgres://own/d")
    assert url(Settings()) == "postgresql+asyncpg://own/d"


@pytest.mark.parametrize(
    "given", ["mysql://u:hush@h/d", "sqlite:///hush.db", "nonsense hush", "postgresql+psycopg2://h/d"]
)
def test_other_databases_are_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("BYLINE_DATABASE_URL", given)
    with pytest.raises(ValidationError, match="BYLINE_DATABASE_URL") as refused:
        Settings()
    assert "hush" not in str(refused.value)


def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYLINE_DATABASE_URL", "")
    assert url(Settings()) is None


@pytest.mark.parametrize("secret", [None, DEVELOPMENT_SECRET, "", "x" * 31])
def test_production_wants_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch, secret: str | None) -> None:
    monkeypatch.setenv("BYLINE_ENVIRONMENT", "production")
    if secret is not None:
        monkeypatch.setenv("BYLINE_SECRET_KEY", secret)
    with pytest.raises(ValidationError, match="BYLINE_SECRET_KEY"):
        Settings()
    monkeypatch.setenv("BYLINE_SECRET_KEY", SECRET)
    assert Settings().environment is Environment.PRODUCTION


def test_a_dotenv_is_read_and_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = "BYLINE_SITE_TITLE=From the file\nBYLINE_PORT=9000\nDATABASE_URL=postgres://h/d\nOTHER=x\n"
    (tmp_path / ".env").write_text(dotenv)
    monkeypatch.setenv("BYLINE_PORT", "9001")
    settings = Settings()
    assert (settings.site_title, settings.port) == ("From the file", 9001)
    assert url(settings) == "postgresql+asyncpg://h/d"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com/blog/", "https://example.com/blog"),
        ("http://localhost:8000//", "http://localhost:8000"),
    ],
)
def test_the_address_of_the_site_ends_without_a_slash(given: str, kept: str) -> None:
    assert Settings(site_url=given).site_url == kept


@pytest.mark.parametrize("given", ["", "example.com", "ftp://example.com", "https://", "https:///x", "https://a b"])
def test_the_address_of_the_site_is_one(given: str) -> None:
    with pytest.raises(ValidationError):
        Settings(site_url=given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("TOKEN_LIFETIME_HOURS", "0"),
        ("DATABASE_POOL_SIZE", "0"),
        ("ENVIRONMENT", "x"),
    ],
)
def test_numbers_have_bounds(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"BYLINE_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_settings_do_not_change_and_do_not_tell() -> None:
    settings = Settings(database_url=SecretStr("postgres://u:hush@h/d"), secret_key=SecretStr("hush"))
    with pytest.raises(ValidationError):
        setattr(settings, "port", 1)  # noqa: B010 -- the type checker knows already
    assert "hush" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("cors_origins", []),
        ("cors_origins", ["*"]),
        ("cors_origins", ["https://app.example.com", "http://localhost:3000", "https://[2001:db8::1]:8443"]),
        ("cors_origins", ["capacitor://localhost", "https://app.example.com:4430"]),
        ("allowed_hosts", ["*"]),
        ("allowed_hosts", ["blog.example", "*.example.org", "127.0.0.1", "[::1]", "localhost"]),
        ("trusted_proxies", ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]),
        ("webhook_allowed_networks", ["10.1.2.0/24", "fd00::/8"]),
        ("rate_limit_user", "1/second"),
        ("rate_limit_user", "999999999/day"),
        ("rate_limit_user", ""),
        ("rate_limit_url", None),
        ("log_level", "debug"),
    ],
)
def test_the_edge_is_set_as_written(field: str, given: object) -> None:
    settings = Settings.model_validate({field: given})
    assert getattr(settings, field) == given or [str(value) for value in getattr(settings, field)] == given


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("cors_origins", ["https://app.example.com/"]),
        ("cors_origins", ["https://app.example.com/path"]),
        ("cors_origins", ["https://App.example.com"]),
        ("cors_origins", ["app.example.com"]),
        ("cors_origins", ["https://app.example.com:443"]),
        ("cors_origins", ["http://app.example.com:80"]),
        ("cors_origins", ["https://*.example.com"]),
        ("cors_origins", ["https://app.example.com", "*"]),
        ("cors_origins", ["https://user@app.example.com"]),
        ("cors_origins", ["null"]),
        ("cors_origins", [""]),
        ("allowed_hosts", []),
        ("allowed_hosts", ["https://blog.example"]),
        ("allowed_hosts", ["blog.example:443"]),
        ("allowed_hosts", ["blog.*"]),
        ("allowed_hosts", ["*blog.example"]),
        ("allowed_hosts", ["blog.example."]),
        ("allowed_hosts", [""]),
        ("trusted_proxies", ["*"]),
        ("trusted_proxies", ["10.0.0.1/8"]),
        ("trusted_proxies", ["proxy.internal"]),
        ("webhook_allowed_networks", ["receiver.internal"]),
        ("rate_limit_user", "0/minute"),
        ("rate_limit_user", "10/week"),
        ("rate_limit_user", "10 per minute"),
        ("rate_limit_user", "10/minute\n"),
        ("rate_limit_user", "9999999999/minute"),
        ("rate_limit_url", "memcached://hush"),
        ("rate_limit_url", "redis://"),
        ("rate_limit_url", "redis://:hu/sh@host"),
        ("rate_limit_url", "redis://host:hush"),
        ("log_level", "loud"),
    ],
)
def test_what_the_edge_cannot_do_stops_the_start(field: str, given: object) -> None:
    with pytest.raises(ValidationError, match=field) as refused:
        Settings.model_validate({field: given})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        "redis://cache",
        "rediss://user:pass@cache.example:6380/1",
        "valkey://:p%40ss@[2001:db8::1]:6379/0?health_check_interval=30",
        "valkeys://cache/",
    ],
)
def test_stores_of_rate_limits(given: str) -> None:
    store = Settings(rate_limit_url=SecretStr(given)).rate_limit_url
    assert store is not None and store.get_secret_value() == given
    assert Settings(rate_limit_url=SecretStr("")).rate_limit_url is None


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("BYLINE_WEBSUB_HUB", "ftp://hub.example/"),
        ("BYLINE_WEBSUB_HUB", "http://hub.example/"),
        ("BYLINE_WEBSUB_HUB", "https://hub.example/ü"),  # it goes into a header
        ("BYLINE_WEBSUB_HUB", 'https://hub.example/>; rel="x"'),
        ("BYLINE_INDEXNOW_ENDPOINT", "http://api.example/"),
        ("BYLINE_INDEXNOW_KEY", "short"),
        ("BYLINE_INDEXNOW_KEY", "has/a/slash"),
        ("BYLINE_INDEXNOW_KEY", "a" * 129),
        ("BYLINE_FEED_CONTENT", "some"),
    ],
)
def test_announcements_go_to_servers_by_keys_that_are_some(
    monkeypatch: pytest.MonkeyPatch, variable: str, given: str
) -> None:
    monkeypatch.setenv(variable, given)
    with pytest.raises(ValidationError, match=variable.removeprefix("BYLINE_").lower()):
        Settings()


def test_a_hub_may_have_a_port_and_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    for hub in ("https://hub.example:8443/?a=b&c", "https://hub.example", "http://[::1]:9000/hub"):
        monkeypatch.setenv("BYLINE_WEBSUB_HUB", hub)
        assert Settings().websub_hub == hub
