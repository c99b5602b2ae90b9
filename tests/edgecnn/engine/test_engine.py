import numpy as np
import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.engine import ENGINES, Engine, describe_engines, open_engine, register_engine
from edgecnn.errors import EngineError, ModelError, OptionError
from edgecnn.latency import percentile
from edgecnn.tflite.file import Tensor


@pytest.fixture(scope="module")
def model():
    return bundle.open_model("digits")


def tensor(value: int) -> np.ndarray:
    return np.full((1, 28, 28, 1), value, np.int8)


@pytest.mark.parametrize("name", ["auto", "litert"])
def test_litert_runs_the_model(model, name):
    with open_engine(name, model) as engine:
        assert engine.name == "litert"
        output = engine.invoke(tensor(-128))
    assert output.shape == (1, 10)
    assert output.dtype == np.int8


def test_two_threads_give_the_same_answer(model):
    image = np.random.default_rng(0).integers(-128, 128, (1, 28, 28, 1)).astype(np.int8)
    answers = []
    for threads in (1, 2):
        with open_engine("litert", model, threads) as engine:
            answers.append(engine.invoke(image).astype(int))
    assert np.abs(answers[0] - answers[1]).max() <= 1


def test_opening_writes_nothing_to_stderr(model, capfd):
    open_engine("litert", model).close()
    assert capfd.readouterr().err == ""


def test_a_wrong_tensor_is_an_engine_error(model):
    with open_engine("litert", model) as engine, pytest.raises(EngineError, match="LiteRT failed"):
        engine.invoke(np.zeros((1, 30, 30, 1), np.int8))


def test_unknown_engines_and_threads_are_usage_errors(model):
    for spec in ("litert:gpu", "auto:usb", "tflite-runtime:"):
        with pytest.raises(OptionError, match=f"takes no options, and '{spec}' has some"):
            open_engine(spec, model)
    with pytest.raises(OptionError, match=f"choose auto, {', '.join(ENGINES)}"):
        open_engine("tpu", model)
    for threads in (0, 257, 1_000_000):
        with pytest.raises(OptionError, match="expected a number from 1 to 256"):
            open_engine("litert", model, threads)
    with pytest.raises(OptionError, match="no option 'speed'"):
        open_engine("fake:speed=3", model)


def test_auto_keeps_every_reason(model, monkeypatch):
    from edgecnn.engine.table import EngineEntry

    monkeypatch.setitem(ENGINES, "litert", EngineEntry("edgecnn_not_there:X", "pip install it", auto=""))
    with pytest.raises(EngineError, match=r"litert can't be imported .*pip install it"):
        open_engine("auto", model)


def test_a_model_for_the_edge_tpu_is_refused_in_words(shared, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\n")
    compiled = bundle.open_model(shared / "models/odd/edgetpu_compiled_misnamed.tflite", given=Given(labels))
    with pytest.raises(ModelError, match="compiled for the Edge TPU"):
        open_engine("auto", compiled)


def test_the_fake_answers_by_brightness(model):
    with open_engine("fake", model) as engine:
        best = [int(engine.invoke(tensor(v)).argmax()) for v in (-128, -64, 0, 126)]
        scores = engine.invoke(tensor(0)).astype(int) + 128
    assert best == [0, 2, 5, 9]
    assert scores.sum() == 256


def test_the_fakes_delay_is_what_was_asked_for(model):
    import time

    took = []
    with open_engine("fake:delay_ms=3,jitter_ms=1", model) as engine:
        for _ in range(50):
            start = time.perf_counter()
            engine.invoke(tensor(0))
            took.append((time.perf_counter() - start) * 1e3)
    assert min(took) >= 2, "the delay less the jitter"
    assert percentile(took, 50) >= 2.5


class Constant(Engine):
    """An engine that a test registers: always the first class."""

    name = "constant"

    def __init__(self, model, spec, threads):
        self.asked = model.name, spec, threads
        self._output = model.outputs[0]

    def invoke(self, tensor):
        scores = np.full(self._output.shape, -128, self._output.dtype)
        scores[..., 0] = 127
        return scores


@pytest.fixture
def constant(unregister):
    register_engine("constant", Constant, usage="constant[:x]")


def test_a_registered_engine_is_chosen_by_its_name_only(model, constant):
    with open_engine("constant:x", model, 2) as engine:
        assert engine.asked == ("digits", "constant:x", 2)
        assert engine.invoke(tensor(0)).argmax() == 0
    with open_engine("auto", model) as engine:
        assert engine.name == "litert"
    assert describe_engines().startswith("auto, edgetpu[:usb|:pci], litert, ")
    assert describe_engines().endswith(", constant[:x]")
    with pytest.raises(OptionError, match="choose auto, .*, constant"):
        open_engine("tpu", model)


def test_a_registered_engine_runs_bare_files_in_this_process_only(digits_file, tmp_path, constant):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("0123456789"))
    with edgecnn.load(digits_file, engine="constant", labels=labels, scores="probabilities") as classifier:
        assert classifier.engine.name == "constant"
    with pytest.raises(OptionError, match=r"'constant' was registered in this one.*edgecnn\.engines"):
        edgecnn.load("digits", engine="constant", deadline_ms=100)


class Tiny:
    """A model that no bundle and no file ever was, as the protocol asks for it."""

    name, data, output, places = "tiny", b"", 0, (0,)
    value_range, compiled_for = (0.0, 1.0), ""
    inputs = (Tensor("in", (1, 2, 2, 1), "float32", 0.0, 0, 0),)
    outputs = (Tensor("out", (1, 4), "float32", 0.0, 0, 0),)


def test_engines_take_whatever_has_bytes_inputs_and_outputs():
    with open_engine("fake", Tiny()) as engine:
        assert engine.invoke(np.full((1, 2, 2, 1), 0.6, np.float32)).argmax() == 2
    with open_engine("fake", Tiny(), deadline_ms=60_000) as engine:
        assert engine.invoke(np.zeros((1, 2, 2, 1), np.float32)).argmax() == 0
    with pytest.raises(ModelError, match="tiny was rejected by LiteRT"):
        open_engine("litert", Tiny())


@pytest.mark.parametrize("accelerator", ["Edge TPU", "Ethos-U"])
def test_what_an_accelerator_alone_runs_is_refused(accelerator):
    model = Tiny()
    model.compiled_for = accelerator
    with pytest.raises(ModelError, match=f"compiled for .*{accelerator}"):
        open_engine("litert", model)
