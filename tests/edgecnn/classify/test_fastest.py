"""Which variant on which engine `live` runs; engines of the tests take as long as they are told."""

import json
import shutil
import subprocess
import sys

import pytest

from edgecnn.bundle import bundle
from edgecnn.classify import fastest, race
from edgecnn.classify.fastest import Way, find_fastest
from edgecnn.engine import measured_engines
from edgecnn.engine.litert import LitertEngine
from edgecnn.engine.table import ENGINES, EngineEntry
from edgecnn.errors import BundleError, EngineError, ModelError
from edgecnn.io.cache import cache_folder
from tests.models import nan_bundle

USUAL = Way("int8", "litert")


class Other(LitertEngine):
    """LiteRT by another name, which refuses some models."""

    name, refuses, error, forks = "other", (), ModelError, False

    def __init__(self, model, spec, threads):
        if model.variant in self.refuses:
            raise self.error(f"other does not run {model.variant}")
        super().__init__(model, spec, threads)


class Timed:
    """Stands for the measurement: figures by way, and how often it was made."""

    def __init__(self):
        self.ms = {}
        self.made = 0

    def __call__(self, runs, left_s, least, pause_s):
        self.made += 1
        for run in runs.values():
            run()
        return {way: self.ms.get(str(way), 1.0) for way in runs}


@pytest.fixture(autouse=True)
def timed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(ENGINES, "other", EngineEntry(Other, measured="numpy", native=False))
    monkeypatch.setattr(Other, "refuses", ())
    monkeypatch.setattr(fastest, "why_no_device", lambda: "none is plugged in")
    monkeypatch.setattr(
        fastest, "measured_engines", lambda: {n: v for n, v in measured_engines().items() if n != "openvino"}
    )
    monkeypatch.setattr(fastest, "measure_apart", race.measure)  # where the tests' engines are known
    timed = Timed()
    monkeypatch.setattr(race, "interleaved_medians", timed)
    return timed


def found(variant=None, engine="auto", model="digits", threads=1):
    return find_fastest(str(model), variant, engine, threads)


def test_every_variant_on_every_engine_is_measured(timed):
    timed.ms = {"int8 on other": 0.5, "float32 on other": 0.4}
    chosen = found()
    assert [str(way) for way in chosen.medians_ms] == [
        "int8 on litert", "int8 on other", "float32 on litert", "float32 on other",
    ]  # fmt: skip
    assert chosen.way == Way("float32", "other")
    assert str(chosen) == (
        "auto: float32 on other, 0.4 ms a frame from a camera (int8 on litert 1 ms; int8 on other 0.5 ms; "
        "float32 on litert 1 ms; measured now)"
    )


def test_the_usual_way_stays_where_another_is_hardly_faster(timed):
    timed.ms = {"int8 on other": 0.96, "float32 on litert": 0.955}
    assert found().way == USUAL
    timed.ms = {"int8 on other": 0.94}
    assert found(threads=2).way == Way("int8", "other")


def test_what_is_asked_for_is_not_chosen(timed):
    timed.ms = {"float32 on other": 0.1, "int8 on other": 0.2}
    assert found("int8").way == Way("int8", "other")
    assert found("float32").way == Way("float32", "other")
    assert found(engine="litert").way == USUAL
    assert found("int8", "litert") is None
    assert timed.made == 3


def test_it_is_remembered_by_model_threads_and_versions(timed, monkeypatch):
    first, second = found(), found()
    assert (first.remembered, second.remembered, timed.made) == (False, True, 1)
    assert (second.way, second.medians_ms) == (first.way, first.medians_ms)
    assert str(second).endswith("measured before)")
    assert not found(threads=2).remembered
    assert not found(model="mnist").remembered
    monkeypatch.setattr(fastest, "describe_processor", lambda: "another one")
    assert not found().remembered
    monkeypatch.setattr(fastest, "measured_engines", lambda: {"litert": "9.9", "other": "1"})
    assert not found().remembered


@pytest.mark.parametrize(
    "poison",
    [
        {"ms": None},
        {"ms": {}},
        {"ms": {"int8 on litert": 1, "int8 on gone": 0.1}},
        {"ms": {"int8 on litert": "1"}},
        {"ms": {"int8 on litert": -1}},
        {"ms": {"int8 on litert": float("nan")}},
        {"refused": None},
        {"refused": [1]},
    ],
    ids=str,
)
def test_what_measuring_can_not_have_found_is_measured_again(timed, poison):
    found()
    path = cache_folder() / "fastest.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps({key: {**entry, **poison} for key, entry in entries.items()}))
    assert not found().remembered
    assert found().remembered


