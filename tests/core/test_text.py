import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.core.text import EXCERPT_LENGTH, excerpt, printable, reading_minutes, word_count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("— … ! 🎉", 0),
        ("Don't panic: version 2.5 is well-known.", 6),
        ("so—tight", 2),
        ("Привет, дорогой читатель", 3),
        ("مرحبا بالعالم", 2),
        ("हिन्दी में लिखा", 3),
        ("안녕하세요 세계", 2),
        ("我爱写作。", 4),
        ("日本語のテキスト", 8),
        ("用Python写3个例子", 7),  # five characters, and the words between them
        ("ภาษาไทย", 2),  # seven letters
        ("สวัสดี", 1),  # four letters and two vowel signs
        ("བཀྲ་ཤིས།", 2),
    ],
)
def test_words_are_counted_as_readers_of_each_script_would(text: str, words: int) -> None:
    assert word_count(text) == words


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("", 0),
        (" \n", 0),
        ("🎉", 1),
        ("word", 1),
        ("word " * 397, 1),
        ("word " * 398, 2),
        ("word " * 2650, 10),
        ("字" * 5000, 10),
        ("字" * 2500 + " word" * 1325, 10),
    ],
)
def test_reading_time_is_265_words_or_500_ideographs_a_minute(text: str, minutes: int) -> None:
    assert reading_minutes(text) == minutes


def test_a_short_text_is_its_own_excerpt() -> None:
    assert excerpt([]) == ""
    assert excerpt(["", "  One\nline. ", "Two."]) == "One line. Two."


def test_an_excerpt_ends_with_a_sentence() -> None:
    sentence = "A sentence of version 2.5 that says “what it has to say.” "
    cut = excerpt([sentence * 9])
    assert cut == (sentence * 5).strip()
    assert excerpt(["一句话有十个字在里面。" * 40]) == "一句话有十个字在里面。" * 27


def test_a_sentence_that_ends_just_behind_the_limit_is_cut_off() -> None:
    assert excerpt(["字" * 199 + "。" + "字" * 100 + "。" * 50]) == "字" * 199 + "。"


def test_an_excerpt_ends_with_a_word_where_no_sentence_ends() -> None:
    cut = excerpt(["Short. " + "word, " * 100])
    assert cut.endswith(" word…") and 290 <= len(cut) <= EXCERPT_LENGTH


def test_an_excerpt_of_a_script_without_spaces_keeps_characters_whole() -> None:
    family = "👨‍👩‍👧"
    for text in ("ก็" * 200, "x" + "e\u0301" * 200, family * 90, "👍🏽" * 200):
        cut = excerpt([text])
        assert EXCERPT_LENGTH - 6 <= len(cut) <= EXCERPT_LENGTH
        rest = text[len(cut) - 1 :]
        assert unicodedata.category(rest[0])[0] != "M" and rest[0] not in "\u200d🏽" and not cut.endswith("\u200d…")


@given(st.lists(st.text(max_size=400), max_size=4))
def test_an_excerpt_is_one_short_line_from_the_start(paragraphs: list[str]) -> None:
    whole = " ".join(" ".join(paragraphs).split())
    cut = excerpt(paragraphs)
    assert len(cut) <= EXCERPT_LENGTH and "\n" not in cut
    assert whole.startswith(cut.removesuffix("…")) or whole == cut
    assert bool(cut) == bool(whole)


@given(st.text(st.characters(), max_size=200))
def test_printable_text_goes_through_utf_8_and_xml(text: str) -> None:
    result = printable(text)
    assert len(result) == len(text)
    assert all(character in "\t\n\r" or ord(character) >= 32 for character in result)
    assert result.encode().decode() == printable(result)
