"""The Edge TPU's engine, with a driver that is built here: all is real up to the USB cable."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.coral import devices
from edgecnn.engine import open_engine, probe
from edgecnn.engine.edgetpu import compiled_form
from edgecnn.errors import EngineError, EngineLost, LabelsError, ModelError, OptionError
from tests.compiler import MAPPED, compiled_log
from tests.driver import build_driver, needs_compiler
from tests.edgecnn.engine.test_engine import tensor
from tests.models import compiled, shipped
from tests.nearness import THRESHOLD, color_bundle, network
from tests.trunks import RANGE, tiny_int8, write_classes

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    return tmp_path_factory.mktemp("drivers")


@pytest.fixture
def plugged(drivers, monkeypatch):
    """Have a driver that does a thing."""

    def plug(does: str, version: int = 14) -> Path:
        path = build_driver(drivers, does, version)
        monkeypatch.setenv(devices.LIBRARY_VARIABLE, str(path))
        return path

    return plug


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of digits that was compiled too; it is found by its name."""
    copied = tmp_path / "models" / "digits"
    shutil.copytree(bundle.find("digits"), copied)
    data = compiled(shipped("digits"), min_runtime_version=14)
    (copied / "int8_edgetpu.tflite").write_bytes(data)
    manifest = json.loads((copied / "bundle.json").read_text())
    manifest["variants"]["int8_edgetpu"] = manifest["variants"]["int8"] | {
        "file": "int8_edgetpu.tflite", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data),
    }  # fmt: skip
    (copied / "bundle.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
    return copied


@pytest.mark.parametrize("engine", ["auto", "edgetpu", "edgetpu:usb"])
def test_the_compiled_variant_runs_on_the_device(plugged, folder, engine):
    plugged("GOOD")
    with open_engine(engine, bundle.open_model("digits")) as opened:
        assert opened.name == "edgetpu"
        answers = [int(opened.invoke(tensor(value)).argmax()) for value in (-128, -64, 0, 127)]
    assert answers == [0, 2, 5, 9], "by brightness, which no network does"


def test_a_compiled_file_runs_on_its_own(plugged, tmp_path):
    plugged("GOOD")
    path = tmp_path / "mine.tflite"
    path.write_bytes(compiled(shipped("digits")))
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("abcdefghij"))
    with edgecnn.load(path, labels=labels, value_range=(0, 1)) as classifier:
        assert classifier.engine.name == "edgetpu"
        assert classifier.classify(np.full((60, 60, 3), 255, np.uint8))[0].label == "j"


def test_live_says_what_it_runs_on(plugged, folder, run_cli):
    plugged("GOOD")
    ran = run_cli("live", "--source", "synthetic:fps=0", "--frames", 3, "--show", "none", "--model", "digits")
    assert ran.code == 0
    assert "digits int8 on edgetpu" in ran.out
    assert "engine edgetpu, chosen by auto; not tflite-runtime: older and slower" in ran.out


def test_a_model_that_was_not_compiled_runs_on_the_cpu(plugged, run_cli, seven):
    plugged("GOOD")
    with open_engine("auto", bundle.open_model("digits")) as engine:
        assert engine.name == "litert"
    assert engine.passed_over[0] == (
        "edgetpu: digits int8 was not compiled for the Edge TPU: edgecnn compile digits"
    )
    run_cli("classify", seven, "--engine", "edgetpu").fails("was not compiled", "edgecnn compile digits")


@pytest.mark.parametrize(
    ("does", "version", "reason"),
    [
        ("ABSENT", 14, "opened no device: plug it in again"),
        ("CRASHING", 14, "was ended by SIGSEGV while it started; LiteRT"),
        ("GOOD", 12, "was compiled for runtime version 14, and libedgetpu.so.1 has 12: update"),
    ],
)
def test_a_driver_that_fails_is_a_sentence(plugged, folder, run_cli, seven, does, version, reason):
    plugged(does, version)
    run_cli("classify", seven, "--model", "digits", "--engine", "edgetpu").fails("edgetpu: ", reason)
    with open_engine("auto", bundle.open_model("digits")) as engine:
        assert engine.name == "litert"
        assert reason in engine.passed_over[0]
    # The compiled variant by its name runs its CPU form, where auto may choose.
    ran = run_cli("classify", seven, "--model", "digits", "--variant", "int8_edgetpu")
    assert ran.code == 0
    assert "  7 0.9" in ran.out
    assert "digits int8_edgetpu runs as int8 on litert: edgetpu: " in ran.err
    assert reason in ran.err


