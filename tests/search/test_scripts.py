"""One small case for each script and each way of writing that is not plain ASCII."""

import pytest

from byline.search.analysis import fold, may_be_of, stems, words
from tests import make
from tests.search.conftest import Node


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("café", "cafe\u0301"),
        ("İstanbul", "istanbul"),
        ("ışık", "isik"),
        ("ＡＢＣ", "abc"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("ﬁn", "fin"),
        ("Ёлка", "елка"),
        ("ΆΛΦΑ", "αλφα"),
        ("كتاب", "کتاب"),
        ("علي", "على"),
        ("إسلام", "اسلام"),
        ("كـــتاب", "كِتَاب"),
        ("שָׁלוֹם", "שלום"),
        ("٢٠٢٦", "2026"),
        ("người", "nguoi"),
        ("Øl", "ol"),
    ],
)
def test_ways_of_writing_the_same_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("йод", "иод"), ("मीन", "मन"), ("ดี", "ด"), ("が", "か")])
def test_marks_that_make_another_letter_stay(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("snake_case don't 2.5", ["snake", "case", "don", "t", "2", "5"]),
        ("C++ or C#", ["c", "++", "or", "c", "#"]),
        ("机器学习", ["机器", "器学", "学习"]),
        ("夜", ["夜"]),
        ("한국어를 배우다", ["한국", "국어", "어를", "배우", "우다"]),
        ("लर्निंग", ["लर्निंग"]),
        ("می‌خواهم", ["ميخواهم", "مي", "خواهم"]),
        ("a" * 1000, ["a" * 60]),
        ("🎉 … —", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("ca", "canten", "cantar"),
        ("et", "raamatud", "raamat"),
        ("eu", "liburuak", "liburu"),
        ("ga", "bhfear", "fear"),
        ("hi", "लड़कियाँ", "लड़की"),
        ("hy", "երեխաներ", "երեխա"),
        ("id", "membaca", "bacaan"),
        ("lt", "knygos", "knyga"),
        ("ne", "किताबहरू", "किताब"),
        ("sr", "књиге", "knjiga"),
        ("sr-Latn", "knjige", "knjiga"),
        ("yi", "מענטשן", "מענטש"),
    ],
)
def test_forms_of_a_word_in_languages_that_the_index_has_no_stemmer_for(language: str, one: str, other: str) -> None:
    assert stems(words(one), language) == stems(words(other), language)
    assert all(may_be_of(word, language) for word in words(f"{one} {other}"))


CASES = [
    ("en", "The measurements were repeated", "measurement repeating"),
    ("de", "Die Häuser am Fluß", "haus"),
    ("fr", "Les créations élégantes", "creation élégante"),
    ("es", "Las canciones españolas", "cancion española"),
    ("tr", "Işıklı şehirlerin kitapları", "kitap"),
    ("ru", "Интересные книги о погоде", "книга погода"),
    ("el", "Οι θάλασσες της Ελλάδας", "θαλασσα"),
    ("ar", "البيت على الطاولة", "طاوِلة"),
    ("fa", "من می‌خواهم کتاب بخوانم", "مي خواهم كتاب"),
    ("he", "שָׁלוֹם לכולם", "שלום"),
    ("hi", "मशीन लर्निंग की किताबें", "लर्निंग"),
    ("zh", "机器学习正在改变世界", "学习"),
    ("zh", "我爱猫", "猫"),
    ("ja", "東京で寿司を食べました", "寿司"),
    ("ja", "コーヒーの淹れ方", "ｺｰﾋｰ"),
    ("ko", "한국어를 배우는 방법", "한국어"),
    ("th", "ฉันอยากกินข้าวผัดที่กรุงเทพ", "ข้าวผัด"),
    ("vi", "Phở bò là món ăn Việt Nam", "pho bo"),
    ("ka", "საქართველოს ისტორია", "ისტორია"),
    ("ta", "தமிழ் மொழி வரலாறு", "மொழி"),
]


async def test_every_script_is_found_and_marked(node: Node) -> None:
    async with node.sessions.begin() as session:
        for number, (language, text, _) in enumerate(CASES):
            await make.post(session, f"Number {number}", slug=f"n{number}", markdown=text, language=language)
    await node.caught_up()
    for number, (language, _, asked) in enumerate(CASES):
        hits = (await node.ask(asked))["data"]
        assert hits and hits[0]["slug"] == f"n{number}", (language, asked, [hit["slug"] for hit in hits])
        assert "<mark>" in hits[0]["snippet"], (language, hits[0]["snippet"])
        assert (await node.ask(asked, language=language))["data"][0]["slug"] == f"n{number}"
