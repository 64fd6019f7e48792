"""Two editors save one post at once, over real transactions: no update is lost in silence."""

import asyncio
from collections import Counter
from itertools import pairwise

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from byline.accounts.caller import Scope
from byline.posts.models import Revision
from tests import make
from tests.conftest import Sessions, signed_in

POSTS = "/v1/manage/posts"


async def save(client: httpx.AsyncClient, url: str, who: str, times: int, answers: Counter[int]) -> None:
    """Counts up in a paragraph of one's own, each time on what one got last: a stale save is merged."""
    seen = (await client.get(url)).json()
    for number in range(1, times + 1):
        markdown = "\n\n".join(
            f"{who} {number}" if line.startswith(who) else line for line in seen["markdown"].split("\n\n")
        )
        changes = {"markdown": markdown, "message": f"{who} {number}"}
        answer = await client.patch(url, json=changes, headers={"If-Match": f'"{seen["version"]}"'})
        answers[answer.status_code] += 1
        if answer.status_code == 412:
            told = answer.json()
            assert told["changed_fields"] == ["markdown"] and told["current_version"] > seen["version"]
            assert told["changes"]["markdown"]["base"] == seen["markdown"]
            answer = await client.post(f"{url}/merge", json={"base": seen["version"], "changes": changes})
            answers[answer.status_code] += 1
        assert answer.status_code == 200, answer.text
        seen = answer.json()
        assert f"{who} {number}" in seen["markdown"].split("\n\n")


async def test_no_update_is_lost_in_silence(app: FastAPI, committing: Sessions, thorough: bool) -> None:
    times = 500 if thorough else 50
    async with committing.begin() as session:
        draft = await make.draft(session, markdown="Ada 0\n\nBetween\n\nGrace 0")
    url, answers = f"{POSTS}/{draft.id}", Counter[int]()
    async with signed_in(app, committing, Scope) as ada, signed_in(app, committing, Scope) as grace:
        await asyncio.gather(save(ada, url, "Ada", times, answers), save(grace, url, "Grace", times, answers))
        shown = (await ada.get(url)).json()
    assert answers.keys() <= {200, 412} and answers[412] > 0, "they did not meet"
    assert shown["markdown"] == f"Ada {times}\n\nBetween\n\nGrace {times}"
    assert answers[200] == 2 * times
    async with committing.begin() as session:
        found = await session.scalars(select(Revision).where(Revision.post_id == draft.id).order_by(Revision.number))
        revisions = found.all()
    assert [revision.number for revision in revisions] == list(range(1, 2 * times + 2))
    for before, after in pairwise(revisions):  # each save adds its own edit, and takes nothing back
        was, now = (revision.content["markdown"].split("\n\n") for revision in (before, after))
        who = after.message.split()[0] if after.message else ""
        assert [line.startswith(who) for line in was] == [a != b for a, b in zip(was, now, strict=True)]
        assert after.message in now


async def test_without_merging_one_of_two_saves_is_refused(app: FastAPI, committing: Sessions) -> None:
    async with committing.begin() as session:
        draft = await make.draft(session)
    url = f"{POSTS}/{draft.id}"
    async with signed_in(app, committing, Scope) as ada, signed_in(app, committing, Scope) as grace:
        for version in range(1, 11):
            stale = {"If-Match": f'"{version}"'}
            saves = (who.patch(url, json={"title": f"{version}"}, headers=stale) for who in (ada, grace))
            assert {answer.status_code for answer in await asyncio.gather(*saves)} == {200, 412}
    async with committing.begin() as session:
        numbers = (await session.scalars(select(Revision.number).where(Revision.post_id == draft.id))).all()
        assert sorted(numbers) == list(range(1, 12))
