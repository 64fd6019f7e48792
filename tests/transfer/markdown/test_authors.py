import pytest
from pydantic import JsonValue

from byline.transfer.documents import ImportedAuthor
from byline.transfer.markdown.authors import read_authors
from byline.transfer.markdown.fields import Fields
from byline.transfer.markdown.site import Site

ADA: dict[str, JsonValue] = {"name": "Ada Lovelace", "title": "Measures", "url": "https://ada.example"}
SITE = Site(authors={"": {"ada": ADA}})


def read(values: dict[str, JsonValue], site: Site = SITE) -> tuple[tuple[ImportedAuthor, ...], dict[str, JsonValue]]:
    fields = Fields(values, [])
    return read_authors(fields, "blog/a.md", site), fields.left


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"author": "Grace Hopper"}, ["Grace Hopper"]),
        ({"author": "Aaron Turon and Niko Matsakis"}, ["Aaron Turon and Niko Matsakis"]),
        ({"author": "Josh Aas, Executive Director"}, ["Josh Aas, Executive Director"]),
        ({"authors": ["A", "B", "a"]}, ["A", "B"]),
        ({"author": "A", "authors": ["B"]}, ["A", "B"]),
        ({"author": ["A", None, ""]}, ["A"]),
        ({"authors": [{"name": "A"}, "ada"]}, ["A", "Ada Lovelace"]),
        ({"taxonomies": {"authors": ["A"]}}, ["A"]),
        ({"extra": {"author": "A"}}, ["A"]),
        ({"author": 7}, ["7"]),
    ],
)
def test_authors_are_united(values: dict[str, JsonValue], expected: list[str]) -> None:
    authors, left = read(values)
    assert ([author.name for author in authors], left) == (expected, {})


def test_a_key_stands_for_a_profile() -> None:
    authors, _ = read({"authors": ["ada"]})
    assert authors == (
        ImportedAuthor("ada", "Ada Lovelace", headline="Measures", links=(("website", "https://ada.example"),)),
    )


def test_an_inline_profile_goes_before_that_of_its_key() -> None:
    (author,), left = read({"author": {"key": "ada", "title": "Guest", "image_url": "/ada.png"}})
    assert (author.slug, author.name, author.headline, author.avatar_url) == (
        "ada",
        "Ada Lovelace",
        "Guest",
        "/ada.png",
    )
    assert left == {}


def test_the_nearest_file_of_authors_counts() -> None:
    site = Site(
        authors={"": {"ada": ADA}, "blog/": {"ada": {"name": "Ada of the blog"}}, "other/": {"bob": {"name": "Bob"}}}
    )
    authors, _ = read({"authors": ["ada", "bob"]}, site)
    assert [author.name for author in authors] == ["Ada of the blog", "Bob"]


def test_the_first_docusaurus_had_the_profile_in_keys_of_the_post() -> None:
    (author,), left = read(
        {
            "author": "Grace Hopper",
            "authorTitle": "Admiral",
            "authorURL": "https://grace.example",
            "author_image_url": "https://grace.example/me.png",
            "authorTwitter": "grace",
            "authorFBID": 1,
        }
    )
    assert author == ImportedAuthor(
        "grace-hopper",
        "Grace Hopper",
        headline="Admiral",
        avatar_url="https://grace.example/me.png",
        links=(("website", "https://grace.example"), ("twitter", "https://twitter.com/grace")),
    )
    assert left == {"authorFBID": 1}


def test_profiles_on_networks_become_addresses() -> None:
    socials: dict[str, JsonValue] = {
        "x": "@ada",
        "github": "https://github.com/ada",
        "linkedin": "ada",
        "mastodon": "@ada@social.example",
        "newsletter": "https://news.example",
    }
    (author,), left = read({"author": {"name": "Ada", "socials": socials}})
    assert dict(author.links) == {
        "x": "https://x.com/ada",
        "github": "https://github.com/ada",
        "linkedin": "https://www.linkedin.com/in/ada",
        "mastodon": "https://social.example/@ada",
        "newsletter": "https://news.example",
    }
    assert left == {}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("Ada <ada@example.org>", ["Ada"]),
        ({"name": "Ada", "email": "ada@example.org"}, ["Ada"]),
        ({"name": "Ada", "socials": {"unknown": "ada"}}, ["Ada"]),
        ({"email": "ada@example.org"}, []),
        (True, []),
        (["Ada", {"x": 1}], ["Ada"]),
        ("x" * 501, []),
    ],
)
def test_what_an_author_has_no_place_for_is_kept(value: JsonValue, names: list[str]) -> None:
    authors, left = read({"author": value})
    assert ([author.name for author in authors], left) == (names, {"author": value})


def test_hostile_addresses_are_no_links() -> None:
    (author,), _ = read({"author": {"name": "Ada", "url": "javascript:alert(1)", "avatar": "data:text/html,x"}})
    assert (author.links, author.avatar_url) == ((), None)
