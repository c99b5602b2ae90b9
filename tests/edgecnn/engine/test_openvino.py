"""The engine `openvino`, with the real library."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs OpenVINO: pip install 'edgecnn[openvino]'")

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.engine import open_engine, openvino
from edgecnn.engine.probe import try_in_child
from edgecnn.errors import EngineError, ModelError, OptionError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def model():
    return bundle.open_model("digits")


def images(model, count: int = 4) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(-128, 128, model.inputs[0].shape).astype(np.int8) for _ in range(count)]


@pytest.mark.parametrize("threads", [1, 2])
def test_it_takes_the_file_as_it_is_and_answers_as_litert(model, threads):
    with open_engine("litert", model) as reference, open_engine("openvino", model, threads) as engine:
        assert engine.reads
        for image in images(model):
            expected, found = reference.invoke(image), engine.invoke(image)
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            assert np.abs(found.astype(int) - expected.astype(int)).max() <= 2


def test_float32_is_computed_in_float32():
    model = bundle.open_model("digits", "float32")
    image = np.random.default_rng(1).random(model.inputs[0].shape, np.float32)
    with open_engine("litert", model) as reference, open_engine("openvino:cpu", model) as engine:
        assert np.abs(engine.invoke(image) - reference.invoke(image)).max() < 1e-5


def test_a_bare_file_runs_once_it_was_tried_in_a_child_process(digits_file, seven):
    with edgecnn.load(
        digits_file, engine="openvino", labels=bundle.find("digits") / "labels.txt"
    ) as classifier:
        assert classifier.classify(seven_image(seven))[0].label == "7"


def test_it_runs_in_a_child_process_with_a_deadline(seven):
    with edgecnn.load("digits", engine="openvino", deadline_ms=20_000) as classifier:
        assert classifier.engine.name == "openvino in a child process"
        assert classifier.classify(seven_image(seven))[0].label == "7"


def seven_image(path: Path) -> np.ndarray:
    from edgecnn.image.file import read_image

    return read_image(path)


def test_a_probe_has_enough_memory_for_it(model):
    try_in_child(model, "openvino", 1)


def test_the_next_start_takes_what_was_compiled(model, monkeypatch, cache):
    with open_engine("openvino", model) as engine:
        expected = engine.invoke(images(model, 1)[0]).copy()
    [kept] = (cache / "edgecnn" / "openvino").glob("*.blob")
    monkeypatch.setattr(openvino, "_read", None)  # it would be called to compile
    with open_engine("openvino", model) as engine:
        assert np.array_equal(engine.invoke(images(model, 1)[0]), expected)
    monkeypatch.undo()
    kept.write_bytes(kept.read_bytes()[:-1])
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with open_engine("openvino", model) as engine:
        assert np.array_equal(engine.invoke(images(model, 1)[0]), expected)


def test_a_number_of_threads_has_its_own_compiled_model(model, cache):
    for threads in (1, 2):
        open_engine("openvino", model, threads).close()
    assert len([*(cache / "edgecnn" / "openvino").glob("*.blob")]) == 2


def test_nothing_is_left_behind(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = threads = None
    for _ in range(4):
        with open_engine("openvino", model) as engine:
            engine.invoke(images(model, 1)[0])
        threads = len(os.listdir("/proc/self/task"))
        before = before or threads
    assert threads == before
    assert not [*tmp_path.glob("edgecnn-*")]


def test_wrong_tensors_and_closed_engines_are_engine_errors(model):
    engine = open_engine("openvino", model)
    with pytest.raises(EngineError, match=r"the tensor is float32 \(1, 28, 28, 1\), expected int8"):
        engine.invoke(np.zeros((1, 28, 28, 1), np.float32))
    with pytest.raises(EngineError, match=r"\(1, 1, 1, 1\), expected"):
        engine.invoke(np.zeros((1, 1, 1, 1), np.int8))
    engine.close()
    engine.close()
    for use in (lambda: engine.invoke(images(model, 1)[0]), lambda: engine.read(0)):
        with pytest.raises(EngineError, match="closed"):
            use()


def test_devices_that_are_not_here_or_none_are_refused(model):
    with pytest.raises(OptionError, match="no device 'tpu'; choose cpu, gpu, npu"):
        open_engine("openvino:tpu", model)
    if "NPU" not in openvino._core().available_devices:
        with pytest.raises(EngineError, match="no device 'npu' here, only cpu"):
            open_engine("openvino:npu", model)


def test_what_it_does_not_know_is_one_line(model, capfd):
    for data in (b"", model.data[:1000]):
        with pytest.raises((ModelError, EngineError)) as caught:
            open_engine("openvino", model._replace(data=data))
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_full_disk_for_temporary_files_is_said(model, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(EngineError, match="can't be written .*set TMPDIR"):
        open_engine("openvino", model)


def in_new_process(code: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_nothing_leaves_the_machine(tmp_path):
    """OpenVINO's package sends an event when it is imported, and keeps a number for this machine at home."""
    code = """
import sys
sent = []
watched = ("socket.connect", "subprocess.Popen")
sys.addaudithook(lambda name, _: sent.append(name) if name in watched else None)
import edgecnn
edgecnn.load("digits", engine="openvino").close()
print(sent, [name for name in sys.modules if name.startswith(("openvino_telemetry", "openvino.tools"))])
"""
    assert in_new_process(code, HOME=str(tmp_path)) == "[] []"
    assert not (tmp_path / "intel").exists()


def test_other_engines_start_without_it(tmp_path):
    code = """
import sys, edgecnn
edgecnn.load("digits", engine="litert").close()
edgecnn.load("digits").close()
print("openvino" in sys.modules)
"""
    assert in_new_process(code) == "False"
