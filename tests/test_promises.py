"""What the design promises about all of the code, kept by looking at all of it."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.orm import configure_mappers

import byline
from byline.core.errors import BylineError
from byline.core.settings import Settings
from byline.models import Base
from byline.tags.service import TagSlugTaken
from tests.test_openapi import DOCUMENT, OPERATIONS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(byline.__file__).parent
CODE = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}

ANYBODY = re.compile(
    r"get /v1/(changes|previews|resolve|search)(/|$)|head /v1/events$|"
    r"get (/v1/(site|posts|pages|tags|authors|series)(/|$)|/(livez|readyz)$)|"
    r"get (/|/(tags|authors|series)/\{slug\}/)(feed|atom)\."
    r"|get /(robots\.txt|sitemap\.xml|sitemaps/|llms\.txt|llms-full\.txt|oembed)"
    r"|get /v1/search(/suggest)?$|post /v1/search/clicks$"
    r"|post /v1/auth/(token|session|passkey/(options|token|session))$|get /v1/auth/oidc(/|$)"
    r"|post /v1/auth/(invitations/accept|password-reset|password-reset/confirm|email-change/confirm)$"
)


def details(method: str, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][path][method]
    return operation


def errors(of: type[BylineError] = BylineError) -> list[type[BylineError]]:
    return [error for child in of.__subclasses__() for error in (child, *errors(child))]


def test_only_the_core_commits() -> None:
    """Of the database; the search index has commits of its own."""
    elsewhere = [path for path, code in CODE.items() if ".commit(" in code and not path.startswith("core/")]
    assert elsewhere == ["search/writing.py"]


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        path for path, code in CODE.items() if re.search(r"os\.environ\b(?!\.update|\[\"BYLINE_\w+\"\] =)", code)
    ]
    assert readers == []


def test_no_dependency_takes_a_thread() -> None:
    """As each that is a plain `def`, or a class, would."""
    code = "\n".join(CODE.values())
    dependencies = set(re.findall(r"\b(?:Depends|Security)\(([a-z]\w+)", code))
    assert len(dependencies) > 50
    plain = re.findall(r"^(?:def|class) (\w+)", code, re.MULTILINE)
    assert not dependencies.intersection(plain)
    assert not re.search(r"\bDepends\(\)", code.replace("OAuth2PasswordRequestForm, Depends()", ""))


def test_every_relationship_raises_on_lazy_load() -> None:
    configure_mappers()
    relationships = [found for mapper in Base.registry.mappers for found in mapper.relationships]
    assert relationships
    assert [str(found) for found in relationships if found.lazy != "raise"] == []


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_what_is_not_for_anybody_is_a_401(client: httpx.AsyncClient, method: str, path: str) -> None:
    asked = "head" if path == "/v1/events" else method  # a stream without an end
    response = await client.request(asked, re.sub(r"\{\w+_id\}", str(uuid4()), path))
    for_anybody = ANYBODY.match(f"{asked} {path}") is not None
    assert (response.status_code != 401) == for_anybody
    assert ("security" in details(method, path)) != for_anybody


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_says_what_it_does(method: str, path: str) -> None:
    assert details(method, path)["description"].endswith(".")
    assert details(method, path)["tags"]


def test_every_list_comes_in_pages() -> None:
    """But for the change feed, which has no end: one goes on from where one was."""
    for method, path in OPERATIONS:
        answer = details(method, path)["responses"].get("200", {}).get("content", {}).get("application/json", {})
        if path != "/v1/changes" and re.search(r'"[A-Z]\w+Page"|/\w+Page"', str(answer).replace("'", '"')):
            names = {parameter["name"] for parameter in details(method, path)["parameters"]}
            assert {"limit", "cursor", "count"} <= names, path
        assert answer.get("schema", {}).get("type") != "array", path


def test_every_error_has_a_code_of_its_own() -> None:
    known = errors()
    assert TagSlugTaken in known
    codes = [error.code for error in known]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code) for code in codes)
    assert all(error.title and 400 <= error.status < 600 for error in known)
    constraints = [name for error in known for name in error.__dict__.get("constraints", ())]
    assert sorted(constraints) == sorted(set(constraints))
    tables = Base.metadata.tables.values()
    in_database = {str(constraint.name) for table in tables for constraint in table.constraints}
    in_database |= {str(index.name) for table in tables for index in table.indexes}
    assert set(constraints) <= in_database, "an error waits for a constraint that is not there"


def test_the_readme_describes_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in Settings.model_fields if f"`BYLINE_{name.upper()}`" not in readme] == []


def test_tests_mirror_the_package() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} - {"demo"}
    assert [room for room in sorted(rooms) if not list((ROOT / "tests" / room).glob("test_*.py"))] == []
