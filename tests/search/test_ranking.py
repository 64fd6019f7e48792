"""How good the order is, by judgements of people, and whether what is known to be there is found."""

import json
import math
import random
from collections import defaultdict

import pytest

from byline.core.markdown import render
from byline.transfer.documents import Document
from byline.transfer.markdown.reader import read_folder
from tests.corpora import corpus
from tests.search.articles import article, store
from tests.search.conftest import Node


async def test_judged_questions(node: Node, thorough: bool) -> None:
    """The Cranfield collection: nDCG at 10 of 0.50, where any word by `ts_rank` has 0.38, and BM25 0.52. All of it when
    this is thorough, else every fourth question.
    """
    folder = corpus("search-cranfield")
    documents = [json.loads(line) for line in (folder / "documents.jsonl").read_text().splitlines()]
    gains: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (folder / "qrels.tsv").read_text().splitlines()[1:]:
        question, document, gain = line.split()
        gains[question][f"d{document}"] = int(gain)
    await node.caught_up()
    await store(node.sessions, (article(f"d{found['id']}", found["title"], found["text"]) for found in documents))
    await node.rebuilt()
    questions = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
    scores = []
    for question in questions if thorough else questions[::4]:
        judged = gains[str(question["id"])]
        hits = (await node.ask(question["text"], limit=10))["data"]
        ideal = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(sorted(judged.values(), reverse=True)[:10]))
        scores.append(sum(judged.get(hit["slug"], 0) / math.log2(rank + 2) for rank, hit in enumerate(hits)) / ideal)
    assert sum(scores) / len(scores) >= 0.50


@pytest.mark.parametrize("name", ["md-hugo-letsencrypt", "md-jekyll-rust"])
async def test_known_titles_and_slips_in_them(node: Node, thorough: bool, name: str) -> None:
    chance = random.Random(7)
    read = [found for found in read_folder(corpus(name)) if isinstance(found, Document)]
    chosen = {found.title: found for found in (read if thorough else read[::6])}
    rows = []
    for number, found in enumerate(chosen.values()):
        rendered = render(found.markdown)
        rows.append(article(f"n{number}", found.title, rendered.text, found.language or "en"))
    await node.caught_up()
    await store(node.sessions, rows)
    await node.rebuilt()
    missed, misspelt = [], []
    for title in chosen:
        if title not in await node.titles(title, limit=3):
            missed.append(title)
        long = [word for word in title.split() if len(word) >= 5 and word.isalpha()]
        if long and title.isascii():
            word = chance.choice(long)
            at = chance.randrange(1, len(word) - 1)
            slipped = title.replace(word, word[:at] + word[at + 1 :], 1)
            if title not in await node.titles(slipped, limit=3):
                misspelt.append(slipped)
    assert len(missed) <= 0.02 * len(chosen), missed
    assert len(misspelt) <= 0.1 * len(chosen), misspelt
