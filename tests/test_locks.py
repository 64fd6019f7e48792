import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
LOCKS = ["build.lock", "dev.lock", "runtime.lock", "server.lock"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = PROJECT["project"]["dependencies"]
LOCAL = PROJECT["project"]["optional-dependencies"]["local"]


def entries(lock: str) -> list[str]:
    """One line for each requirement, with its hashes."""
    return (REQUIREMENTS / lock).read_text().replace("\\\n", " ").splitlines()


def versions(lock: str) -> dict[str, set[str]]:
    """The pinned versions by name: where markers split the supported platforms, a name may have several."""
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        pin = Requirement(entry.split(" --hash=")[0])
        found.setdefault(canonicalize_name(pin.name), set()).update(clause.version for clause in pin.specifier)
    return found


def test_every_lock_is_checked() -> None:
    assert sorted(path.name for path in REQUIREMENTS.iterdir()) == LOCKS


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_has_one_version_and_hashes(lock: str) -> None:
    entry = re.compile(r"[a-z0-9-]+==\S+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in entries(lock) if not entry.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host(lock: str) -> None:
    assert "://" not in (REQUIREMENTS / lock).read_text()


def test_locks_agree() -> None:
    tested = versions("dev.lock")
    for lock in LOCKS:
        assert {name: tested.get(name) for name in versions(lock)} == versions(lock), lock


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("server.lock", DEPENDENCIES),
        ("runtime.lock", DEPENDENCIES + LOCAL),
        ("dev.lock", DEPENDENCIES + LOCAL + PROJECT["dependency-groups"]["dev"]),
        ("build.lock", PROJECT["build-system"]["requires"]),
    ],
)
def test_lock_meets_every_direct_dependency(lock: str, wanted: list[str]) -> None:
    locked = versions(lock)
    for requirement in map(Requirement, wanted):
        pinned = locked.get(canonicalize_name(requirement.name))
        assert pinned, f"{requirement.name} is not in {lock}: run `make lock`"
        assert all(map(requirement.specifier.contains, pinned)), f"{requirement}, but {pinned}: run `make lock`"


def test_server_lock_leaves_the_embedded_database_out() -> None:
    assert not {canonicalize_name(Requirement(extra).name) for extra in LOCAL} & versions("server.lock").keys()
