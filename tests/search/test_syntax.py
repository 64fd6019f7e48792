"""What may be typed, and what it finds."""

from datetime import UTC, datetime
from typing import Any

import pytest

from byline.search.answering import PageTooDeep
from byline.search.parsing import parse
from tests import make
from tests.problems import assert_problem
from tests.search.conftest import Node


@pytest.mark.parametrize(
    ("typed", "groups", "excluded"),
    [
        ("measure twice", [["measure"], ["twice"]], []),
        ('"measure twice" cut', [["measure twice"], ["cut"]], []),
        ("“measure twice” «cut once»", [["measure twice"], ["cut once"]], []),
        ("tea or coffee cake", [["tea", "coffee"], ["cake"]], []),
        ("tea | coffee", [["tea", "coffee"]], []),
        ('tea -milk -"brown sugar"', [["tea"]], ["milk", "brown sugar"]),
        ("-milk", [], ["milk"]),
        ("well-being", [["well being"]], []),
        ('an "unclosed quote', [["an"], ["unclosed"], ["quote"]], []),
        ("or", [["or"]], []),
        ('- -- "" | !?', [], []),
        ("", [], []),
    ],
)
def test_everything_that_is_typed_means_something(typed: str, groups: list[list[str]], excluded: list[str]) -> None:
    asked = parse(typed)
    assert [[" ".join(part.words) for part in parts] for parts in asked.groups] == groups
    assert [" ".join(part.words) for part in asked.excluded] == excluded


