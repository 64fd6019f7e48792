"""Authors and contributors look after their own byline; editors after all of them."""

import httpx
import pytest

from byline.accounts.caller import Role
from byline.authors.service import AuthorNotFound, EditorsOnly, NotYourByline
from byline.core.errors import StaleVersion, VersionRequired
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

AUTHORS = "/v1/manage/authors"
NOWHERE = "01890a5d-ac96-774b-bcce-b302099a8057"
ANY = {"If-Match": "*"}


@pytest.mark.parametrize("role", [Role.AUTHOR, Role.CONTRIBUTOR])
async def test_ones_own_byline(client: httpx.AsyncClient, sessions: Sessions, role: Role) -> None:
    async with sessions.begin() as session:
        _, own, headers = await make.writer(session, "Ada", role=role)
        _, other, _ = await make.writer(session, "Grace")
        unclaimed = await make.author(session, "Imported")
    changed = await client.patch(f"{AUTHORS}/{own.id}", json={"headline": "Measures"}, headers=headers | ANY)
    assert (changed.status_code, changed.json()["headline"]) == (200, "Measures")
    for author in (other, unclaimed):
        assert (await client.get(f"{AUTHORS}/{author.id}", headers=headers)).status_code == 200
        for if_match in ({}, {"If-Match": '"7"'}, ANY):
            response = await client.patch(f"{AUTHORS}/{author.id}", json={"bio": "x"}, headers=headers | if_match)
            assert_problem(response, NotYourByline)
    assert_problem(await client.patch(f"{AUTHORS}/{own.id}", json={}, headers=headers), VersionRequired)
    stale = await client.patch(f"{AUTHORS}/{own.id}", json={}, headers=headers | {"If-Match": '"7"'})
    assert_problem(stale, StaleVersion)
    assert_problem(await client.patch(f"{AUTHORS}/{NOWHERE}", json={}, headers=headers | ANY), AuthorNotFound)


@pytest.mark.parametrize("role", [Role.AUTHOR, Role.CONTRIBUTOR])
async def test_bylines_are_added_and_removed_by_editors(
    client: httpx.AsyncClient, sessions: Sessions, role: Role
) -> None:
    async with sessions.begin() as session:
        _, own, headers = await make.writer(session, "Ada", role=role)
    assert_problem(await client.post(AUTHORS, json={"name": "x"}, headers=headers), EditorsOnly)
    for author_id in (own.id, NOWHERE):
        assert_problem(await client.delete(f"{AUTHORS}/{author_id}", headers=headers | ANY), EditorsOnly)
    assert len((await client.get("/v1/authors")).json()["data"]) == 1


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.EDITOR])
async def test_editors_look_after_all(client: httpx.AsyncClient, sessions: Sessions, role: Role) -> None:
    async with sessions.begin() as session:
        _, _, headers = await make.writer(session, "Grace", role=role)
        _, other, _ = await make.writer(session, "Ada")
    changed = await client.patch(f"{AUTHORS}/{other.id}", json={"bio": "x"}, headers=headers | ANY)
    assert changed.status_code == 200
    assert (await client.post(AUTHORS, json={"name": "x"}, headers=headers)).status_code == 201
    assert (await client.delete(f"{AUTHORS}/{other.id}", headers=headers | ANY)).status_code == 204