def test_a_way_that_does_not_run_is_left_out_with_its_reason(timed, monkeypatch):
    monkeypatch.setattr(Other, "refuses", ("int8",))
    for how in ("measured now", "measured before"):
        chosen = found()
        assert Way("int8", "other") not in chosen.medians_ms
        assert str(chosen).endswith(f"{how}); int8 on other is left out: other does not run int8")
    assert chosen.engine_for("int8", "auto") == "litert"


def test_what_may_pass_is_not_remembered(timed, monkeypatch):
    monkeypatch.setattr(Other, "refuses", ("int8",))
    monkeypatch.setattr(Other, "error", EngineError)
    assert "int8 on other is left out" in str(found())
    monkeypatch.setattr(Other, "refuses", ())
    chosen = found()
    assert not chosen.remembered
    assert Way("int8", "other") in chosen.medians_ms
    assert found().remembered


def test_side_by_side_are_engines_whose_copies_work(timed, monkeypatch):
    timed.ms = {"int8 on other": 0.1, "float32 on litert": 0.2}
    assert find_fastest("digits", None, "auto", 1, side_by_side=True).way == Way("float32", "litert")
    assert find_fastest("digits", "int8", "auto", 1, side_by_side=True) is None
    assert find_fastest("digits", None, "other", 1, side_by_side=True).way.engine == "other"
    monkeypatch.setattr(Other, "forks", True)
    assert find_fastest("digits", None, "auto", 1, side_by_side=True).way == Way("int8", "other")


def test_a_variant_that_answers_nan_is_no_choice_and_hides_no_other(tmp_path, timed):
    timed.ms = {"float32 on litert": 0.1, "int8 on other": 0.2}
    chosen = found(model=nan_bundle(tmp_path))
    assert chosen.way == Way("int8", "other")
    assert "float32 on litert is left out: digits float32 answered NaN or infinity" in str(chosen)


def test_of_a_slow_model_not_every_way_gets_its_turn(timed, monkeypatch):
    monkeypatch.setattr(race, "MEASURE_S", 1e-9)
    chosen = found()
    assert (chosen.way, list(chosen.medians_ms)) == (USUAL, [USUAL])
    assert "int8 on other was not measured: the others took too long" in str(chosen)


def test_an_engine_that_computes_nothing_is_not_measured(timed):
    assert found(engine="fake:delay_ms=1000") is None
    assert found("int8", "fake") is None
    assert timed.made == 0


def test_where_no_way_runs_there_is_no_choice(monkeypatch, run_cli, choosing):
    monkeypatch.setattr(Other, "refuses", ("int8", "float32"))
    assert found(engine="other") is None
    ran = run_cli("live", "--source", "synthetic", "--frames", "1", "--show", "none", "--engine", "other")
    ran.fails("other does not run int8")


def test_each_variant_has_its_fastest_engine(timed):
    timed.ms = {"int8 on litert": 0.2, "float32 on other": 0.5}
    chosen = found()
    variants = ("int8", "float32", "float16")
    assert [chosen.engine_for(name, "auto") for name in variants] == ["litert", "other", "auto"]


def test_live_never_leaves_the_engine_that_is_named(monkeypatch, run_cli, choosing):
    monkeypatch.setattr(Other, "refuses", ("float32",))
    loads = []
    monkeypatch.setattr("edgecnn.cli.live.run_live", lambda load, *_: loads.append(load))
    monkeypatch.setattr("edgecnn.cli.live.print_summary", lambda *_: None)
    assert run_cli("live", "--source", "synthetic", "--engine", "other").code == 0
    with pytest.raises(ModelError, match="other does not run float32"):
        loads[0]("float32").__enter__()


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(bundle.find("digits"), tmp_path / "copy")
    return tmp_path / "copy"


