import json
from typing import Any, Literal

import pytest

from byline.transfer.documents import CannotRead
from byline.transfer.markdown.mappings import parse_mapping


def yaml(text: str) -> Any:
    return parse_mapping(text, "yaml")[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2021-08-26", "2021-08-26"),
        ("2021-13-45 10:00:00", "2021-13-45 10:00:00"),
        ("1.10", "1.10"),
        ("1.5", 1.5),
        ("42", 42),
        ("-7", -7),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9" * 5000, "9" * 5000),
        ("yes", "yes"),
        ("NO", "NO"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
        ("! 5", 5),
        ("!binary |\n  R3LDvMOfZQ==", "Grüße"),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
        ("&x [1]\nb: *x", [1]),
        ('"\\U0001F600"', "😀"),
    ],
)
def test_yaml_values_stay_as_they_were_written(written: str, value: object) -> None:
    assert yaml(f"a: {written}")["a"] == value


def test_yaml_keys_are_texts_as_they_were_written() -> None:
    assert yaml("2024: a\nnull: b\nyes: c\n1.10: d\n&k key: *k") == {
        "2024": "a",
        "null": "b",
        "yes": "c",
        "1.10": "d",
        "key": "key",
    }


def test_yaml_merges_what_a_mapping_takes_over() -> None:
    text = "base: &base {x: 1, y: 1}\nmore: &more {y: 2, z: 2}\nall:\n  <<: [*base, *more]\n  z: 3"
    assert yaml(text)["all"] == {"x": 1, "y": 1, "z": 3}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: !!python/object/apply:os.system [ls]", "line 1: the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: 1\nb: !ruby/object:Post {}", "line 2: the tag !ruby/object:Post is not supported"),
        ("a: !!timestamp 2021-13-45\nb: !!set {x}", "line 2: the tag"),
        ("a: !!binary 77+9/w==", "line 1: binary data that is no text"),
        ("a: *b", "line 1: *b stands for nothing"),
        ("a: &a [*a]", "line 1: *a stands for nothing"),
        ("a: 1\n[x]: 2", "line 2: a key that is no text"),
        ("a: {{ page.title }}", "line 1: a key that is no text"),
        ("a: 1\n--- \nb: 2", "line 2: a second document starts"),
        ("a: 1\nb: \x07", "line 2: control characters are not allowed"),
        ('a: "\\0"', "a NUL character"),
        ('"a\\0": 1', "a NUL character"),
        ("a: \0", "a NUL character"),
        ("a: \ud800", "half of a surrogate pair"),
        ("just words", "no mapping"),
    ],
)
def test_yaml_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CannotRead) as raised:
        yaml(text)
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize("leaf", ["[lol, lol, lol]", "{a: lol}", "x" * 50_000])
def test_aliases_do_not_blow_up(leaf: str) -> None:
    rows = [f"a0: &a0 {leaf}"]
    rows += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    with pytest.raises(CannotRead, match="aliases blow it up"):
        yaml("\n".join(rows))


def test_nesting_by_aliases_has_an_end() -> None:
    rows = ["a0: &a0 " + "[" * 40 + "]" * 40, "a1: " + "[" * 40 + "*a0" + "]" * 40]
    with pytest.raises(CannotRead, match="50 levels deep"):
        yaml("\n".join(rows))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2021-08-26", "2021-08-26"),
        ("2021-08-26T10:00:00+02:00", "2021-08-26T10:00:00+02:00"),
        ("10:30:00", "10:30:00"),
        ("1.10", "1.10"),
        ("1.5", 1.5),
        ("inf", "inf"),
        ("nan", "nan"),
        ("1e400", "1e400"),
        ("0x10", 16),
        (str(2**62), str(2**62)),
        ("['a', [1]]", ["a", [1]]),
    ],
)
def test_toml_values_are_json(written: str, value: object) -> None:
    assert parse_mapping(f"a = {written}", "toml")[0] == {"a": value}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ("a = 1\n\nb = 2021-02-30", "line 3: Invalid date or datetime"),
        ("a = " + "[" * 50_000, "more than 50 levels deep"),
        (".".join("a" * 40_000) + " = 1", "more than 50 levels deep"),
        (".".join("a" * 51) + " = 1", "more than 50 levels deep"),
        ('a = "\\u0000"', "a NUL character"),
        ("a = " + "9" * 5000, "Exceeds the limit"),
    ],
)
def test_toml_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CannotRead) as raised:
        parse_mapping(text, "toml")
    assert str(raised.value).startswith(reason)


def test_json_values_stay_as_they_were_written() -> None:
    text = '{"a": 1.10, "b": NaN, "c": 1e3, "d": %s, "e": [true, null, 2.5], "f": "\\ud83d\\ude00"}' % ("9" * 5000)
    assert parse_mapping(text, "json")[0] == {
        "a": "1.10",
        "b": "NaN",
        "c": "1e3",
        "d": "9" * 5000,
        "e": [True, None, 2.5],
        "f": "😀",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"\\u0000": 1}', "a NUL character"),
        ("[1]", "no mapping"),
        ('{"a": 1}\n{', "line 2: Extra data"),
        ('{"a":' + "[" * 90_000, "more than 50 levels deep"),
        ('{"a":' + "[" * 60 + "]" * 60 + "}", "more than 50 levels deep"),
    ],
)
def test_json_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CannotRead) as raised:
        parse_mapping(text, "json")
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize("language", ["yaml", "toml", "json"])
def test_nothing_is_an_empty_mapping(language: Literal["yaml", "toml", "json"]) -> None:
    assert parse_mapping("  \n", language) == ({}, [])


def test_every_value_can_be_written_as_strict_json() -> None:
    values = yaml("a: [.nan, 1e999, 0o17, 1.0, -0, ~]\nb: {c: 2021-01-01}\nd: 0b1")
    assert json.loads(json.dumps(values, allow_nan=False)) == values