async def test_words_phrases_and_what_must_not_be(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.post(session, "Green tea", markdown="Boil the water and wait for the leaves.")
        await make.post(session, "Black coffee", markdown="Water that boils burns the beans.")
        await make.post(session, "Cake", markdown="Flour, eggs, and patience.")
    await node.caught_up()
    assert await node.titles("boil the water") == ["Green tea", "Black coffee"]
    assert await node.titles('"the water"') == ["Green tea"]
    assert await node.titles("water -beans") == ["Green tea"]
    assert await node.titles('water -"the leaves"') == ["Black coffee"]
    assert set(await node.titles("leaves or eggs")) == {"Green tea", "Cake"}
    assert await node.titles("nothing-of-that -water") == []
    assert await node.titles("How long must I wait for the leaves of green tea?") == ["Green tea", "Black coffee"]
    assert await node.titles("-water") == await node.titles("!?") == []


async def test_a_phrase_is_more_than_the_pairs_it_is_made_of(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.post(session, "Shop", markdown="Tea leaves, and green tea.")
        await make.post(session, "Garden", markdown="Fresh green tea leaves.")
        await make.post(session, "Green tea leaves", markdown="In the title.")
    await node.caught_up()
    assert set(await node.titles('"green tea leaves"')) == {"Garden", "Green tea leaves"}
    assert len(await node.titles('"green tea" "tea leaves"')) == 3


async def test_an_empty_question_is_refused(node: Node) -> None:
    await node.caught_up()
    assert (await node.get(q="")).status_code == 422
    assert (await node.get()).status_code == 422
    assert (await node.get(q="x", colour="red")).status_code == 422


async def test_filters_facets_and_total(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.tag(session, "Statistics")
        await make.author(session, "Ada Lovelace")
        await make.series(session, "Basics")
        old = datetime(2019, 5, 1, tzinfo=UTC)
        await make.post(session, "Mean values", at=old, tags=["statistics"], authors=["ada-lovelace"])
        await make.post(session, "Mean tricks", series="basics")
        await make.post(session, "Mean page", kind="page", language="de")
    await node.caught_up()
    answer = await node.ask("mean")
    assert answer["total"] == 3 and answer["next_cursor"] is None
    assert answer["facets"]["tags"] == [{"value": "statistics", "name": "Statistics", "count": 1}]
    assert answer["facets"]["authors"] == [{"value": "ada-lovelace", "name": "Ada Lovelace", "count": 1}]
    assert {facet["value"]: facet["count"] for facet in answer["facets"]["languages"]} == {"en": 2, "de": 1}
    assert {"2019": 1}.items() <= {facet["value"]: facet["count"] for facet in answer["facets"]["years"]}.items()
    assert await node.titles("mean", tag="statistics") == ["Mean values"]
    assert await node.titles("mean", author="ada-lovelace") == ["Mean values"]
    assert await node.titles("mean", series="basics") == ["Mean tricks"]
    assert await node.titles("mean", kind="page") == await node.titles("mean", language="DE") == ["Mean page"]
    assert await node.titles("mean", published_before="2020-01-01T00:00:00Z") == ["Mean values"]
    assert "Mean values" not in await node.titles("mean", published_after="2020-01-01T00:00:00Z")
    assert await node.titles("mean", tag="no-such-tag") == []
    assert (await node.titles("mean", sort="-published_at"))[-1] == "Mean values"
    assert (await node.ask("mean", tag="statistics"))["total"] == 1


async def test_names_of_tags_and_authors_lead_to_their_articles(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.tag(session, "Kubernetes", aliases=["k8s"])
        await make.author(session, "Grace Hopper")
        await make.post(session, "Ships", tags=["kubernetes"])
        await make.post(session, "Containers", markdown="Kubernetes runs them.")
        await make.post(session, "Compilers", authors=["grace-hopper"])
    await node.caught_up()
    assert set(await node.titles("k8s")) == {"Ships", "Containers"}
    assert await node.titles("grace hopper") == ["Compilers"]


async def test_pages_have_every_hit_once_and_end(node: Node) -> None:
    async with node.sessions.begin() as session:
        for number in range(7):
            await make.post(session, f"Number {number}", markdown="tea " * (number + 1))
    await node.caught_up()
    for sort in ("relevance", "-published_at"):
        found: list[str] = []
        parameters: dict[str, Any] = {"limit": 3, "sort": sort}
        while True:
            response = await node.get(q="tea", **parameters)
            page = response.json()
            found += [hit["slug"] for hit in page["data"]]
            assert page["total"] == 7
            if page["next_cursor"] is None:
                break
            assert 'rel="next"' in response.headers["link"]
            parameters["cursor"] = page["next_cursor"]
        assert len(found) == len(set(found)) == 7


async def test_of_equals_the_newest_is_first_whatever_the_page(node: Node) -> None:
    async with node.sessions.begin() as session:
        for day in (3, 1, 4, 2, 5):
            await make.post(session, "Tea", slug=f"day-{day}", markdown="", at=datetime(2026, 1, day, tzinfo=UTC))
    await node.caught_up()
    for limit in (1, 2, 5):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await node.ask("tea", limit=limit, **cursor)
            found += [hit["slug"] for hit in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == ["day-5", "day-4", "day-3", "day-2", "day-1"]


async def test_what_is_too_deep_is_refused(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async with node.sessions.begin() as session:
        for number in range(3):
            await make.post(session, f"Tea {number}")
    await node.caught_up()
    cursor = (await node.ask("tea", limit=1))["next_cursor"]
    monkeypatch.setattr("byline.search.answering.DEEPEST", 1)
    response = await node.get(q="tea", limit=1, cursor=cursor)
    assert_problem(response, PageTooDeep, "/query/cursor")


async def test_a_slip_is_mended_and_told(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.post(session, "Measurement in practice")
        await make.post(session, "Практика измерений", markdown="")
        await make.post(session, "Élégance", language="fr", markdown="")
    await node.caught_up()
    for typed in ("mesurement", "measuremnet", "measurenent", "measuremment"):
        answer = await node.ask(f"{typed} practice")
        assert [hit["title"] for hit in answer["data"]] == ["Measurement in practice"]
        assert answer["did_you_mean"] == "measurement practice"
    assert await node.titles("измерний") == ["Практика измерений"]
    assert (await node.ask("élegace"))["did_you_mean"] == "élégance"
    assert (await node.ask("measurement"))["did_you_mean"] is None
    assert (await node.ask("tean"))["data"] == []


async def test_suggestions_for_what_is_typed_so_far(node: Node) -> None:
    async with node.sessions.begin() as session:
        await make.tag(session, "Measurement", aliases=["Metrology"])
        await make.author(session, "Meg Ryan")
        await make.post(session, "How to measure anything")
        await make.draft(session, "Measure in secret")
        await make.post(session, "Measure unseen", visibility="unlisted")
        await make.post(session, "東京の夜")
    await node.caught_up()

    async def suggested(q: str) -> list[tuple[str, str]]:
        response = await node.get("/suggest", q=q)
        return [(found["type"], found["text"]) for found in response.json()["data"]]

    assert await suggested("how to mea") == [("post", "How to measure anything")]
    assert set(await suggested("me")) == {
        ("tag", "Measurement"),
        ("author", "Meg Ryan"),
        ("post", "How to measure anything"),
    }
    assert await suggested("metro") == [("tag", "Measurement")]
    assert await suggested("東") == await suggested("東京") == [("post", "東京の夜")]
    assert await suggested("mesaure anything") == [("post", "How to measure anything")]
    assert await suggested("!") == []
