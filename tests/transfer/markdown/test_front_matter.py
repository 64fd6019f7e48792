import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.transfer.documents import CannotRead
from byline.transfer.markdown.front_matter import has_front_matter, read_front_matter


@pytest.mark.parametrize(
    ("text", "values", "body"),
    [
        ("---\ntitle: A\n---\nText\n", {"title": "A"}, "Text\n"),
        ("---\ntitle: A\n...\nText", {"title": "A"}, "Text"),
        ("---  \ntitle: A\n---\t\n\n  Text\n\n", {"title": "A"}, "\n  Text\n\n"),
        ("---\r\ntitle: A\r\n---\r\n\r\nText\r\n", {"title": "A"}, "\r\nText\r\n"),
        ("---\rtitle: A\r---\rText\r", {"title": "A"}, "Text\r"),
        ("\n \n---\ntitle: A\n---\nText", {"title": "A"}, "Text"),
        ("---\ntitle: A\n---", {"title": "A"}, ""),
        ("---\n---\nText", {}, "Text"),
        ("---\n# nothing yet\n---\nText", {}, "Text"),
        ("---\ntitle: |\n  A\n  ---\n  B\n---\nText", {"title": "A\n---\nB\n"}, "Text"),
        ('+++\ntitle = "A"\n[extra]\nx = 1\n+++\nText', {"title": "A", "extra": {"x": 1}}, "Text"),
        ("+++\r\ntitle = 'A'\r\n+++\r\nText", {"title": "A"}, "Text"),
        ('{\n  "title": "A"\n}\n\nText', {"title": "A"}, "\nText"),
        ('{"title": "}"} Text', {"title": "}"}, "Text"),
        ("{}\nText", {}, "Text"),
        (';;;\n"title": "A"\n;;;\nText', {"title": "A"}, "Text"),
        (';;;\n{"title": "A"}\n;;;\nText', {"title": "A"}, "Text"),
    ],
)
def test_front_matter_is_parted_from_the_body(text: str, values: dict[str, object], body: str) -> None:
    matter = read_front_matter(text)
    assert (matter.values, matter.body, matter.found) == (values, body, True)
    assert has_front_matter(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Text\n---\ntitle: A\n---\n",
        "---\n\nA line across the page comes first.\n",
        "--- \n# Heading\n",
        "----\ntitle: A\n----\n",
        "{% include header.html %}\nText",
        '{{< figure src="x.png" >}}',
        "{{ page.title }}",
        "{: .lead}\nText",
        "{/* MDX */}\nText",
        "{#anchor}",
    ],
)
def test_what_only_looks_like_front_matter_is_text(text: str) -> None:
    matter = read_front_matter(text)
    assert (matter.values, matter.body, matter.found) == ({}, text, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\ntitle: A\nText\n", "opens with --- and is never closed"),
        ('+++\ntitle = "A"\nText\n', "opens with +++ and is never closed"),
        ("---\ntitle: One: two\n---\n", "(YAML): line 2: mapping values are not allowed"),
        ("\n\n---\na: b\ntitle: @x\n---\n", "(YAML): line 5: no value starts with '@': put it in quotes"),
        ("---\r\na:\r\n\t- b\r\n---\r\n", "(YAML): line 3: a tab, where YAML wants spaces"),
        ("---\n- a\n- b\n---\n", "(YAML): no mapping"),
        ("---\nOnly words.\n---\n", "(YAML): no mapping"),
        ("+++\na = 1\nb =\n+++\n", "(TOML): line 3: Invalid value"),
        ('{\n"a": 1,\n"b": x\n}\nText', "(JSON): line 3"),
        ('{"a": 1\nText', "(JSON): line 2"),
        (';;;\n"a": 1,,\n;;;\n', "(JSON): line 2"),
        ("---\na: " + "[" * 90_000 + "\n---\n", "(YAML): line 2: more than 50 levels deep"),
        ('{"a":' * 90_000, "(JSON)"),
        ("---\na: " + "x" * 100_000 + "\n---\n", "(YAML): more than 100,000 characters"),
    ],
)
def test_broken_front_matter_is_one_sentence_that_names_the_line_in_the_file(text: str, reason: str) -> None:
    with pytest.raises(CannotRead) as raised:
        read_front_matter(text)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_key_that_is_there_twice_is_noted_with_its_line() -> None:
    matter = read_front_matter("---\ntags: [a]\ntitle: A\ntags: [b]\n---\n")
    assert matter.values["tags"] == ["b"]
    assert matter.notes == ("front matter: line 4: the key 'tags' is there twice, the last one counts",)


FENCED = st.tuples(
    st.sampled_from(["---\n", "+++\n", ";;;\n", "{", "\n---\r\n", ""]),
    st.text(alphabet="ab:= -\n\t[]{}\"'#&*!|>,0129.é\\", max_size=60),
    st.sampled_from(["\n---\n", "\n+++\n", "\n;;;\n", "}", "\r\n---", ""]),
    st.text(max_size=20),
).map("".join)


@given(st.one_of(FENCED, st.text()))
def test_any_text_gives_its_own_end_as_body_or_one_reason(text: str) -> None:
    try:
        matter = read_front_matter(text)
    except CannotRead as error:
        assert str(error)
    else:
        assert text.endswith(matter.body)
        assert matter.found or matter.body == text