def test_a_variant_that_is_less_accurate_is_no_choice(copy, timed):
    timed.ms = {"float32 on litert": 0.1}
    assert found(model=copy).way.variant == "float32"
    manifest = json.loads((copy / "bundle.json").read_text())
    best = manifest["variants"]["int8"]["accuracy"]
    for accuracy, choices in ((best - 0.02, {"int8"}), (None, {"int8"}), (best - 0.009, {"int8", "float32"})):
        manifest["variants"]["float32"]["accuracy"] = accuracy
        (copy / "bundle.json").write_text(json.dumps(manifest))
        shutil.rmtree(cache_folder(), ignore_errors=True)
        assert {way.variant for way in found(model=copy).medians_ms} == choices


def test_a_bare_file_is_measured_on_every_engine(digits_file, timed):
    timed.ms = {"int8 on other": 0.3}
    assert found(model=digits_file).way == Way("int8", "other")
    assert len(found(model=digits_file).medians_ms) == 2


def test_an_edge_tpu_is_taken_without_measuring(monkeypatch, timed):
    monkeypatch.setattr(fastest, "why_no_device", lambda: None)
    assert found() is None
    assert timed.made == 0


def test_an_unknown_variant_is_named_where_it_is_opened(run_cli, seven):
    assert found("int4") is None
    run_cli("classify", seven, "--variant", "int4").fails("has no variant 'int4'")
    with pytest.raises(BundleError, match="has no variant 'auto'"):
        bundle.open_model("digits", "auto")


@pytest.fixture
def choosing(monkeypatch):
    """Let `live` choose, as it does for users."""
    monkeypatch.setattr(fastest, "find_fastest", find_fastest)


def test_live_runs_the_fastest_way_and_says_so(run_cli, choosing, timed):
    timed.ms = {"float32 on other": 0.1}
    ran = run_cli("live", "--source", "synthetic:fps=0", "--frames", "3", "--show", "none")
    assert (ran.code, ran.err) == (0, "")
    assert "model digits float32 on other, 1 thread" in ran.out
    assert "auto: float32 on other, 0.1 ms a frame from a camera (int8 on litert 1 ms; " in ran.out


def test_live_runs_what_is_named(run_cli, choosing, timed):
    asked = ["--source", "synthetic:fps=0", "--frames", "3", "--show", "none", "--variant", "int8"]
    ran = run_cli("live", *asked, "--engine", "litert")
    assert "model digits int8 on litert" in ran.out
    assert "auto" not in ran.out
    assert "model digits int8 on litert" in run_cli("live", *asked, "--deadline", "10000").out
    assert timed.made == 0


def test_classify_measures_only_where_it_is_asked_to(run_cli, choosing, seven, timed):
    timed.ms = {"float32 on litert": 0.1}
    assert run_cli("classify", seven).err == ""
    assert timed.made == 0
    ran = run_cli("classify", seven, "--variant", "auto")
    assert ran.code == 0
    assert "auto: float32 on litert, 0.1 ms a frame from a camera" in ran.err
    assert timed.made == 1


def test_it_measures_for_real_in_a_process_of_its_own(digits_file, tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the current folder was searched')")
    code = """
import sys
from edgecnn.bundle.input_spec import Given
from edgecnn.classify.fastest import find_fastest
given = Given(fit="crop") if sys.argv[1].endswith(".tflite") else Given()
found = find_fastest(sys.argv[1], None, "auto", 1, given)
again = find_fastest(sys.argv[1], None, "auto", 1, given)
print(found)
print(again)
print("openvino" in sys.modules, "ai_edge_litert" in sys.modules)
"""
    for model in ("digits", str(digits_file)):
        run = subprocess.run(
            [sys.executable, "-P", "-c", code, model],
            capture_output=True, text=True, timeout=120, cwd=tmp_path,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        now, before, loaded = run.stdout.splitlines()
        if model != "digits" and "openvino" not in measured_engines():
            assert now == "None"
            continue
        assert now.startswith("auto: ")
        assert "int8 on litert" in now
        assert now.endswith("measured now)") or "measured now); " in now
        assert "measured before)" in before
        assert loaded == "False False"


@pytest.mark.parametrize("ended", [(-9, "", "killed"), (0, "a library says hello\n[[], []]", "")])
def test_where_the_process_ends_badly_nothing_is_chosen(monkeypatch, ended):
    monkeypatch.undo()
    monkeypatch.setattr(fastest, "why_no_device", lambda: "none is plugged in")
    monkeypatch.setattr(fastest, "run_program", lambda *_: ended)
    assert find_fastest("digits", None, "auto", 256) is None
