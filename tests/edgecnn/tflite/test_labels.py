import json
import re
import unicodedata
from contextlib import suppress

import pytest

from edgecnn.errors import LabelsError
from edgecnn.tflite.label_formats import find_labels_in, read_structure
from edgecnn.tflite.labels import MOST_BYTES, parse_labels, read_labels

LETTERS = list("abcdefghij")


def parse(text):
    return parse_labels(text.encode(), "labels.txt")


def lines(form, order=range(10)):
    return "\n".join(form.format(n, LETTERS[n]) for n in order)


ORDERS = {
    "rising": range(10),
    "falling": range(9, -1, -1),
    "as strings": [0, 1, 3, 2, 5, 4, 7, 6, 9, 8],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(
    "form",
    ["{} {}", "{}  {}", "{}: {}", "{}:{}", "{},{}", "{}, {}", "{};{}", "{}\t{}", "{}. {}", "{}) {}",
     "{} - {}", "{}={}", "{:04d} {}", "'{}': '{}'", '"{}","{}"', '{} "{}"', '{}: "{}",', "{1}: {0}",
     "{1},{0}"],
)  # fmt: skip
def test_numbers_say_which_output_a_label_is_of(form, order):
    assert parse(lines(form, order)) == LETTERS


def test_numbers_sorted_as_strings_are_numbers_all_the_same():
    order = sorted(range(120), key=str)
    assert parse("\n".join(f"{n} c{n}" for n in order)) == [f"c{n}" for n in range(120)]
    assert parse("\n".join(f"{n + 1}: c{n}" for n in order)) == [f"c{n}" for n in range(120)]


@pytest.mark.parametrize(
    "text",
    [
        "ClassId,Name\n1,b\n0,a\n2,c",
        "Name;ClassId\nb;1\na;0\nc;2",
        "id\tgroup\tlabel\n2\tx\tc\n1\tx\tb\n0\ty\ta",
        'ClassId,Name\n0,"a"\n1,"b"\n2,"c"\n',
        json.dumps(["a", "b", "c"]),
        json.dumps({"1": "b", "0": "a", "2": "c"}),
        json.dumps({"b": 1, "a": 0, "c": 2}),
        json.dumps({"0": ["n01440764", "a"], "1": ["n01443537", "b"], "2": ["n01484850", "c"]}),
        json.dumps({"task": "classify", "names": {"2": "c", "0": "a", "1": "b"}}),
        json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}),
        json.dumps([{"id": 2, "name": "c"}, {"id": 0, "name": "a"}, {"id": 1, "name": "b"}]),
        json.dumps({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]}),
        str({"stride": 32, "names": {0: "a", 1: "b", 2: "c"}}),
        "{0: a, 1: b, 2: c}",
        "[a, b, c]",
        "- a\n- b\n- 'c'\n",
        "2: c\n0: a\n1: b\n",
        "# a dataset\ntrain: images\nnc: 3\nnames:\n  2: c\n  0: a  # first\n  1: b\n",
        "nc: 3\nnames: ['a', 'b', 'c']\nval: x\n",
        "names: [\n  a, b,\n  c\n]\n",
        "names:\n- a\n- b\n- c\ntrain: x\n",
        '"a"\n"b"\n"c"',
        "'a',\n'b',\n'c'",
    ],
)
def test_tables_lists_and_maps_are_read(text):
    assert parse(text) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "labels",
    [
        ["3 series", "5 series"],
        ["1 series", "3 series", "5 series"],
        ["2 door", "4 door"],
        ["1 euro", "2 euro"],
        ["1 euro", "2 euro", "5 euro"],
        ["0.5 mm", "1.0 mm", "1.5 mm"],
        ["12:00", "12:30", "1:00", "1:30"],
        ["x:y: 0", "x:y: 1"],
        ["1. FC Köln", "1. FC Nürnberg"],
        ["0", "1", "2"],
        ["0 a", "b"],
        ["tench, Tinca tinca", "goldfish, Carassius auratus"],
        ["half\u2028line", "more"],
        ['the "best"', "rest"],
        ["{odd}", "even"],
        [],
    ],
)
def test_what_is_part_of_a_label_stays(labels):
    assert parse("\n".join(labels)) == labels


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0 a\n1 b\n3 d", ["no number 2", "line 3", "'d'"]),
        ("0: a\n1: b\n1: c", ["number 1 twice", "'b'", "line 3", "'c'"]),
        ("0,a\n2,c\n3,d", ["no number 1", "line 2"]),
        ("id,name\n0,a\n0,b\n2,c", ["number 0 twice", "line 3"]),
        ('{"0": "a", "2": "c"}', ["no number 1", "key 2"]),
        ('{"0": "a", "0": "b", "1": "c"}', ["number 0 twice"]),
        ("names:\n  0: a\n  2: c\n", ["no number 1", "line 3"]),
        ("\n".join([*(f"{n} c{n}" for n in range(19)), "c19"]), ["no number in line 20", "'c19'"]),
        (lines("{}: {}", [0, 1, 2, 3, 4, 5, 6, 8, 9]), ["no number 7", "line 8"]),
    ],
)
def test_gaps_and_doubles_are_refused_with_their_line(text, parts):
    with pytest.raises(LabelsError, match=r"^labels\.txt has") as error:
        parse(text)
    for part in parts:
        assert part in str(error.value)


