import json
from dataclasses import replace

import pytest

from edgecnn.bench.changes import find_changes, read_run, require_shared
from edgecnn.errors import BenchError
from tests.edgecnn.bench.test_interleaved import compared


@pytest.fixture
def written(tmp_path):
    """Write a report, changed by a function, and give its path."""

    def write(report, change=lambda data: None):
        data = report.as_dict()
        change(data)
        path = tmp_path / "old.json"
        path.write_text(json.dumps(data))
        return str(path)

    return write


def outcomes(changes):
    return {(c.candidate, c.stage): c.outcome for c in changes.rows}


def test_what_is_slower_beyond_noise_is_told(written):
    old = read_run(written(compared([1.0, 1.02] * 10, [2.0, 2.02] * 10)))
    found = find_changes(old, compared([1.2, 1.22] * 10, [1.8, 1.82] * 10))
    assert outcomes(found)["int8, 1 thread", "inference"] == "slower"
    assert outcomes(found)["float32, 1 thread", "inference"] == "faster"
    assert outcomes(found)["int8, 1 thread", "preprocess"] == "same"
    assert found.differences == ()
    assert "4 of 8 changed beyond noise" in found.summary
    slower = next(c for c in found.rows if c.stage == "inference")
    assert slower.ratio.low <= 1.2 * 1.005 <= slower.ratio.high * 1.02
    assert (slower.before_ms, slower.now_ms) == (pytest.approx(1.01, rel=0.02), pytest.approx(1.21, rel=0.02))


def test_noise_is_no_change(written):
    old = read_run(written(compared([1.0, 1.4] * 10, [2.0] * 20)))
    found = find_changes(old, compared([1.1, 1.3] * 10, [2.04] * 20))
    assert set(outcomes(found).values()) == {"same"}, "wide, and less than 3 %"
    assert "nothing changed beyond noise" in found.summary


def test_what_differs_besides_is_told(written):
    def change(data):
        data["board"]["cpu"] = "Cortex-A76"
        data["model"] = "other"
        data["frames"] = "a film"
        data["doubts"] = ["hot"]
        data["results"][0]["sha256"] = "0" * 64
        data["results"][0]["engine_version"] = "1.2.3"
        del data["results"][1]

    new = compared([1.0] * 8, [2.0] * 8)
    found = find_changes(read_run(written(new, change)), new)
    told = "; ".join(found.differences)
    for part in (
        "cpu Cortex-A76 then",
        "another model: other then",
        "other frames: a film",
        "not quiet: hot",
    ):
        assert part in told
    assert "int8, 1 thread: another model file, 000000000000… then" in told
    assert "int8, 1 thread: fake 1.2.3 then" in told
    assert "float32, 1 thread was not in that run" in told
    assert {c.candidate for c in found.rows} == {"int8, 1 thread"}


def test_a_run_that_shares_nothing_is_refused(written):
    new = compared([1.0] * 8, [2.0] * 8)
    old = read_run(written(new))
    require_shared(old, new.candidates)
    others = {("float16", "litert", 4): old.candidates["int8", "fake", 1]}
    with pytest.raises(BenchError, match="it has float16 on litert with 4 threads"):
        require_shared(replace(old, candidates=others), new.candidates)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no JSON"),
        ("[]", "is no report"),
        ('{"format": 2, "results": []}', "its format is 2"),
        ('{"format": 1, "results": []}', "is a damaged report: there is no 'when'"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, text, reason):
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=reason):
        read_run(str(path))


@pytest.mark.parametrize(
    ("medians", "reason"),
    [
        ([], r"is \[\], expected an object"),
        ({"total": [float("inf")]}, "the latency inf"),
        ({"total": [0.0, 1.0]}, "the latency 0.0"),
        ({"total": [True]}, "the latency True"),
        ({"total": 1.0}, "'total' is 1.0, expected a list"),
        ({"total": [1.0] * 10_001}, "has 10,001 latencies"),
    ],
)
def test_a_report_with_impossible_figures_is_refused(written, medians, reason):
    def change(data):
        data["results"][0]["block_medians_ms"] = medians

    with pytest.raises(BenchError, match=f"damaged report: .*{reason}.*; measure again"):
        read_run(written(compared([1.0] * 8, [2.0] * 8), change))


def test_a_report_with_a_hole_is_refused(written):
    def change(data):
        data["results"][0]["block_medians_ms"]["total"] = []

    with pytest.raises(BenchError, match="'total' has 0 latencies"):
        read_run(written(compared([1.0] * 8, [2.0] * 8), change))
    with pytest.raises(BenchError, match="can't be read"):
        read_run("/nowhere/old.json")