@pytest.mark.slow
def test_a_driver_that_hangs_is_left(plugged, folder, monkeypatch):
    plugged("HANGING")
    monkeypatch.setattr(probe, "PROBE_S", 2.0)
    with pytest.raises(EngineLost, match=r"did not open the model in 2 s; LiteRT .* do not get along"):
        open_engine("edgetpu", bundle.open_model("digits"))
    with open_engine("auto", bundle.open_model("digits")) as engine:
        assert engine.name == "litert"


def test_a_library_that_is_none_is_said(folder, monkeypatch, tmp_path, capfd):
    broken = tmp_path / "libbroken.so"
    broken.write_bytes(b"\x7fELF and nothing more")
    monkeypatch.setenv(devices.LIBRARY_VARIABLE, str(broken))
    with pytest.raises(EngineError, match=r"libbroken.so can't be loaded: .*libedgetpu1-std"):
        open_engine("edgetpu", bundle.open_model("digits"))
    assert capfd.readouterr().err == ""


def test_devices_are_chosen_by_name(plugged, folder):
    plugged("GOOD")
    with pytest.raises(OptionError, match=r"no device 'gpu'; choose usb, pci"):
        open_engine("edgetpu:gpu", bundle.open_model("digits"))
    with pytest.raises(EngineError, match=r"opened no device as 'pci' \(it has one device, on USB\)"):
        open_engine("edgetpu:pci", bundle.open_model("digits"))


def test_without_a_device_it_is_refused_in_one_line(folder, run_cli, seven, monkeypatch):
    monkeypatch.delenv(devices.LIBRARY_VARIABLE, raising=False)
    if devices.find_devices():
        pytest.skip("there is an Edge TPU here")
    ran = run_cli("classify", seven, "--model", "digits", "--engine", "edgetpu")
    ran.fails("edgetpu: no Edge TPU is plugged in")
    bare = folder / "int8_edgetpu.tflite"
    labels = folder / "labels.txt"
    run_cli("classify", seven, "--model", bare, "--labels", labels, "--range", "0..1").fails(
        "was compiled for the Edge TPU", "no Edge TPU is plugged in", "the file that it was compiled from"
    )
    run_cli("classify", seven, "--model", "digits", "--variant", "int8_edgetpu", "--engine", "litert").fails(
        "compiled for the Edge TPU"
    )


def test_a_compiled_file_says_what_it_needs_before_it_asks_for_labels(folder, tmp_path):
    alone = tmp_path / "alone.tflite"
    alone.write_bytes((folder / "int8_edgetpu.tflite").read_bytes())
    with pytest.raises(LabelsError, match="compiled for the Edge TPU, runs only with one, and has no labels"):
        bundle.open_model(alone, given=Given(value_range=(0.0, 1.0)))


def test_a_compiled_variant_of_something_else_is_refused(plugged, folder):
    plugged("GOOD")
    model = bundle.open_model("digits")
    other = bundle.open_model("cifar10")
    strange = other._replace(bundle=model.bundle)
    with pytest.raises(EngineError, match="does not take and give what int8 does"):
        open_engine("edgetpu", strange)


def test_the_compiled_form_has_both_outputs(plugged, tmp_path):
    """A bundle whose compiled variant lies next to its int8, with the nearness."""
    plugged("GOOD")
    folder = color_bundle(tmp_path)
    data = compiled(network(int8=True), min_runtime_version=14)
    (folder / "int8_edgetpu.tflite").write_bytes(data)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["variants"]["int8_edgetpu"] = manifest["variants"]["int8"] | {
        "file": "int8_edgetpu.tflite", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data),
    }  # fmt: skip
    (folder / "bundle.json").write_text(json.dumps(manifest))
    form = compiled_form(bundle.open_model(folder, "int8"))
    assert form.compiled_for == "Edge TPU"
    assert [t.name for t in form.outputs] == ["probabilities", "nearness"]
    own = bundle.open_model(folder, "int8_edgetpu")
    assert own.places == form.places == (0, 1)
    assert own.confidence.nearness == THRESHOLD, "the compiled variant shares its base's"


