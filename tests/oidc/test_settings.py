"""`BYLINE_OIDC_PROVIDERS`."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from byline.accounts.caller import Role
from byline.core.settings import RoleName, Settings

PROVIDER = {
    "name": "example",
    "label": "Example Inc.",
    "issuer": "https://id.example",
    "client_id": "byline",
    "client_secret": "hush",
}


def settings(monkeypatch: pytest.MonkeyPatch, folder: Path, *providers: dict[str, Any]) -> Settings:
    monkeypatch.chdir(folder)  # where there is no `.env`
    monkeypatch.setenv("BYLINE_OIDC_PROVIDERS", json.dumps(providers))
    return Settings()


def test_the_settings_know_the_roles() -> None:
    assert list(get_args(RoleName)) == list(Role)


def test_what_may_be_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (found,) = settings(monkeypatch, tmp_path, PROVIDER).oidc_providers
    assert found.scopes == ("openid", "email", "profile")
    assert (found.role_claim, found.role_map, found.default_role) == (None, {}, None)
    assert found.client_secret.get_secret_value() == "hush"
    assert "hush" not in repr(found) + found.model_dump_json()
    with pytest.raises(ValidationError):
        setattr(found, "issuer", "https://other.example")  # noqa: B010 -- the type checker knows already


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example/",
        "https://id.example:8443/realms/a",
        "http://127.0.0.1:8080/realms/a",
        "http://localhost",
        "http://[::1]:9000",
    ],
)
def test_issuers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, issuer: str) -> None:
    assert settings(monkeypatch, tmp_path, {**PROVIDER, "issuer": issuer}).oidc_providers[0].issuer == issuer


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": "Example"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"label": ""}, "label"),
        ({"issuer": "http://id.example"}, "issuer"),
        ({"issuer": "http://localhost.example"}, "issuer"),
        ({"issuer": "http://127.0.0.1@id.example"}, "issuer"),
        ({"issuer": "https://id.example?x"}, "issuer"),
        ({"issuer": "id.example"}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "client_secret"),
        ({"default_role": "king"}, "default_role"),
        ({"default_role": "Owner"}, "default_role"),
        ({"role_claim": "groups", "role_map": {"staff": "king"}}, "role_map"),
        ({"role_map": {"staff": "editor"}}, "role_claim"),
        ({"scopes": ["email"]}, "openid"),
        ({"clientid": "x"}, "clientid"),
    ],
)
def test_what_is_wrong_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fields: dict[str, Any], place: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(monkeypatch, tmp_path, {**PROVIDER, **fields})
    (error,) = [found for found in refused.value.errors() if found["loc"][0] == "oidc_providers"]
    assert place in f"{error['loc']} {error['msg']}"
    assert "hush" not in str(refused.value)


def test_names_are_unique(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="the same name"):
        settings(monkeypatch, tmp_path, PROVIDER, {**PROVIDER, "issuer": "https://other.example"})
