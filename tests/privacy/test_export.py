"""All that is kept of somebody, as one document."""

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from byline.accounts.caller import Role
from byline.accounts.deps import ScopeMissing
from byline.accounts.models import User
from byline.accounts.service import UserNotFound
from byline.core.events import Event
from tests import make
from tests.conftest import Sessions
from tests.privacy.people import ADDRESS, BYLINE, EMAIL, NAME, PRIVATE, PUBLIC, WANTED_EMAIL, ada
from tests.problems import assert_problem

EXPORT = "/v1/account/export"


async def test_all_that_is_kept(app: FastAPI, sessions: Sessions) -> None:
    async with ada(app, sessions) as person:
        link = await person.client.post(f"/v1/manage/posts/{person.post_id}/preview-links", json={"revision": 2})
        response = await person.client.get(EXPORT)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-disposition"] == 'attachment; filename="personal-data.json"'
    data = response.json()
    assert [word for word in PRIVATE + PUBLIC if word.lower() not in response.text.lower()] == []
    assert data["user"].items() >= {"id": str(person.user_id), "email": EMAIL, "name": NAME, "role": "author"}.items()
    assert (data["byline"]["name"], data["byline"]["user_id"]) == (BYLINE, str(person.user_id))
    assert [found["address"] for found in data["sessions"]] == [None]
    assert [found["networks"] for found in data["api_keys"]] == [[f"{ADDRESS}/32"]]
    assert [found["name"] for found in data["passkeys"]] == ["Ada's telephone"]
    assert [(found["subject"], found["email"]) for found in data["identities"]] == [("subject-at-provider", EMAIL)]
    assert {(found["purpose"], found["email"]) for found in data["tickets"]} == {
        ("email_change", WANTED_EMAIL),
        *(("email_change_notice", email) for email in (EMAIL, WANTED_EMAIL)),
    }
    [post] = data["posts"]
    assert post.items() >= {"id": person.post_id, "slug": "note-g", "title": "Note G", "status": "published"}.items()
    revisions = [(found["post_id"], found["number"], found["message"]) for found in data["revisions"]]
    assert revisions == [
        (person.post_id, number, said) for number, said in ((1, None), (2, "Corrected"), (3, "Published"))
    ]
    assert [(found["id"], found["revision"]) for found in data["preview_links"]] == [(link.json()["id"], 2)]
    assert link.json()["token"] not in response.text
    types = [entry["type"] for entry in data["audit_log"]]
    assert types[0] == "invitation.created" and types[-2:] == ["post.published", "preview_link.created"]


async def test_no_secret_and_no_address_of_another(app: FastAPI, desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with ada(app, sessions) as person:
        await desk.patch(f"/v1/manage/users/{person.user_id}", json={"role": "editor"}, headers={"If-Match": "*"})
        async with sessions.begin() as session:  # a new role has ended hers
            token = await make.token(session, scopes=[], of=await session.get_one(User, person.user_id))
        response = await person.client.get(EXPORT, headers={"Authorization": f"Bearer {token}"})
    entries = response.json()["audit_log"]
    others = [entry for entry in entries if entry["actor"] and entry["actor"]["id"] != str(person.user_id)]
    assert {entry["actor"]["name"] for entry in others} == {"Charles", "Grace"}
    assert {entry["address"] for entry in others} == {None}
    assert ADDRESS in {entry["address"] for entry in entries}
    for secret in ("203.0.113.1", "argon2", "hash", "secret", person.key[16:48]):
        assert secret not in response.text


async def test_what_is_in_the_trash_is_kept_too(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        _, _, headers = await make.writer(session)
    created = await client.post("/v1/manage/posts", json={"title": "x"}, headers=headers)
    await client.delete(created.headers["location"], headers=headers | {"If-Match": "*"})
    [post] = (await client.get(EXPORT, headers=headers)).json()["posts"]
    assert post["id"] == created.json()["id"] and post["deleted_at"] is not None


async def test_that_it_was_read_is_recorded(desk: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session, role=Role.READER)
    exported = await desk.get(f"/v1/manage/users/{user.id}/export")
    assert (exported.status_code, exported.json()["user"]["id"]) == (200, str(user.id))
    assert (exported.json()["byline"], exported.json()["posts"]) == (None, [])
    assert exported.headers["content-disposition"].startswith("attachment")
    async with sessions.begin() as session:
        [event] = await session.scalars(select(Event))
    assert (event.type, event.subject_id) == ("user.exported", user.id)


async def test_who_may_have_the_data_of_others(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        editor, _, headers = await make.writer(session, role=Role.EDITOR)
    problem = assert_problem(await client.get(f"/v1/manage/users/{editor.id}/export", headers=headers), ScopeMissing)
    assert problem["missing_scopes"] == ["users:manage"]
    assert (await client.get(EXPORT, headers=headers)).status_code == 200
    nowhere = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert_problem(await desk.get(f"/v1/manage/users/{nowhere}/export"), UserNotFound)
