import pytest

import edgecnn
from edgecnn import Timings
from edgecnn.bench import Candidate, Frames, bench_frames, measure
from edgecnn.bench.report import report
from edgecnn.bench.rows import csv_text
from edgecnn.bench.summary import summarize_ratios
from edgecnn.machine.condition import read_condition


def measured(first: str, second: str, blocks: int = 8, camera_runs: int = 0):
    with edgecnn.load("digits", "int8", first) as a, edgecnn.load("digits", "float32", second) as b:
        candidates = [Candidate.of(a), Candidate.of(b)]
        frames = Frames.of(bench_frames()[:3], "synthetic")
        done: list[int] = []
        conditions = measure(
            candidates, blocks=blocks, runs_per_block=5, camera_runs=camera_runs, frames=frames,
            progress=done.append,
        )  # fmt: skip
        assert done == list(range(1, blocks + 1))
        return report("digits", candidates, conditions, frames.about)


def entered(variant: str, threads: int, values: list[float], engine: str | None = None) -> Candidate:
    """A candidate whose latencies are known: no clock is in it."""
    with edgecnn.load("digits", variant, "fake", threads) as classifier:
        candidate = Candidate.of(classifier, engine)
    candidate.blocks = [[Timings(0.1, v, 0.1) for v in (value, value * 1.01)] for value in values]
    return candidate


def compared(int8_ms: list[float], float_ms: list[float]):
    now = read_condition()
    return report("digits", [entered("int8", 1, int8_ms), entered("float32", 1, float_ms)], (now, now))


def test_a_model_that_takes_twice_as_long_is_twice_as_slow():
    result = compared([1.0, 1.1, 0.9, 1.0] * 5, [2.0, 2.2, 1.8, 2.0] * 5)
    ratio = result.comparisons[0].inference
    assert ratio.value == pytest.approx(2)
    assert ratio.low <= ratio.value <= ratio.high
    assert result.comparisons[0].is_faster
    assert result.comparisons[0].names == ("int8", "float32")
    assert list(result.names) == ["int8, 1 thread", "float32, 1 thread"]
    assert "int8 is 2.00×" in summarize_ratios(result)[0]


def test_int8_that_is_slower_is_not_called_faster():
    result = compared([3.0] * 20, [2.0] * 20)
    assert result.comparisons[0].is_slower
    assert "int8 is not faster here: 0.67×" in summarize_ratios(result)[0]


def test_a_tie_is_not_called_faster():
    result = compared([1.0, 1.04] * 10, [1.04, 1.0] * 10)
    assert not result.comparisons[0].is_faster
    assert not result.comparisons[0].is_slower
    assert "int8 is not measurably faster here" in summarize_ratios(result)[0]


def test_blocks_come_in_turn_and_warm_up_is_apart():
    result = measured("fake", "fake", blocks=6)
    assert result.runs == 30
    for candidate in result.candidates:
        assert [len(block) for block in candidate.blocks] == [5] * 6
        spread = candidate.spread("total")
        assert 0 < spread.p50_ms <= spread.p90_ms <= spread.p99_ms


def test_the_report_has_the_machine_and_the_files():
    data = measured("fake", "fake").as_dict()
    assert data["board"]["cores"] >= 1
    assert data["peak_memory_mib"] > 10
    assert set(data["condition"]["before"]) == {"clock_mhz", "temperature_c", "throttled"}
    assert data["format"] == 1
    assert data["frames"] == "3 frames of 640×480, synthetic"
    assert [r["variant"] for r in data["results"]] == ["int8", "float32"]
    assert all(r["warm_up"]["runs"] >= 20 for r in data["results"])
    assert all(len(r["block_medians_ms"]["inference"]) == 8 for r in data["results"])
    assert data["results"][0]["file_bytes"] < data["results"][1]["file_bytes"]
    assert set(data["results"][0]["latency_ms"]) == {"preprocess", "inference", "decode", "total"}
    ratio = data["ratios"][0]["inference"]
    assert ratio["value"] > 0
    assert [ratio[limit] is None for limit in ("low", "high")] == [bool(data["doubts"])] * 2


def test_an_unstable_run_says_so():
    quiet = compared([1.0, 1.01, 0.99, 1.0] * 5, [2.0, 2.01, 1.99, 2.0] * 5)
    assert quiet.doubts == []
    unstable = compared([1.0, 1.5, 1.0, 1.5] * 5, [2.0] * 20)
    assert unstable.doubts == ["int8, 1 thread is unstable: its blocks' quartiles lie 35% apart"]
    assert unstable.as_dict()["doubts"] == unstable.doubts


def test_an_unstable_run_states_no_interval():
    result = compared([1.0, 1.5] * 10, [2.0] * 20)
    ratio = result.as_dict()["ratios"][0]
    assert (ratio["inference"]["low"], ratio["inference"]["high"], ratio["faster"]) == (None, None, False)
    assert summarize_ratios(result) == [
        "1 thread: int8 is 1.60× (no interval: not a quiet run) as fast as float32; whole path 1.52×"
    ]


