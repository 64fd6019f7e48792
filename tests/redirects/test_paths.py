from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.redirects.paths import below, keys, normal_path, normal_target


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/a/", "/a"),
        ("/a//b///", "/a/b"),
        ("//evil.example/x", "/evil.example/x"),
        ("/A/b", "/A/b"),
        ("/caf%C3%A9", "/café"),
        ("/cafe%CC%81", "/café"),
        ("/cafe\u0301", "/café"),
        ("/a#part", "/a"),
        ("/a/?", "/a"),
        ("/a/?p=1&q=%20#x", "/a?p=1&q=%20"),
        ("/?p=123", "/?p=123"),
        ("/100%", "/100%25"),
        ("/100%25", "/100%25"),
        ("/a%3Fb%23c", "/a%3Fb%23c"),
        ("/a%2Fb", "/a/b"),
        ("/with%20space", "/with space"),
    ],
)
def test_one_address_is_one_text(address: str, normal: str) -> None:
    assert normal_path(address) == normal
    assert normal_path(normal) == normal


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "https://blog.example/a",
        "/..",
        "/a/../b",
        "/a/%2E%2E/b",
        "/./a",
        "/\\evil",
        "/%5Cevil",
        "/%00",
        "/a\nb",
        "/a?x=\r\n",
        "/%ff",
        "/\ud800",
        "/" + "x" * 2000,
        "/" + "%25" * 700,
        "?a",
        "#a",
    ],
)
def test_what_no_browser_asks_for_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        normal_path(address)


@given(st.text(st.sampled_from("/.%25Ee3F?#a\u0301é\\\n "), max_size=12).map(lambda text: "/" + text))
def test_to_normalise_twice_is_to_do_it_once(address: str) -> None:
    with suppress(ValueError):
        normal = normal_path(address)
        assert normal_path(normal) == normal
        assert normal.startswith("/") and not normal.startswith("//")
        assert all(normal_path(key) == key for key in keys(normal))


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/a/?x=1#part", "/a?x=1#part"),
        ("https://example.com/a", "https://example.com/a"),
        ("http://example.com", "http://example.com"),
        ("//example.com/a", "/example.com/a"),
    ],
)
def test_a_target_is_a_path_or_an_address(address: str, target: str) -> None:
    assert normal_target(address) == target


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.com",
        "https://",
        "https:/a",
        "a",
        "mailto:a@b.example",
        "https://example.com/a b",
        "https://example.com\\@evil.example",
        "https://exa\nmple.com",
        "/..",
        "/a#\n",
        "http://[",
    ],
)
def test_other_targets_are_refused(address: str) -> None:
    with pytest.raises(ValueError):
        normal_target(address)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("https://blog.example/a/?x#y", "/a?x#y"),
        ("https://blog.example", "/"),
        ("https://blog.example?p=1", "/?p=1"),
        ("https://blog.example.org/a", "https://blog.example.org/a"),
        ("/a", "/a"),
    ],
)
def test_an_address_of_the_site_is_its_path(address: str, target: str) -> None:
    assert below(address, "https://blog.example") == target


def test_a_query_is_looked_for_first() -> None:
    assert keys("/a?b") == ("/a?b", "/a")
    assert keys("/a") == ("/a",)
