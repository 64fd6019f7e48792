import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.insights.models import UNNAMED
from byline.insights.naming import LONGEST, name


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  How TO\n measure ", "how to measure"),
        ("ＲＵＳＴ　1.0", "rust 1.0"),
        ("Straße", "strasse"),
        ("日本語の文章", "日本語の文章"),
        ("rust 1.85.1 release", "rust 1.85.1 release"),
        ("rfc 9457", "rfc 9457"),
        ("internationalizationandlocalization", "internationalizationandlocalization"),
        ("a" * LONGEST, "a" * LONGEST),
    ],
)
def test_what_is_typed_differently_is_one_query(typed: str, kept: str) -> None:
    assert name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "ada@example.com",
        "who is ADA＠EXAMPLE.COM please",
        "@ada@social.example",
        "+49 170 1234567",
        "(555) 867-5309",
        "٠١٧٠١٢٣٤٥٦٧",
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "123-45-6789",
        "0191d2f0-7a4b-7c3e-9f00-1234567890ab",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "a" * (LONGEST + 1),
        "\ufdfa" * 20,  # each becomes 18 characters
        " \u3000 ",
    ],
)
def test_what_may_be_personal_is_not_kept(typed: str) -> None:
    assert name(typed) == UNNAMED


@given(st.text(max_size=600))
def test_any_text_has_a_name_that_the_database_takes(typed: str) -> None:
    kept = name(typed)
    assert len(kept) <= LONGEST
    assert name(kept) in {kept, UNNAMED}
