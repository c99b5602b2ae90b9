from dataclasses import replace

import pytest

from edgecnn.bench.summary import notes
from edgecnn.classify.fastest import Fastest, Way
from tests.edgecnn.bench.test_interleaved import compared

AVX2, VNNI = ("SSE4.1", "AVX2"), ("SSE4.1", "AVX2", "AVX-VNNI")
SLOW, FAST = [2.0, 2.01] * 10, [1.0, 1.01] * 10


def said(int8, float32, instructions) -> str:
    result = compared(int8, float32)
    board = replace(result.board, cpu="Some CPU", instructions=instructions)
    return "\n".join(notes(replace(result, board=board)))


def test_where_int8_gains_little_the_missing_instructions_are_named():
    text = said(SLOW, SLOW, AVX2)
    assert "int8 gains little here: Some CPU (AVX2) has no VNNI" in text
    assert "has no dotprod" in said(SLOW, SLOW, ("NEON",))


@pytest.mark.parametrize(
    ("int8", "float32", "instructions"), [(FAST, SLOW, AVX2), (SLOW, SLOW, VNNI), (SLOW, SLOW, ())]
)
def test_nothing_is_said_where_it_gains_or_nothing_is_missing(int8, float32, instructions):
    assert "gains little" not in said(int8, float32, instructions)


@pytest.mark.parametrize("installed", [True, False])
def test_openvino_is_proposed_where_it_is_not_installed(monkeypatch, installed):
    engines = {"litert": "2", "openvino": "1"} if installed else {"litert": "2"}
    monkeypatch.setattr("edgecnn.bench.summary.measured_engines", lambda: engines)
    assert ("pip install 'edgecnn[openvino]'" in said(SLOW, SLOW, AVX2)) is not installed


def test_the_fastest_way_is_shown_and_in_the_json():
    usual, other = Way("int8", "litert"), Way("int8", "openvino")
    fastest = Fastest(other, {usual: 2.0, other: 1.0}, (), remembered=False)
    result = replace(compared(FAST, SLOW), fastest=fastest)
    line = "auto: int8 on openvino, 1 ms a frame from a camera (int8 on litert 2 ms; measured now)"
    assert line in list(notes(result))
    assert result.as_dict()["fastest"]["way"] == "int8 on openvino"
    assert compared(FAST, SLOW).as_dict()["fastest"] is None