def test_a_file_of_another_system_is_read_all_the_same(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffeins\r\n\r\n zwei \r\n".encode())
    assert read_labels(path) == ["eins", "zwei"]
    path.write_bytes("\ufeff1  zwei\t\r\n0  eins \r\n\r\n".encode())
    assert read_labels(path) == ["eins", "zwei"]


def test_control_characters_are_refused_with_their_line():
    with pytest.raises(LabelsError, match=r"line 2 has the control character '\\x1b'"):
        parse("a\nb\x1b[2J\n")
    with pytest.raises(LabelsError, match="label 1 has the control character"):
        parse('["\\u001b[2J", "b"]')
    assert parse("0\ta\n1\tb") == ["a", "b"]


def test_what_is_no_list_of_labels_is_one_line(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text('{"a": {"b": 1.5}}')
    with pytest.raises(LabelsError, match="has no list of labels"):
        read_labels(path)
    for data in (b"\xff\xfe\x00", "a\nb\n".encode("utf-16"), "ä\nb\n".encode("latin-1")):
        path.write_bytes(data)
        with pytest.raises(LabelsError, match="no UTF-8 text: save it as UTF-8"):
            read_labels(path)
    with pytest.raises(LabelsError, match="can't be read"):
        read_labels(tmp_path)
    path.write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(LabelsError, match="more than"):
        read_labels(path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{" * 100_000,
        "9" * 100_000 + ": a",
        "names: [",
        "- \n- a",
        "[" + "-" * 100_000 + "1]",
        "a" + " " * 1_000_000 + "x: y",
        "0" + " " * 1_000_000 + "x",
        "[" + "9" * 10_000 + "]",
        "[" + "a" * 200_000 + "]",
        "0" + "\t" * 500_000 + "x",
        "names:" + " " * 500_000,
        "x\n" * 200_000,
    ],
)
def test_hostile_texts_end_quickly(text):
    with suppress(LabelsError):
        assert all(isinstance(name, str) for name in parse(text))


@pytest.mark.parametrize("form", ["{a}\n{b}", '["{a}", "{b}"]', "0,{a}\n1,{b}", "names:\n  0: {a}\n  1: {b}"])
def test_labels_are_in_one_unicode_form(form):
    apart = {key: unicodedata.normalize("NFD", text) for key, text in (("a", "äpfel"), ("b", "café"))}
    assert parse(form.format(**apart)) == ["äpfel", "café"]


def test_every_second_line_with_its_own_number_is_a_mistake():
    names = "airplane 1automobile bird 3cat deer 5dog frog 7horse ship 9truck"
    text = "\n".join(re.sub(r"(\d)", r"\1 ", name) for name in names.split())
    with pytest.raises(LabelsError, match="has no number in line 1, 'airplane', but in 5 other lines"):
        parse_labels(text.encode(), "x")
    kept = ["series", "3 series", "5 series", "7 series", "9 series"]
    assert parse_labels("\n".join(kept).encode(), "x") == kept


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ([1, 2.5, True], ["1", "2.5", "True"]),
        ({"0": {"name": "cat"}, "1": {"label": "dog"}}, ["cat", "dog"]),
        ({"names": {"labels": {"0": "cat"}}}, ["cat"]),
        ([["n01440764", "n01443537"]], ["n01443537"]),
    ],
)
def test_labels_are_found_in_numbers_tables_and_pairs(value, names):
    assert [entry.name for entry in find_labels_in(value)] == names


@pytest.mark.parametrize(
    "value",
    [
        {"0": "cat", "1": " "}, {"0": "cat", "x": None}, [{"name": None}], [[1, 2]], [None], "cat", [], {},
        {"labels": {"names": {"classes": {"labels": {"names": {"labels": {"names": {"labels": ["cat"]}}}}}}}},
    ],
)  # fmt: skip
def test_what_names_no_classes_has_no_labels(value):
    assert find_labels_in(value) is None


@pytest.mark.parametrize("text", ["0: cat\n1:", "a: b\nc: d"])
def test_yaml_without_numbers_or_names_is_no_list(text):
    assert read_structure(text) is None
