import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.core.slugs import is_slug
from byline.transfer.markdown.slugs import clean_slug, last_segment, name_slug, spelled_out


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Rust-1.10", "Rust-1.10"),
        ("a~b_c", "a~b_c"),
        ("My Post", "My-Post"),
        ("conf-lineup@0", "conf-lineup-0"),
        ("caf\u0065\u0301", "café"),
        ("%E4%BD%A0%E5%A5%BD", "你好"),
        ("हिन्दी भाषा", "हिन्दी-भाषा"),
        ("می\u200cخواهم", "می-خواهم"),
        ("about.html", "about"),
        ("README.md.html", "README"),
        ("socket.io", "socket.io"),
        (".hidden.", "hidden"),
        ("---", ""),
        ("😀", ""),
        ("x" * 300, "x" * 200),
    ],
)
def test_slugs_stay_what_they_were_where_they_can(text: str, slug: str) -> None:
    assert clean_slug(text) == slug


@given(st.text())
def test_slugs_are_slugs(text: str) -> None:
    assert clean_slug(text) == "" or is_slug(clean_slug(text))
    assert is_slug(name_slug(text))
    assert is_slug(spelled_out(text))


def test_a_clean_slug_stays_as_it_is() -> None:
    assert clean_slug(clean_slug("Ünï/cöde & more.md")) == clean_slug("Ünï/cöde & more.md")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Web Development", "web-development"),
        ("C", "c"),
        ("C++", "cpp"),
        ("C#", "csharp"),
        ("F#", "fsharp"),
        ("#rust", "rust"),
        (".NET", "net"),
        ("Martín Bigio", "martin-bigio"),
        ("東京", "東京"),
        ("😀", "grinning"),
    ],
)
def test_names_have_slugs(name: str, slug: str) -> None:
    assert name_slug(name) == slug


def test_names_of_other_scripts_that_sound_alike_stay_apart() -> None:
    assert name_slug("事实") != name_slug("史诗")
    assert name_slug("†") != name_slug("‡")


@pytest.mark.parametrize(
    ("address", "slug"),
    [
        ("2016/07/07/Rust-1.10", "Rust-1.10"),
        ("/blog/hello.html", "hello"),
        ("/blog/hello/", "hello"),
        ("/blog/hello/index.html", "hello"),
        ("https://example.com/blog/hello/?x=1#y", "hello"),
        ("/:year/:title/", ""),
        ("/blog/{{ slug }}/", ""),
        ("https://example.com/?p=12", ""),
        ("/", ""),
        ("http://[", ""),
    ],
)
def test_an_address_ends_in_a_slug(address: str, slug: str) -> None:
    assert last_segment(address) == slug
