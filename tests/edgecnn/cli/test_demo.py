import re


def test_it_runs_live_then_bench_and_sums_up(run_cli):
    ran = run_cli("demo", "--seconds", "1")
    assert ran.code == 0
    assert ran.err == ""
    assert "$ edgecnn live --source auto,synthetic --seconds 1" in ran.out
    assert "$ edgecnn bench" in ran.out
    summary = ran.out[ran.out.index("\nsummary") :]
    for expected in (
        "frames",
        "frame rate",
        "int8 in live",
        "int8 in bench",
        "float32 in bench",
        "float32 / int8",
    ):
        assert expected in summary
    assert re.search(r"int8 in bench +p50 [\d.]+ ms, p99 [\d.]+ ms", summary)