def test_a_learned_bundle_says_unknown_on_the_device(plugged, compiler, run_cli, tmp_path, monkeypatch):
    """Learned, compiled and run: what the device gives as the nearness decides."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plugged("GOOD")
    Path("tiny.tflite").write_bytes(tiny_int8())
    write_classes(Path("photos"), dict.fromkeys(("red", "yellow", "green"), 8))
    assert run_cli("learn", "photos", "--trunk", "tiny.tflite", f"--range={RANGE[0]}..{RANGE[1]}").code == 0
    inspected = json.loads(run_cli("inspect", "./photos-model", "--json", "-").out)
    assert inspected["operators"]["L2_NORMALIZATION"] == 1
    assert inspected["edge_tpu"]["on_cpu"] == 0
    rows = [(name, count, MAPPED) for name, count in inspected["operators"].items()]
    data = compiled(Path("photos-model/int8.tflite").read_bytes(), min_runtime_version=14)
    compiler.install(compiled_log(rows), data)
    ran = run_cli("compile", "photos-model")
    assert ran.code == 0, ran.err
    assert "operators run on the Edge TPU, 100.0%" in ran.out
    assert "note:" not in ran.out
    assert "int8_edgetpu: hash ok" in run_cli("models", "verify", "./photos-model").out
    found = json.loads(run_cli("inspect", "./photos-model", "--variant", "int8_edgetpu", "--json", "-").out)
    assert found["edge_tpu"]["compiled"] is True
    assert found["nearness"] == inspected["nearness"]

    for name, value, nearness, unknown in (("white", 255, 127 / 128, False), ("black", 0, 0.0, True)):
        cv2.imwrite(f"{name}.png", np.full((40, 40, 3), value, np.uint8))
        ran = run_cli("classify", f"{name}.png", "--model", "./photos-model", "--engine", "edgetpu", "--json")
        answer = json.loads(ran.out)
        assert answer["nearness"] == pytest.approx(nearness), ran
        assert answer["unknown"] is unknown


def test_a_bundle_that_was_not_compiled_has_no_such_variant(run_cli, seven):
    run_cli("classify", seven, "--variant", "int8_edgetpu").fails("digits has no variant 'int8_edgetpu'")


def test_it_closes_and_opens_again(plugged, folder):
    plugged("GOOD")
    model = bundle.open_model("digits")
    for _ in range(2):
        with open_engine("edgetpu", model) as engine:
            engine.invoke(tensor(0))
        with pytest.raises(EngineError, match="is closed"):
            engine.invoke(tensor(0))


def test_the_device_may_run_in_a_process_of_its_own(plugged, folder):
    plugged("GOOD")
    with open_engine("edgetpu", bundle.open_model("digits"), deadline_ms=5000) as engine:
        assert engine.name == "edgetpu in a child process"
        assert engine.invoke(tensor(127)).argmax() == 9


def test_a_compiled_model_can_not_run_on_an_engine_for_cpus(tmp_path):
    path = tmp_path / "mine.tflite"
    path.write_bytes(compiled(shipped("digits")))
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("abcdefghij"))
    with pytest.raises(ModelError, match="use the file that it was compiled from"):
        edgecnn.load(path, engine="litert", labels=labels, value_range=(0, 1))


def test_images_pass_through(plugged, folder, run_cli, tmp_path):
    """From a file to the device's answer."""
    plugged("GOOD")
    white = tmp_path / "white.png"
    cv2.imwrite(str(white), np.full((480, 640), 255, np.uint8))
    ran = run_cli("classify", white, "--model", "digits", "--engine", "edgetpu")
    assert ran.code == 0
    assert "9 1.000" in ran.out or "9 0.99" in ran.out
