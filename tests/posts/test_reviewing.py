"""From a draft to what may be published: who may do which step, and that an approval is for one revision."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from byline.accounts.caller import Role, Scope
from byline.core.events import Event
from byline.core.settings import Settings
from byline.posts import reviewing
from byline.posts.models import Post
from byline.posts.publishing import ApprovalRequired
from byline.posts.review_comments import CommentNotFound, NotInRevision
from tests import make
from tests.conftest import Sessions
from tests.problems import assert_problem

POSTS = "/v1/manage/posts"
ANY = {"If-Match": "*"}
TEXT = """\
Measure *first*, then
cut.

## How

Take a **ruler** and a pencil.

### With what

A pencil of soft lead.

## Why

It is cheaper.
"""


@pytest.fixture
def approval(app: FastAPI, settings: Settings) -> Any:
    """As if the operator had set BYLINE_APPROVAL_REQUIRED."""
    app.state.settings = settings.model_copy(update={"approval_required": True})
    yield
    app.state.settings = settings


@pytest.fixture
async def writing(client: httpx.AsyncClient, sessions: Sessions) -> AsyncIterator[dict[str, dict[str, str]]]:
    """The headers of a contributor, an author and an editor."""
    async with sessions.begin() as session:
        people = {role: await make.writer(session, role.title(), role=role) for role in list(Role)[2:5]}
    yield {role: headers for role, (_, _, headers) in people.items()}


async def step(client: httpx.AsyncClient, post: dict[str, Any], verb: str, body: Any = None, **more: Any) -> Any:
    """The next state of the post."""
    headers = ANY | more.get("headers", {})
    response = await client.post(f"{POSTS}/{post['id']}/{verb}", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def draft(client: httpx.AsyncClient, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    fields = {"title": "How to measure", "markdown": TEXT, **fields}
    return (await client.post(POSTS, json=fields, headers=headers)).json()


async def save(client: httpx.AsyncClient, post: dict[str, Any], **fields: Any) -> Any:
    return (await client.patch(f"{POSTS}/{post['id']}", json=fields, headers=ANY)).json()


async def listed(desk: httpx.AsyncClient, query: str) -> list[str]:
    response = await desk.get(f"{POSTS}?{query}&sort=title")
    assert response.status_code == 200, response.text
    return [post["title"] for post in response.json()["data"]]


async def test_a_contributor_submits_an_editor_approves_and_publishes(
    client: httpx.AsyncClient, sessions: Sessions, writing: dict[str, dict[str, str]], approval: None
) -> None:
    contributor, author, editor = (writing[role] for role in ("contributor", "author", "editor"))
    post = await draft(client, contributor)
    assert (post["status"], post["review"]) == ("draft", None)
    post = await step(client, post, "submit", {"message": "Please look"}, headers=contributor)
    assert (post["status"], post["version"], post["review"]["revision"]) == ("in_review", 2, 2)
    assert (post["review"]["by"]["name"], post["review"]["message"]) == ("Contributor", "Please look")
    mine = f"{POSTS}/{post['id']}"
    assert (await client.post(f"{mine}/approve", headers=ANY | contributor)).status_code == 403
    assert (await client.post(f"{mine}/approve", headers=ANY | author)).status_code == 404
    post = await step(client, post, "approve", headers=editor)
    assert (post["status"], post["review"]["state"], post["review"]["by"]["name"]) == ("approved", "approved", "Editor")
    post = await step(client, post, "publish", headers=editor)
    assert (post["status"], post["review"], post["version"], post["live_version"]) == ("published", None, 4, 4)
    history = (await client.get(f"{mine}/revisions", headers=contributor)).json()["data"]
    assert [one["status"] for one in history] == ["published", "approved", "in_review", "draft"]
    async with sessions.begin() as session:
        types = list(await session.scalars(select(Event.type).where(Event.type.startswith("post.")).order_by(Event.id)))
    assert types == ["post.created", "post.submitted", "post.approved", "post.published"]


async def test_nobody_approves_within_their_own_posts_alone(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, writing: dict[str, dict[str, str]]
) -> None:
    post = await step(client, await draft(client, writing["author"]), "submit", headers=writing["author"])
    for verb in ("approve", "request-changes"):
        refused = await client.post(f"{POSTS}/{post['id']}/{verb}", headers=ANY | writing["author"])
        assert_problem(refused, reviewing.ReviewedByOthers)
    own = await step(desk, await draft(desk), "submit")  # somebody alone at the desk
    assert (await step(desk, own, "approve"))["status"] == "approved"


async def test_each_step_has_its_guard(desk: httpx.AsyncClient) -> None:
    post = await draft(desk)
    url = f"{POSTS}/{post['id']}"
    for verb in ("approve", "request-changes"):
        assert_problem(await desk.post(f"{url}/{verb}", headers=ANY), reviewing.NotInReview)
    await step(desk, post, "submit")
    assert_problem(await desk.post(f"{url}/submit", headers=ANY), reviewing.AlreadySubmitted)
    await step(desk, post, "approve")
    assert_problem(await desk.post(f"{url}/approve", headers=ANY), reviewing.NotInReview)
    sent_back = await step(desk, post, "request-changes")
    assert (sent_back["status"], sent_back["review"]["state"]) == ("draft", "changes_requested")
    assert_problem(await desk.post(f"{url}/request-changes", headers=ANY), reviewing.NotInReview)
    assert (await step(desk, post, "submit"))["status"] == "in_review"
    await step(desk, post, "publish")
    assert_problem(await desk.post(f"{url}/submit", headers=ANY), reviewing.NothingToReview)
    assert (await desk.post(f"{url}/submit")).status_code == 428
    stale = await desk.post(f"{url}/submit", headers={"If-Match": '"1"'})
    assert stale.status_code == 412


async def test_an_approval_is_for_one_revision(desk: httpx.AsyncClient, approval: None) -> None:
    post = await draft(desk)
    url = f"{POSTS}/{post['id']}"
    assert_problem(await desk.post(f"{url}/publish", headers=ANY), ApprovalRequired)
    await step(desk, post, "submit")
    assert_problem(await desk.post(f"{url}/publish", headers=ANY), ApprovalRequired)
    await step(desk, post, "approve")
    changed = await save(desk, post, markdown="Something else.")
    assert (changed["status"], changed["review"]["state"]) == ("in_review", "in_review")
    later = {"at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    for body in (None, later):
        assert_problem(await desk.post(f"{url}/publish", json=body, headers=ANY), ApprovalRequired)
    batch = {"operations": [{"op": "publish", "id": post["id"], "if_match": "*"}], "atomic": False}
    [result] = (await desk.post(f"{POSTS}/batch", json=batch)).json()["results"]
    assert (result["status"], result["problem"]["code"]) == (409, ApprovalRequired.code)
    await step(desk, post, "approve")
    assert (await step(desk, post, "publish", later))["status"] == "scheduled"


async def test_what_is_live_stays_while_its_next_version_is_reviewed(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, approval: None
) -> None:
    post = await draft(desk, markdown="One.")
    for verb in ("submit", "approve", "publish"):
        await step(desk, post, verb)
    await save(desk, post, markdown="Two.")
    url = f"{POSTS}/{post['id']}"
    assert_problem(await desk.post(f"{url}/publish", headers=ANY), ApprovalRequired)
    submitted = await step(desk, post, "submit")
    assert (submitted["status"], submitted["review"]["state"]) == ("published", "in_review")
    assert (await client.get("/v1/posts/how-to-measure.md")).text == "One."
    await step(desk, post, "approve")
    assert (await client.get("/v1/posts/how-to-measure.md")).text == "One."
    await step(desk, post, "publish")
    assert (await client.get("/v1/posts/how-to-measure.md")).text == "Two."
    await step(desk, post, "publish")  # once more, as for another time: nothing new, so nothing to approve


async def test_what_goes_live_is_the_revision_that_was_scheduled(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, sessions: Sessions, approval: None
) -> None:
    post = await draft(desk, markdown="One.")
    for verb in ("submit", "approve"):
        await step(desk, post, verb)
    at = datetime.now(UTC) + timedelta(hours=1)
    await step(desk, post, "publish", {"at": at.isoformat()})
    edited = await save(desk, post, markdown="Two.")
    assert edited["status"] == "scheduled"
    assert (await client.get("/v1/posts/how-to-measure")).status_code == 404
    async with sessions.begin() as session:  # an hour later
        await session.execute(update(Post).values(published_at=datetime.now(UTC)))
    assert (await client.get("/v1/posts/how-to-measure.md")).text == "One."


async def test_the_list_knows_where_each_stands(desk: httpx.AsyncClient) -> None:
    steps = {
        "A": [],
        "B": ["submit"],
        "C": ["submit", "approve"],
        "D": ["submit", "request-changes"],
        "E": ["submit", "approve", "save"],
        "F": ["publish", "save", "submit"],
        "G": ["publish", "unpublish"],
        "H": ["publish", "unpublish", "submit", "approve"],
    }
    for title, verbs in steps.items():
        post = await draft(desk, title=title)
        for verb in verbs:
            await (save(desk, post, subtitle="x") if verb == "save" else step(desk, post, verb))
    expected = {"draft": "AD", "in_review": "BE", "approved": "CH", "published": "F", "unpublished": "G"}
    for status, titles in expected.items():
        assert await listed(desk, f"status={status}") == list(titles)
    assert await listed(desk, "review=in_review") == ["B", "E", "F"]
    assert await listed(desk, "review=approved") == ["C", "H"]
    assert await listed(desk, "review=changes_requested") == ["D"]
    for post in (await desk.get(POSTS)).json()["data"]:
        one = (await desk.get(f"{POSTS}/{post['id']}")).json()
        assert one["status"] == post["status"] and post["title"] in expected[post["status"]]
        assert (one["review"] or {}).get("state") == (post["review"] or {}).get("state")


async def test_what_comes_out_of_the_trash_is_not_approved(desk: httpx.AsyncClient, approval: None) -> None:
    post = await draft(desk)
    for verb in ("submit", "approve"):
        await step(desk, post, verb)
    await desk.delete(f"{POSTS}/{post['id']}", headers=ANY)
    restored = await step(desk, post, "restore")
    assert (restored["status"], restored["review"]) == ("draft", None)
    assert_problem(await desk.post(f"{POSTS}/{post['id']}/publish", headers=ANY), ApprovalRequired)


async def test_steps_of_many_in_a_batch(
    client: httpx.AsyncClient, desk: httpx.AsyncClient, writing: dict[str, dict[str, str]]
) -> None:
    post, other = await draft(desk), await draft(desk, title="Other")
    of = {"id": post["id"], "if_match": "*"}
    verbs = ["submit", "approve", "request-changes", "submit", "approve", "publish"]
    operations: list[dict[str, Any]] = [{"op": verb, **of} for verb in verbs]
    operations[2]["body"] = {"message": "Not yet", "comments": [{"text": "Why?", "quote": "It is cheaper."}]}
    results = (await desk.post(f"{POSTS}/batch", json={"operations": operations})).json()["results"]
    assert [result["version"] for result in results] == [2, 3, 4, 5, 6, 7]
    wrong = {"op": "request-changes", "id": other["id"], "if_match": "*", "body": {"comments": [{"text": "x"}]}}
    await step(desk, other, "submit")
    wrong["body"] = {"comments": [{"text": "x"}, {"text": "x", "quote": "nowhere"}]}
    problem = (await desk.post(f"{POSTS}/batch", json={"operations": [wrong]})).json()
    [error] = problem["results"][0]["problem"]["errors"]
    assert error["pointer"] == "/operations/0/body/comments/1/quote"
    mine = await draft(client, writing["author"], title="Mine")
    operations = [
        {"op": "submit", "id": mine["id"], "if_match": "*"},
        {"op": "approve", "id": mine["id"], "if_match": "*"},
    ]
    refused = await client.post(
        f"{POSTS}/batch", json={"operations": operations, "atomic": False}, headers=writing["author"]
    )
    assert [result["status"] for result in refused.json()["results"]] == [200, 403]


# ── comments ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_comments_are_pinned_to_passages_and_find_them_again(desk: httpx.AsyncClient) -> None:
    post = await draft(desk, subtitle="With care")
    await step(desk, post, "submit")
    comments = [
        {"text": "Which one?", "heading": "how", "quote": "a ruler  and\na pencil"},
        {"text": "Softer?", "heading": "how", "quote": "soft lead"},  # under a heading below
        {"text": "Longer, please", "heading": "why"},
        {"text": "Not careful", "quote": "With care"},
        {"text": "Good"},
    ]
    sent_back = await step(desk, post, "request-changes", {"message": "Almost", "comments": comments})
    assert sent_back["review"]["message"] == "Almost"
    url = f"{POSTS}/{post['id']}/review-comments"
    found = (await desk.get(url)).json()["data"]
    assert [one["text"] for one in found] == [one["text"] for one in comments]
    assert {(one["revision"], one["still_stands"], one["author"]["name"]) for one in found} == {(3, True, "Grace")}
    assert sent_back["review"]["revision"] == 3
    await save(desk, post, markdown="## How\n\nTake a ruler.\n\n## Why not\n\nA pencil of soft lead.")
    found = (await desk.get(url)).json()["data"]
    assert [one["still_stands"] for one in found] == [False, False, False, True, True]
    settled = (await desk.patch(f"{url}/{found[0]['id']}", json={"resolved": True})).json()
    assert settled["resolver"]["name"] == "Grace" and settled["resolved_at"] is not None
    assert len((await desk.get(f"{url}?resolved=false")).json()["data"]) == 4
    again = (await desk.patch(f"{url}/{found[0]['id']}", json={"resolved": False})).json()
    assert (again["resolver"], again["resolved_at"]) == (None, None)
    more = await desk.post(url, json={"text": "Then", "quote": "cheaper", "revision": 1})
    assert (more.status_code, more.json()["still_stands"]) == (201, False)
    page = (await desk.get(f"{url}?revision=1&count=true")).json()
    assert (page["total"], page["data"][0]["text"]) == (1, "Then")


@pytest.mark.parametrize(
    ("comment", "pointer"),
    [
        ({"heading": "nowhere"}, "heading"),
        ({"quote": "ruler and ruler"}, "quote"),
        ({"heading": "why", "quote": "ruler"}, "quote"),
        ({"heading": "with-what", "quote": "It is cheaper"}, "quote"),
    ],
)
async def test_a_passage_that_is_not_there(desk: httpx.AsyncClient, comment: dict[str, str], pointer: str) -> None:
    post = await draft(desk)
    await step(desk, post, "submit")
    url = f"{POSTS}/{post['id']}"
    one = await desk.post(f"{url}/review-comments", json={"text": "x", **comment})
    assert assert_problem(one, NotInRevision)["errors"][0]["pointer"] == f"/{pointer}"
    body = {"comments": [{"text": "x"}, {"text": "x", **comment}]}
    back = await desk.post(f"{url}/request-changes", json=body, headers=ANY)
    assert assert_problem(back, NotInRevision)["errors"][0]["pointer"] == f"/comments/1/{pointer}"
    unchanged = (await desk.get(url)).json()
    assert (unchanged["status"], unchanged["version"]) == ("in_review", 2)  # all of it was rolled back
    assert (await desk.get(f"{url}/review-comments")).json()["data"] == []


async def test_comments_of_another_post_are_not_there(desk: httpx.AsyncClient) -> None:
    one, other = await draft(desk), await draft(desk, title="Other")
    made = (await desk.post(f"{POSTS}/{one['id']}/review-comments", json={"text": "x"})).json()
    wrong = await desk.patch(f"{POSTS}/{other['id']}/review-comments/{made['id']}", json={"resolved": True})
    assert_problem(wrong, CommentNotFound)
    gone = await desk.post(f"{POSTS}/{one['id']}/review-comments", json={"text": "x", "revision": 7})
    assert gone.status_code == 404


async def test_comments_are_exported_to_who_wrote_them(client: httpx.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session)
        headers = {"Authorization": f"Bearer {await make.token(session, scopes=Scope, of=user)}"}
    post = await draft(client, headers)
    await client.post(f"{POSTS}/{post['id']}/review-comments", json={"text": "Mine"}, headers=headers)
    exported = (await client.get("/v1/account/export", headers=headers)).json()
    assert [comment["text"] for comment in exported["review_comments"]] == ["Mine"]
