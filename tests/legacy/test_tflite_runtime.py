"""tflite-runtime 2.14 in the environment that it needs, Python 3.11 with numpy 1: `make test-legacy`."""

import platform
from importlib.util import find_spec

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.classify.golden import check, golden_images
from edgecnn.engine import open_engine
from edgecnn.engine.probe import require_sound
from edgecnn.engine.table import ENGINES, EngineEntry
from edgecnn.errors import ModelError

pytestmark = pytest.mark.skipif(
    find_spec("tflite_runtime") is None, reason="needs tflite-runtime, so Python 3.11: make test-legacy"
)
X86 = platform.machine().lower() in ("x86_64", "amd64")
SHIPPED = ("digits", "cifar10", "fashion", "signs", "waste")
MOST_STEPS = 32  # 27 were seen, by `fashion`


def test_it_is_the_environment_that_people_have():
    assert np.__version__.startswith("1.")


@pytest.mark.parametrize("name", SHIPPED)
def test_it_answers_nearly_as_litert_does(name):
    """Its int8 kernels round otherwise, which adds up with depth; the images, of blocks, are hard ones."""
    same = []
    with edgecnn.load(name, "int8", "tflite-runtime") as old, edgecnn.load(name, "int8", "litert") as new:
        assert old.engine.name == "tflite-runtime"
        spec = old.model.input
        for image in golden_images(spec.height, spec.width, 3):
            ours, theirs = old.probabilities(image), new.probabilities(image)
            assert np.abs(ours - theirs).max() <= MOST_STEPS / 256
            same.append(ours.argmax() == theirs.argmax())
        agrees = check(old).agrees
        assert agrees == (not [notice for notice in old.notices if "does not answer here" in notice])
    assert sum(same) >= len(same) - 1


@pytest.mark.parametrize("name", SHIPPED)
def test_its_float_is_the_same(name):
    with edgecnn.load(name, "float32", "tflite-runtime") as old:
        assert check(old).agrees


def test_it_warns_that_it_is_slow_or_old(run_cli, seven):
    ran = run_cli("classify", seven, "--engine", "tflite-runtime")
    assert ran.code == 0
    assert "  7 0.9" in ran.out
    assert ran.err.count("\n") == 1
    assert ("without its fast kernels" if X86 else "is old and gets no repairs") in ran.err
    ran = run_cli("classify", seven, "--engine", "tflite-runtime", "--variant", "float32")
    assert "tflite-runtime 2.14.0 is old and gets no repairs: --engine litert succeeds it" in ran.err


def test_auto_passes_it_over(run_cli):
    ran = run_cli("live", "--source", "synthetic:fps=0", "--frames", 2, "--show", "none")
    assert "on litert, 1 thread" in ran.out
    assert "not tflite-runtime: older and slower" in ran.out


def test_auto_takes_it_where_litert_is_broken(monkeypatch):
    for name in ("litert", "edgetpu"):
        monkeypatch.setitem(ENGINES, name, EngineEntry("edgecnn_not_there:X", "pip install it", auto=""))
    with open_engine("auto", bundle.open_model("digits")) as engine:
        assert engine.name == "tflite-runtime"
        assert [reason.split()[0] for reason in engine.passed_over] == ["edgetpu", "litert"]


def test_a_truncated_file_that_crashes_it_is_a_sentence(digits_file, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = bundle.open_model(digits_file)
    cut = model._replace(data=model.data[: len(model.data) // 2])
    with pytest.raises(ModelError, match="not opened here, since it was tried in a child process and the"):
        require_sound(cut, "tflite-runtime", 1)


def test_both_are_measured(run_cli, tmp_path):
    import json

    file = tmp_path / "bench.json"
    ran = run_cli("bench", "--engine", "tflite-runtime", "--json", file)
    assert ran.code == 0
    assert {r["engine"] for r in json.loads(file.read_text())["results"]} == {"tflite-runtime"}
