"""The commands' harness notices each bad end."""

import pytest

from tests.attack.forked import MOST_BYTES, Outcome, _judge, counts


def test_a_good_answer_and_a_refusal(commands, tmp_path):
    assert commands.run("--version").verdict == "answer"
    refused = commands.run("classify", "nothing.png", folder=tmp_path)
    assert refused.verdict == "refused", refused
    assert "nothing.png" in refused.err
    assert 0 < refused.peak < MOST_BYTES


def test_a_hang(commands):
    assert commands.run("live", "--source", "synthetic", "--show", "none", limit_s=1).verdict == "HANG"


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        ((-9, "", "", 1), "CRASH"),
        ((1, "", "Traceback (most recent call last):", 1), "TRACEBACK"),
        ((1, "", "\n", 1), "SILENT"),
        ((0, "a\x1b[2J\n", "", 1), "ESCAPE"),
        ((0, "a\n", "", MOST_BYTES + 1), "MEMORY"),
        ((0, "a\n", "", 1), "answer"),
        ((2, "", "edgecnn: no\n", 1), "refused"),
    ],
)
def test_verdicts(ended, verdict):
    assert _judge(*ended) == verdict


def test_counts_in_one_line():
    line = counts([Outcome("answer", 0, "", "", 5_000_000, 0.5), Outcome("HANG", -9, "", "", 9_000_000, 10)])
    assert line == "2 cases: 1 answer, 1 HANG; slowest 10.00 s, largest 9 MB"
