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
