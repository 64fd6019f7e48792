"""The promises of the Dockerfile and docker-compose.yml that can be kept without building an image."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from byline.core.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def instructions(name: str) -> list[str]:
    """The arguments of each such instruction in the Dockerfile, stage after stage."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return re.findall(rf"^{name} +(.+)$", text, re.MULTILINE)


def copied() -> list[str]:
    """What the Dockerfile copies from the project."""
    sources = [arguments.split()[:-1] for arguments in instructions("COPY") if not arguments.startswith("--from")]
    return [source.rstrip("/") for group in sources for source in group]


def test_image_copies_what_exists_and_is_sent_to_the_build() -> None:
    ignored, *sent = (line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#"))
    assert ignored == "*"
    assert {source.split("/")[0] for source in copied()} == {line[1:] for line in sent if line.startswith("!")}
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_image_runs_as_a_numbered_user_without_rights() -> None:
    [user] = instructions("USER")
    uid, gid = map(int, user.split(":"))
    assert uid >= 10_000
    assert gid >= 10_000


def test_image_starts_byline_itself_so_that_signals_reach_it() -> None:
    [command] = instructions("CMD")
    assert json.loads(command)[:2] == ["byline", "serve"]
    assert "--no-demo" in json.loads(command)
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def test_every_image_is_pinned_to_a_version() -> None:
    bases = [base.split()[0] for base in instructions("FROM")]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim", bases[0])
    assert SERVICES["postgres"]["image"] == "postgres:17"


def test_every_variable_is_a_setting() -> None:
    named = {name for service in SERVICES.values() for name in service["environment"] if name.startswith("BYLINE_")}
    named |= set(re.findall(r"\b(BYLINE_[A-Z_]+)=", " ".join(instructions("ENV"))))
    assert {"BYLINE_DATABASE_URL", "BYLINE_DATA_DIR", "BYLINE_SECRET_KEY"} <= named
    assert {name.removeprefix("BYLINE_").lower() for name in named} <= set(Settings.model_fields)


def test_secrets_have_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    substitutions = re.findall(r"\$\{(\w+)(.*?)\}", text)
    assert {name for name, _ in substitutions} >= {"POSTGRES_PASSWORD", "BYLINE_SECRET_KEY"}
    assert [name for name, rule in substitutions if not rule.startswith(":?")] == []
    for service in SERVICES.values():
        secret = {name: value for name, value in service["environment"].items() if re.search("PASSWORD|KEY|URL", name)}
        assert [name for name, value in secret.items() if "${" not in value] == []


def test_api_waits_for_a_healthy_database_and_is_production() -> None:
    api = SERVICES["api"]
    assert api["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert "healthcheck" in SERVICES["postgres"]
    assert api["environment"]["BYLINE_ENVIRONMENT"] == "production"


def test_settings_accept_what_compose_hands_over(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "POSTGRES_PASSWORD": "5eC" * 20,
        "BYLINE_SECRET_KEY": "k3y" * 20,
        "BYLINE_SITE_URL": "https://blog.example",
    }
    for name, value in SERVICES["api"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{(\w+).*?\}", lambda found: values[found[1]], value))
    settings = Settings(_env_file=None)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().endswith(
        f"byline:{values['POSTGRES_PASSWORD']}@postgres:5432/byline"
    )


class Probe(BaseHTTPRequestHandler):
    """Answers like a living Byline, or like one that is not ready."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def probe_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Probe) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check_health(port: int) -> int:
    [instruction] = instructions("HEALTHCHECK")
    python, *arguments = json.loads(instruction.split("CMD ", 1)[1])
    assert python == "python"
    environment = os.environ | {"BYLINE_PORT": str(port)}
    return subprocess.run([sys.executable, *arguments], env=environment, stderr=subprocess.DEVNULL).returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_health_check_asks_livez(probe_port: int, status: int, healthy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "status", status)
    assert (check_health(probe_port) == 0) is healthy


def test_health_check_fails_when_nobody_listens() -> None:
    with HTTPServer(("127.0.0.1", 0), Probe) as server:
        port = server.server_port
    assert check_health(port) != 0
