"""How many threads are quickest; the fake engine waits the same whatever it is given."""

import json
from dataclasses import replace

import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.engine import Engine
from edgecnn.engine import threads as measured
from edgecnn.engine.table import ENGINES, EngineEntry
from edgecnn.engine.threads import best_threads
from edgecnn.io.cache import cache_folder
from edgecnn.machine.board import describe_board


class Scaling(Engine):
    """An engine that a test times: as much quicker as it has threads."""

    name = "scaling"

    def __init__(self, model, spec, threads):
        pass

    def invoke(self, tensor):
        return tensor


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(measured, "MEASURE_S", 0.1)
    monkeypatch.setitem(ENGINES, "scaling", EngineEntry(Scaling))


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.setattr(measured, "interleaved_medians", lambda runs, *_: {n: 60.0 / n for n in runs})


@pytest.fixture
def cores(monkeypatch):
    board = describe_board()

    def have(count):
        monkeypatch.setattr(measured, "describe_board", lambda: replace(board, cores=count))

    return have


@pytest.fixture
def model():
    return bundle.open_model("digits")


def test_one_thread_where_more_bring_nothing(model, cores):
    cores(4)
    found = best_threads(model, "fake:delay_ms=2")
    assert found.count == 1
    assert list(found.medians_ms) == [1, 2, 4]


def test_all_where_each_helps(model, cores, scaling):
    cores(6)
    found = best_threads(model, "scaling")
    assert found.count == 6
    assert list(found.medians_ms) == [1, 2, 4, 6]


def test_it_is_measured_once_for_a_model_and_a_machine(model, cores, scaling):
    cores(2)
    first, second = best_threads(model, "scaling"), best_threads(model, "scaling")
    assert not first.remembered
    assert second.remembered
    assert second.count == first.count == 2
    assert str(second).startswith("threads auto: 2 (1: 60 ms, 2: 30 ms")
    assert str(second).endswith("ms; measured before)")
    cores(3)
    assert not best_threads(model, "scaling").remembered
    assert not best_threads(model._replace(data=model.data + b" "), "scaling").remembered


def test_one_core_needs_no_measuring(model, cores):
    cores(1)
    assert best_threads(model, "fake:hang=1").count == 1


def test_it_is_shown(run_cli, seven):
    ran = run_cli("classify", seven, "--threads", "auto")
    assert ran.code == 0
    assert "threads auto: " in ran.err
    with edgecnn.load("digits", threads="auto") as classifier:
        assert "measured before" in classifier.notices[0]


@pytest.mark.parametrize("text", ["0", "two", "-1", "257", "1.5", ""])
def test_other_numbers_are_usage_errors(run_cli, seven, text):
    run_cli("classify", seven, "--threads", text).fails("--threads is", "or auto", code=2)


@pytest.mark.parametrize(
    "poison",
    [
        {"threads": 1_000_000},
        {"threads": 257},
        {"threads": 3},
        {"threads": 0},
        {"threads": -1},
        {"threads": True},
        {"threads": 2.0},
        {"threads": "2"},
        {"threads": None},
        {"ms": None},
        {"ms": {"1": 5.0}},
        {"ms": {"1": 5.0, "2": 3.0, "1000000": 1.0}},
        {"ms": {"1": 5.0, "2": float("nan")}},
        {"ms": {"1": 5.0, "2": float("inf")}},
        {"ms": {"1": 5.0, "2": -1}},
        {"ms": {"1": "5", "2": "3"}},
        {"ms": {"1": 5.0, "\x1b[2J": 3.0}},
    ],
    ids=str,
)
def test_a_number_that_was_never_measured_is_measured_again(model, cores, scaling, poison):
    cores(2)
    best_threads(model, "scaling")
    path = cache_folder() / "threads.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps({key: {**entry, **poison} for key, entry in entries.items()}))
    found = best_threads(model, "scaling")
    assert not found.remembered
    assert found.count == 2
    assert best_threads(model, "scaling").remembered, "and remembered again"


def test_no_more_threads_than_an_engine_takes(model, cores):
    cores(100_000)
    assert max(best_threads(model, "fake:delay_ms=0").medians_ms) == 256
    with pytest.raises(edgecnn.EdgeCnnError, match="expected a number from 1 to 256"):
        edgecnn.load("digits", threads=1_000_000)
