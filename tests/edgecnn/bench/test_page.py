from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edgecnn import Timings
from edgecnn.bench.accuracy import Accuracies, VariantAccuracy
from edgecnn.bench.changes import find_changes, read_run
from edgecnn.bench.operators import operators
from edgecnn.bench.page import draw_page
from edgecnn.bundle.bundle import open_model
from tests.edgecnn.bench.test_interleaved import compared, entered

pytest.importorskip("matplotlib")
EMPTY = {"meta", "br", "img", "path", "use"}
HOSTILE = "<script>alert('$x')</script>"


class Parsed(HTMLParser):
    """The elements, attributes and text of a page; every element has to be closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def whole(tmp_path):
    """A report that has everything."""
    import json

    result = compared([1.0, 1.01] * 10, [2.0, 2.01] * 10)
    for c in result.candidates:
        c.camera_blocks = [[(1.5, Timings(0.1, 1.0, 0.1))] for _ in c.blocks]
    old = tmp_path / "old.json"
    old.write_text(json.dumps(compared([2.0] * 8, [2.0] * 8).as_dict()))
    known = Accuracies(
        "drawn", 50, "float32", {"int8": VariantAccuracy(0.9, 0.98), "float32": VariantAccuracy(0.92, 1.0)}
    )
    result = replace(result, accuracies=known, operators=operators("int8", open_model("digits").file))
    return replace(result, changes=find_changes(read_run(str(old)), result))


def test_a_page_has_all_of_a_run(whole):
    page = Parsed(draw_page(whole))
    for part in (
        "digits: int8 against float32", "2.00×", "98.00%", "90.00%", "CONV_2D", "faster", "capture",
        "Accuracy and speed", "Block by block", whole.board.cpu,
    ):  # fmt: skip
        assert part in page.text, part
    assert page.tags.count("svg") == 6


def test_a_page_needs_nothing_from_elsewhere(whole):
    text = draw_page(whole)
    page = Parsed(text)
    assert "script" not in page.tags
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    for name, value in page.attributes:
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#")
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)), "plots do not share their clips and markers"
    assert "currentColor" in text, "ink is the page's"
    assert text == draw_page(whole)


def test_names_are_escaped_everywhere():
    result = compared([1.0] * 8, [2.0] * 8)
    result.candidates[1].variant = HOSTILE
    page = Parsed(draw_page(replace(result, model=HOSTILE)))
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) > 3


def test_an_unstable_run_says_so_on_top(whole):
    page = draw_page(compared([1.0, 1.5] * 10, [2.0] * 20))
    assert page.index("This was not a quiet run") < page.index("<figure>")
    assert "This was not a quiet run" not in draw_page(whole)


def test_one_candidate_alone_has_a_page():
    from edgecnn.bench.report import report
    from edgecnn.machine.condition import read_condition

    now = read_condition()
    page = Parsed(draw_page(report("digits", [entered("int8", 1, [1.0] * 8)], (now, now))))
    assert page.tags.count("svg") == 3
