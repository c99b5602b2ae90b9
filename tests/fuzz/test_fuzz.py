"""A short run of the fuzzer; `python tests/fuzz/run.py` is the long one."""

import json
import sys
from collections import Counter

import pytest

from tests.fuzz.mutants import KINDS, mutants
from tests.fuzz.run import FINE, MODELS, Outcome, Worker, find, fuzz, table

PATHS = [find(name.split("/")[0]) / name.split("/")[1] for name in MODELS]


@pytest.mark.slow
def test_broken_models_end_in_a_prediction_or_a_clean_error(tmp_path):
    outcomes = fuzz(PATHS, 108, 7, 10, tmp_path / "kept")
    assert [o for o in outcomes if o.verdict not in FINE] == []
    assert set(Counter(o.kind for o in outcomes).values()) == {108 // len(KINDS)}
    assert {o.verdict for o in outcomes} == set(FINE), "both must be among them, or the run says nothing"
    assert not (tmp_path / "kept").exists()
    assert "wrong " in table(outcomes)


def test_a_seed_gives_the_same_files():
    data = PATHS[1].read_bytes()
    first, again, other = (list(mutants(data, 12, seed)) for seed in (1, 1, 2))
    assert first == again
    assert [kind for kind, _ in first] == list(KINDS) * 2
    assert all(a != b for (_, a), (_, b) in zip(first, other, strict=True))
    assert all(changed != data for _, changed in first)


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    """A worker that runs a line of Python in place of its work."""

    def start(line):
        script = tmp_path / "worker.py"
        script.write_text(f"import json, os, sys, time\nfor request in sys.stdin:\n    {line}\n")
        monkeypatch.setattr("tests.fuzz.run.COMMAND", [sys.executable, str(script)])
        return Worker(0.5, tmp_path)

    return start


ANSWER = {"verdict": "prediction", "message": "", "peak": 9}


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("os.abort()", "CRASH"),
        ("sys.exit(3)", "CRASH"),
        ("time.sleep(60)", "HANG"),
        (f"print({json.dumps(json.dumps(ANSWER | {'peak': 2 << 30}))}, flush=True)", "FAT"),
        (f"print({json.dumps(json.dumps(ANSWER | {'verdict': 'DIRTY'}))}, flush=True)", "DIRTY"),
        (f"print({json.dumps(json.dumps(ANSWER))}, flush=True)", "prediction"),
    ],
)
def test_each_bad_end_is_noticed(scripted, line, verdict):
    with scripted(line) as worker:
        assert worker.judge(b"", 0)["verdict"] == verdict
        assert worker.judge(b"", 0)["verdict"] == verdict, "also with a new worker"


def test_what_ends_badly_is_kept(scripted, tmp_path):
    scripted("os.abort()")
    outcomes = fuzz(PATHS[:1], 2, 0, 10, tmp_path / "kept")
    assert [o.verdict for o in outcomes] == ["CRASH", "CRASH"]
    assert isinstance(outcomes[0], Outcome)
    assert outcomes[0].message == "SIGABRT"
    assert len(list((tmp_path / "kept").iterdir())) == 2
