"""Creating, saving and publishing, by one client, one after another."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import httpx

from benchmarks import corpus
from benchmarks.machine import OWNER, Load, Server
from benchmarks.reading import OWN, Rounds

STEPS = {"create": "create a draft", "save": "save it", "publish": "publish it"}

Known = tuple[str, str]
"""The id and the ETag of a post."""

Write = Callable[[httpx.Client, str, Known, dict[str, str]], Known]


def _by_byline(client: httpx.Client, step: str, known: Known, body: Mapping[str, str]) -> Known:
    post_id, version = known
    match step:
        case "create":
            answer = client.post("/v1/manage/posts", json=body)
        case "save":
            answer = client.patch(f"/v1/manage/posts/{post_id}", json=body, headers={"If-Match": version})
        case _:
            answer = client.post(f"/v1/manage/posts/{post_id}/publish", json={}, headers={"If-Match": version})
    return answer.raise_for_status().json()["id"], answer.headers["etag"]


def _alone(client: httpx.Client, step: str, known: Known, body: Mapping[str, str]) -> Known:
    path = "/create" if step == "create" else f"/{step}/{known[0]}"
    return client.post(path, json=body).raise_for_status().json()["id"], ""


def measure(byline: Server, database: Server, count: int, rounds: int) -> dict[str, Rounds]:
    """Of `count` posts, in so many parts: the rate is of one client, who waits for each answer."""
    found: dict[str, Rounds] = {step: {OWN: [], "asyncpg": []} for step in STEPS}
    texts, each = corpus.texts(count), count // rounds
    with httpx.Client(base_url=byline.address, timeout=60) as desk, httpx.Client(base_url=database.address) as other:
        desk.headers["Authorization"] = f"Bearer {_token(desk)}"
        for number in range(rounds):
            part = texts[number * each : (number + 1) * each]
            for name, server, client, write in (
                (OWN, byline, desk, _by_byline),
                ("asyncpg", database, other, _alone),
            ):
                for step, load in _steps(server, client, write, part).items():
                    found[step][name].append(load)
    return found


def _token(client: httpx.Client) -> str:
    email, password = OWNER
    answer = client.post("/v1/auth/token", data={"username": email, "password": password})
    return str(answer.raise_for_status().json()["access_token"])


def _steps(server: Server, client: httpx.Client, write: Write, texts: Sequence[str]) -> dict[str, Load]:
    """Step by step for all posts together, for clocks of processes tick slowly."""
    found: dict[str, Load] = {}
    known: list[Known] = [("", "")] * len(texts)
    for step in STEPS:
        taken: list[float] = []
        before = server.cpu()
        for index, text in enumerate(texts):
            body = {"title": "Written", "markdown": text} if step == "create" else {"markdown": f"{text}\nMore.\n"}
            began = time.perf_counter()
            known[index] = write(client, step, known[index], body)
            taken.append((time.perf_counter() - began) * 1000)
        cpu = (server.cpu() - before) / len(texts) * 1e6
        slowest = sorted(taken)[int(0.99 * (len(taken) - 1))]
        found[step] = Load(1000 / statistics.mean(taken), statistics.median(taken), slowest, cpu)
    return found
