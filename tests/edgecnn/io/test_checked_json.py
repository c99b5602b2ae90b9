import json

import pytest

from edgecnn.io.checked_json import Field, JsonError, parse_json


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b'{"a": 1} x', "no JSON"),
        (b"NaN", "has NaN, which is no number in JSON"),
        (b'{"a": [-Infinity]}', "has -Infinity"),
        (b'{"a": 1e999}', "has 1e999, which is too large"),
        (b'{"a": -1E+400 }', "has -1E[+]400, which is too large"),
        (b'{"a": ' + b"9" * 400 + b".0}", "9…, which is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no JSON: Exceeds the limit"),
        (b'{"a": 1, "b": {"c": 1, "d": 2, "c": 3}}', "has the key 'c' twice"),
        (b"[" * 100_000 + b"]" * 100_000, "more than 32 levels"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "more than 32 levels"),
        (b'{"a": "\xff"}', "no UTF-8 text: byte 7"),
        ('{"a": 1}'.encode("utf-16"), "no UTF-8 text: byte 0"),
    ],
)
def test_what_is_no_strict_json_is_refused(text, reason):
    with pytest.raises(JsonError, match=reason):
        parse_json(text)


def test_what_is_json_is_read_with_and_without_a_byte_order_mark():
    value = {"a": [1, 2.5, None, True, "é"], "hash": "e999, ", "small": 1e-300, "large": 10**300}
    text = json.dumps(value).encode()
    assert parse_json(text) == parse_json(b"\xef\xbb\xbf" + text) == value
    nested = b"[" * 32 + b"]" * 32
    assert parse_json(nested)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [], {}, 10**4000, -1])
def test_a_whole_number_is_nothing_else(value):
    with pytest.raises(JsonError, match=r"^a\.b is .*, expected a whole number from 0 to 1,000$") as raised:
        Field("a.b", value).integer(0, 1000)
    assert len(str(raised.value)) < 120


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", None, 10**400, 2])
def test_a_number_is_finite_and_in_its_range(value):
    with pytest.raises(JsonError, match="expected a number from 0 to 1"):
        Field("a", value).number(0, 1)
    assert Field("a", 1).number(0, 1) == 1.0


@pytest.mark.parametrize(
    "value", ["", "a\n", "a\x1b[2J", "\ud800", "\x9b", "\u202eabc", "x" * 1001, 5, None, ["a"]]
)
def test_a_text_has_no_control_characters(value):
    with pytest.raises(JsonError, match="a is .*, expected a text of 1 to 1,000 characters") as raised:
        Field("a", value).text()
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("value", ["a", "日本語　ラベル", "crème brûlée", "a\u00a0b", "👩‍🚒", "[/b]<b>"])
def test_names_of_the_world_are_texts(value):
    assert Field("a", value).text() == value
    assert Field("a", [value]).texts(1, 20) == (value,)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2], r"a is a list of 2, expected a list of 3 numbers"),
        ([1, 2, 3, 4], r"a is a list of 4"),
        ([], r"a is a list of 0"),
        ({"0": 1}, r"a is a table"),
        ("123", r"a is '123'"),
        ([1, True, 3], r"a\[1\] is true, expected a number"),
        ([1, 2, None], r"a\[2\] is null"),
        ([1, 10**400, 3], r"a\[1\] is 1000"),
        ([[1], 2, 3], r"a\[0\] is a list of 1"),
        ([0.5, float("nan"), 1], r"a\[1\] is nan"),
    ],
)
def test_a_row_of_numbers_names_the_one_that_is_wrong(value, reason):
    with pytest.raises(JsonError, match=reason):
        Field("a", value).numbers(3)


def test_places_are_named_from_the_top():
    root = Field("", {"variants": {"int8": {"sha256": None}}, "\x1b[2J": {}})
    assert root("variants")("int8")("sha256").place == "variants.int8.sha256"
    with pytest.raises(JsonError, match=r"variants\.int8 lacks the key 'file'"):
        root("variants")("int8")("file")
    with pytest.raises(JsonError, match="it lacks the key 'input'"):
        root("input")
    assert root("\x1b[2J").place.isprintable()
    assert root.find("input") is None


def test_a_table_with_another_key_is_refused():
    table = Field("", {"a": 1, "b": {"c": 2}})
    assert table.closed("a", "b", "z") is table
    with pytest.raises(JsonError, match="^it has the key 'b', expected only a, z$"):
        table.closed("a", "z")
    with pytest.raises(JsonError, match="^b has the key 'c', expected only d$"):
        table("b").closed("d")
    with pytest.raises(JsonError, match="^a is 1, expected a table of keys and values$"):
        table("a").closed("d")
