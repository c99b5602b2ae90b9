import edgecnn
from edgecnn.bench import Contestant, bench_frames, measure, report


def contest(first: str, second: str, blocks: int = 8):
    with edgecnn.load("digits", "int8", first) as a, edgecnn.load("digits", "float32", second) as b:
        quantized, other = Contestant.of(a), Contestant.of(b)
        measure([quantized, other], blocks=blocks, runs_per_block=5, warm_up=2, frames=bench_frames()[:3])
        return report("digits", [quantized], [other])


def test_a_model_that_takes_twice_as_long_is_twice_as_slow():
    result = contest("fake:delay_ms=2", "fake:delay_ms=4")
    ratio = result.comparisons[0].inference
    assert 1.8 < ratio.value < 2.2
    assert ratio.low <= ratio.value <= ratio.high
    assert result.comparisons[0].is_faster
    assert result.names == ("int8", "float32")


def test_int8_that_is_slower_is_not_called_faster():
    comparison = contest("fake:delay_ms=3", "fake:delay_ms=2").comparisons[0]
    assert comparison.inference.value < 1
    assert not comparison.is_faster


def test_blocks_come_in_turn_and_warm_up_is_apart():
    result = contest("fake", "fake", blocks=6)
    assert result.runs == 30
    for contestant in result.contestants:
        assert [len(block) for block in contestant.blocks] == [5] * 6
        spread = contestant.spread("total")
        assert 0 < spread.p50_ms <= spread.p90_ms <= spread.p99_ms


def test_the_report_has_the_machine_and_the_files():
    data = contest("fake", "fake").as_dict()
    assert data["board"]["cores"] >= 1
    assert data["peak_memory_mib"] > 10
    assert [r["variant"] for r in data["results"]] == ["int8", "float32"]
    assert data["results"][0]["file_bytes"] < data["results"][1]["file_bytes"]
    assert set(data["results"][0]["latency_ms"]) == {"preprocess", "inference", "decode", "total"}
    ratio = data["ratios"][0]["inference"]
    assert 0 < ratio["low"] <= ratio["value"] <= ratio["high"]
