from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.core.slugs import MAX_LENGTH, free_slug, is_slug, slug_from
from byline.tags.models import Tag
from tests import make
from tests.conftest import Sessions


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("How to measure", "how-to-measure"),
        ("C", "c"),
        ("C++", "cpp"),
        ("C# and c++", "csharp-and-cpp"),
        ("What's new? It’s 2026!", "whats-new-its-2026"),
        ("naïve café — déjà vu", "naive-cafe-deja-vu"),
        ("Straße", "strasse"),
        ("Ελληνικά", "ellinika"),
        ("  --  a__b  -- ", "a-b"),
        ("a.b", "a-b"),
        ("½ ﬁne", "1-2-fine"),
        ("", "fallback"),
        ("!?", "fallback"),
        ("\u200b\u202e", "fallback"),
    ],
)
def test_slugs_of_titles(title: str, slug: str) -> None:
    assert slug_from(title, fallback="fallback") == slug


def test_long_titles_end_with_a_whole_word() -> None:
    assert slug_from("word " * 100, fallback="x") == "-".join(["word"] * 20)
    assert slug_from("w" * 500, fallback="x") == "w" * 100


@given(st.text(max_size=600))
def test_every_title_has_a_slug(title: str) -> None:
    slug = slug_from(title, fallback="fallback")
    assert is_slug(slug) and len(slug) <= 100
    assert slug.isascii() and slug == slug.lower()


@pytest.mark.parametrize("slug", ["a", "A", "1", "a.b", "a..b", "_", "~", "a-", "ü", "日本", "हिन्दी", "x" * MAX_LENGTH])
def test_slugs(slug: str) -> None:
    assert is_slug(slug)


@pytest.mark.parametrize(
    "text",
    [
        *["", ".", "..", "a.", ".a", "-a", "a b", "a/b", "a\\b", "a?", "a#", "a%", "a&b", "a:b", "a@b", "a\n", "\x00"],
        *["a\u200bb", "a\u202eb", "\ud800", "😀", "a.md", "a.html", "x" * (MAX_LENGTH + 1)],
    ],
)
def test_what_is_no_slug(text: str) -> None:
    assert not is_slug(text)


@given(st.text(max_size=20))
def test_ascii_slugs_stand_in_an_address_as_they_are(text: str) -> None:
    if is_slug(text) and text.isascii():
        assert quote(text) == text


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], "a"),
        (["a"], "a-2"),
        (["a", "a-2", "a-4"], "a-3"),
        (["a-2"], "a"),
        (["ab", "A", "a-b"], "a"),
        (["a", "a-02"], "a-2"),
    ],
)
async def test_a_free_slug(sessions: Sessions, taken: list[str], free: str) -> None:
    async with sessions.begin() as session:
        for slug in taken:
            await make.tag(session, slug=slug)
        assert await free_slug(session, Tag.slug, "a") == free
        assert await free_slug(session, Tag.slug, "a", Tag.slug != "a", Tag.slug != free) in {"a", free}


async def test_a_free_slug_of_full_length(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        for number in range(12):
            slug = await free_slug(session, Tag.slug, "x" * MAX_LENGTH)
            assert is_slug(slug) and slug.endswith(f"-{number + 1}" if number else "x")
            await make.tag(session, slug=slug)