def test_blocks_are_spread_over_the_time_that_they_are_to_take(monkeypatch):
    slept = []
    monkeypatch.setattr("edgecnn.bench.interleaved.time.sleep", slept.append)
    with edgecnn.load("digits", "int8", "fake") as classifier:
        candidate = Candidate.of(classifier)
        measure([candidate], blocks=16, runs_per_block=1, spread_s=800.0)
    assert len(slept) == 7, "a rest before each of eight batches but the first"
    assert all(100 * k - 90 < rest <= 100 * k for k, rest in enumerate(slept, 1))
    assert len(candidate.blocks) == 16


def test_the_csv_has_a_row_for_each_stage():
    lines = csv_text(compared([1.0] * 8, [2.0] * 8)).splitlines()
    assert lines[0].startswith("model,variant,engine,threads,stage,min_ms,p50_ms,p90_ms,p99_ms,runs,quiet")
    assert len(lines) == 1 + 2 * 4
    assert lines[2].startswith("digits,int8,fake,1,inference,1.0,1.005,1.01,1.01,16,yes,")


def test_each_variant_engine_and_number_of_threads_is_compared_with_the_first():
    speeds = {("int8", 1, "a"): 1.0, ("float32", 1, "a"): 3.0, ("int8", 2, "a"): 0.5, ("int8", 1, "b"): 4.0}
    now = read_condition()
    candidates = [entered(v, n, [ms] * 8, engine) for (v, n, engine), ms in speeds.items()]
    result = report("digits", candidates, (now, now))
    found = {(c.by, *c.names): c.inference.value for c in result.comparisons}
    assert found == {
        ("variant", "int8", "float32"): pytest.approx(3),
        ("engine", "b", "a"): pytest.approx(0.25),
        ("threads", "2 threads", "1 thread"): pytest.approx(2),
    }
    assert list(result.names) == [
        "int8, a, 1 thread", "float32, a, 1 thread", "int8, a, 2 threads", "int8, b, 1 thread",
    ]  # fmt: skip
    assert "int8, 1 thread: b is not faster here: 0.25×" in summarize_ratios(result)[1]


def test_a_webcam_frame_is_decoded_before_it_is_classified():
    result = measured("fake:delay_ms=1", "fake", blocks=4, camera_runs=3)
    (one, _) = result.candidates
    assert one.stages == ("capture", "preprocess", "inference", "decode", "total", "camera")
    assert [len(block) for block in one.camera_blocks] == [3] * 4
    for captured, camera in zip(one.values("capture"), one.values("camera"), strict=True):
        for ms, whole in zip(captured, camera, strict=True):
            assert ms > 0
            assert whole > ms + 1
    assert set(result.comparisons[0].ratios) == {"inference", "total", "camera"}


def test_each_turn_has_its_own_threads():
    import cv2

    class Recorder:
        """A classifier that notes how many threads OpenCV has."""

        def __init__(self, classifier):
            self.classifier, self.seen = classifier, set()
            self.model, self.engine = classifier.model, classifier.engine
            self.threads = classifier.threads

        def classify_timed(self, image, top):
            self.seen.add(cv2.getNumThreads())
            return self.classifier.classify_timed(image, top)

    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    with edgecnn.load("digits", "int8", "fake", 1) as a, edgecnn.load("digits", "int8", "fake", 2) as b:
        one, two = Recorder(a), Recorder(b)
        measure([Candidate.of(one), Candidate.of(two)], blocks=3, runs_per_block=2)
    assert (one.seen, two.seen, cv2.getNumThreads()) == ({1}, {2}, 3), "and as before behind it"
    cv2.setNumThreads(before)


@pytest.mark.slow
def test_a_seed_decides_the_order():
    class Turn:
        """A candidate that notes its turns."""

        def __init__(self, name, order):
            self.name, self.order = name, order

        def run_warm_up(self, frames):
            pass

        def run_block(self, images, jpegs):
            self.order.append(self.name)

    def order(seed):
        found = []
        measure([Turn(name, found) for name in "abc"], blocks=10, seed=seed)
        return found

    assert order(1) == order(1) != order(2)
    assert all(sorted(order(1)[i : i + 3]) == ["a", "b", "c"] for i in range(0, 30, 3))


def test_a_model_that_never_becomes_steady_is_told():
    from dataclasses import replace

    from edgecnn.bench.warm_up import WarmUp

    result = compared([1.0] * 8, [2.0] * 8)
    result.candidates[1].warm_up = WarmUp(400, 2000, steady=False)
    assert replace(result).doubts == ["float32, 1 thread was not stable after 400 runs of warm-up"]
