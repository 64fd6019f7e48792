import pytest
from pydantic import JsonValue

from byline.transfer.documents import ImportedTag
from byline.transfer.markdown.fields import Fields
from byline.transfer.markdown.site import Site
from byline.transfer.markdown.tags import read_tags

JEKYLL, HUGO = Site("jekyll"), Site("hugo")


def names(values: dict[str, JsonValue], site: Site = JEKYLL) -> tuple[list[str], dict[str, JsonValue]]:
    fields = Fields(values, [])
    return [tag.name for tag in read_tags(fields, "a.md", site)], fields.left


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"tags": ["a", "b c"]}, ["a", "b c"]),
        ({"tags": "a b"}, ["a", "b"]),
        ({"tags": "a b, c"}, ["a b", "c"]),
        ({"tags": "a, "}, ["a"]),
        ({"tag": "a b"}, ["a b"]),
        ({"category": "a, b"}, ["a, b"]),
        ({"tags": ["b", "a"], "tag": "c", "categories": ["d", "a"], "category": "e"}, ["e", "c", "d", "a", "b"]),
        ({"Tags": ["Rust", "rust", "RUST"]}, ["Rust"]),
        ({"tags": [2024, 1.5, True, None, ["x", ["y"]]]}, ["2024", "1.5", "true", "x", "y"]),
        ({"tags": None, "categories": []}, []),
        ({"tags": ["C", "C++", "C#"]}, ["C", "C++", "C#"]),
        ({"taxonomies": {"tags": ["a"], "categories": ["b"]}}, ["b", "a"]),
        ({"extra": {"tags": ["a"]}}, ["a"]),
        ({"params": {"categories": "a"}}, ["a"]),
    ],
)
def test_tags_and_categories_are_one_list(values: dict[str, JsonValue], expected: list[str]) -> None:
    assert names(values) == (expected, {})


def test_where_several_tags_are_a_list_a_text_is_one() -> None:
    assert names({"tags": "web development"}, HUGO) == (["web development"], {})
    assert names({"tags": "web development, css"}, HUGO) == (["web development", "css"], {})


def test_inline_definitions_are_tags() -> None:
    fields = Fields({"tags": [{"label": "Good craft", "permalink": "/tags/craft", "description": "About it"}, "b"]}, [])
    assert read_tags(fields, "a.md", Site()) == (ImportedTag("craft", "Good craft", "About it"), ImportedTag("b", "b"))


def test_tags_of_the_site_lend_their_names() -> None:
    site = Site(tags={"": {"a": {"label": "Far"}}, "blog/": {"a": {"label": "Near", "permalink": "/near"}}})
    assert read_tags(Fields({"tags": ["a"]}, []), "blog/x.md", site) == (ImportedTag("near", "Near"),)
    assert read_tags(Fields({"tags": ["a"]}, []), "x.md", site) == (ImportedTag("a", "Far"),)


@pytest.mark.parametrize("value", [{"color": "red"}, [{"label": "a", "color": "red"}], ["a", {}], "x" * 501])
def test_what_is_no_tag_is_kept(value: JsonValue) -> None:
    assert names({"tags": value}) == ([], {"tags": value})
