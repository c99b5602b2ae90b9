"""Exports of a model with a second output, the nearness, which other programs do not take."""

import json
import re

import cv2
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.bundle.bundle import open_model
from edgecnn.exchange.exporting import to_c, to_integers, with_metadata
from edgecnn.exchange.scores_alone import note_on_nearness, with_scores_alone
from edgecnn.tflite.file import read_tflite
from tests.models import compiled
from tests.nearness import color, color_bundle

IMAGES = [color(*parts) for parts in ((255, 0, 0), (255, 255, 255), (200, 100, 0), (3, 9, 120))]


@pytest.fixture(scope="module")
def colors(tmp_path_factory):
    return color_bundle(tmp_path_factory.mktemp("exports"))


def outputs(data):
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    return [detail["name"] for detail in interpreter.get_output_details()]


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_the_scores_alone_are_exported_and_stay_the_same(colors, variant, tmp_path):
    model = open_model(colors, variant)
    assert "L2_NORMALIZATION" in model.file.operators
    data = with_metadata(model)
    file = read_tflite(data, "exported")
    assert file.operators == ("MEAN", "FULLY_CONNECTED", "SOFTMAX")
    assert outputs(data) == ["probabilities"]
    path = tmp_path / "colors.tflite"
    path.write_bytes(data)
    with edgecnn.load(path) as exported, edgecnn.load(colors, variant) as own:
        assert exported.labels == own.labels
        for image in IMAGES:
            predictions = exported.classify(image)
            assert predictions == own.classify(image)
            assert type(predictions) is list
            assert exported.knows(predictions), "without the nearness nothing is unknown"


def test_prototypes_do_not_stay_in_the_file(colors):
    model = open_model(colors)
    names = {tensor.name for tensor in read_tflite(with_scores_alone(model).data, "m").tensors}
    assert "nearness/weights" in {tensor.name for tensor in model.file.tensors}
    assert names == {"image", "axes", "embedding", "logits/weights", "logits/bias", "logits", "probabilities"}


def test_uint8_and_c_have_the_scores_alone(colors):
    model = open_model(colors)
    unsigned = read_tflite(to_integers(model, "uint8"), "u")
    assert [t.dtype for t in unsigned.outputs] == ["uint8"]
    assert unsigned.operators == ("QUANTIZE", "MEAN", "FULLY_CONNECTED", "SOFTMAX", "QUANTIZE")
    _, source = to_c(model, "net")
    numbers = re.findall(r"\b\d+\b", source[source.index("= {") : source.index("};")])
    assert outputs(bytes(map(int, numbers))) == ["probabilities"]


def test_a_model_without_nearness_stays_as_it_is():
    model = open_model("digits")
    assert with_scores_alone(model) is model
    assert note_on_nearness(model) == ""


def test_a_compiled_one_stays_as_its_compiler_wrote_it(colors):
    data = compiled(open_model(colors).data)
    file = read_tflite(data, "compiled").with_outputs([0, 1])
    model = open_model(colors)._replace(data=data, file=file)
    assert with_scores_alone(model) is model
    assert "keeps its second output" in note_on_nearness(model)
    kept = read_tflite(with_metadata(model), "kept").outputs
    assert [tensor.name for tensor in kept] == ["probabilities", "nearness"]


@pytest.mark.parametrize("options", [(), ("--io", "uint8"), ("--c-array",)])
def test_an_export_says_that_it_dropped_the_nearness(colors, options, run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run_cli("models", "export", colors, *options)
    assert ran.code == 0
    assert "has the scores of colors int8 and not its nearness" in ran.err
    assert run_cli("models", "export", "digits", *options).err == ""


def test_cards_and_inspections_show_the_nearness(colors, run_cli, monkeypatch):
    shown = run_cli("models", "show", colors).out
    assert "Unknown, int8: a nearness below 0.800" in shown
    assert "Unknown, float32: a nearness below 0.800" in shown
    monkeypatch.setenv("COLUMNS", "160")
    text = " ".join(run_cli("inspect", colors).out.split())
    assert "largest of 3 cosines in nearness: unknown below 0.800" in text
    assert "int8 1×3 nearness, scale 0.0078125, zero point 0" in text
    found = json.loads(run_cli("inspect", colors, "--json", "-").out)
    assert found["nearness"] == {"output": "nearness", "prototypes": 3, "threshold": 0.8}
    assert "nearness" not in json.loads(run_cli("inspect", "digits", "--json", "-").out)
    assert "golden vectors ok" in run_cli("models", "verify", colors).out


def test_commands_say_unknown_and_how_near(colors, run_cli, tmp_path):
    path = tmp_path / "white.png"
    cv2.imwrite(str(path), color(255, 255, 255))
    assert run_cli("classify", path, "--model", colors).out.split()[1] == "unknown"
    assert run_cli("classify", path, "--model", colors, "--threshold", 0).out.split()[1] == "red"
    said = json.loads(run_cli("classify", path, "--model", colors, "--json").out)
    assert said["unknown"] is True
    assert said["nearness"] == pytest.approx(3**-0.5, abs=1.5 / 128)
    lines = tmp_path / "all.jsonl"
    ran = run_cli("live", "--source", path, "--model", colors, "--show", "none", "--frames", 1,
                  "--jsonl", lines, "--deadline", 60_000)  # fmt: skip
    assert ran.code == 0, ran.err
    line = json.loads(lines.read_text().splitlines()[0])
    assert (line["unknown"], line["nearness"]) == (True, said["nearness"])
