"""Whatever is asked, the answer is one, and what is shown is escaped."""

import json

import pytest

from byline.search.snippets import best_passage, mark
from tests import make
from tests.corpora import corpus
from tests.search.conftest import Node


async def test_naughty_strings(node: Node, thorough: bool) -> None:
    naughty = json.loads((corpus("hostile-blns") / "blns.json").read_text())
    async with node.sessions.begin() as session:
        for text in naughty[::20]:
            await make.post(session, "A title", markdown=f"```\n{text.replace(chr(0), '')}\n```")
    await node.caught_up()
    for text in naughty if thorough else naughty[::12]:
        response = await node.get(q=text[:500])
        assert response.status_code == (422 if not text or "\x00" in text else 200), text
        if response.status_code == 200:
            for hit in response.json()["data"]:
                for snippet in (hit["title_snippet"], hit["snippet"]):
                    assert "<" not in snippet.replace("<mark>", "").replace("</mark>", "")
        assert (await node.get("/suggest", q=text[:500])).status_code in {200, 422}


@pytest.mark.parametrize(
    ("text", "wanted", "shown"),
    [
        ("<b>Tea</b> & cake", {"tea"}, "&lt;b&gt;<mark>Tea</mark>&lt;/b&gt; &amp; cake"),
        ("Die Häuser", {"haus"}, "Die <mark>Häuser</mark>"),
        ("机器学习很有趣", {"学习"}, "机器<mark>学习</mark>很有趣"),
        ("teapot tea", {"tea"}, "teapot <mark>tea</mark>"),
        ("nothing", {"tea"}, "nothing"),
        ("TEA, Tea", {"tea"}, "<mark>TEA</mark>, <mark>Tea</mark>"),
        ("İstanbul TEA", {"tea"}, "İstanbul <mark>TEA</mark>"),  # longer in small letters
        ("क का", {"क"}, "<mark>क</mark> का"),
    ],
)
def test_marks(text: str, wanted: set[str], shown: str) -> None:
    assert mark(text, wanted, "de") == shown


def test_the_best_passage_has_most_of_the_words_and_names_its_heading() -> None:
    toc = [{"level": 2, "id": "a", "text": "Water"}, {"level": 2, "id": "b", "text": "Leaves"}]
    text = f"Water\nBoil tea water.\n{'Filler words. ' * 50}\nLeaves\nGreen tea leaves wait.\n{'More. ' * 80}"
    passage = best_passage(text, toc, {"tea", "leav", "green"}, "en")
    assert "<mark>Green</mark> <mark>tea</mark> <mark>leaves</mark>" in passage.html
    assert passage.heading == toc[1] and len(passage.html) < 400
