import json
import shutil

import pytest


def test_a_bundle_and_a_file_are_told(run_cli, digits_file):
    for model in ("digits", digits_file):
        ran = run_cli("inspect", model)
        assert ran.code == 0
        text = " ".join(ran.out.split())
        assert "int8 1×28×28×1" in text
        known = "its bundle.json" if model == "digits" else "its metadata: (pixel − 0) / 255"
        assert f"0 and 255 become 0 and 1 ({known})" in text
        assert "10: 0; 1; 2 and 7 more" in text
        assert "FULLY_CONNECTED" in text
        assert "operators map, as far as Coral's table says" in text
    assert "float32 1×28×28×1" in run_cli("inspect", "digits", "--variant", "float32").out


def test_what_has_to_be_told_is_asked_for_and_then_known(run_cli, shared):
    model = shared / "models/mlperf_tiny/pretrainedResnet.tflite"
    silent = " ".join(run_cli("inspect", model).out.split())
    assert "it has no labels inside: give --labels FILE with 10 lines" in silent
    assert "it is a float model and does not say which range its input has: add --range 0..1" in silent
    told = " ".join(run_cli("inspect", model, "--range", "0..255", "--fit", "pad").out.split())
    assert "0 and 255 become 0 and 255 (as given)" in told
    assert "by --fit pad (as given)" in told


def test_json_goes_to_stdout_or_a_file(run_cli, tmp_path):
    alone = run_cli("inspect", "digits", "--json", "-")
    found = json.loads(alone.out)
    assert found["file"].endswith("int8.tflite")
    ran = run_cli("inspect", "digits", "--json", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == found
    assert "FULLY_CONNECTED" in ran.out


def test_a_detector_is_told_for_what_it_is(run_cli, shared):
    ran = run_cli("inspect", shared / "models/odd/ssd_head.tflite")
    assert ran.code == 0
    assert "12 inputs and 4 outputs" in " ".join(ran.out.split())


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", b"<html>", b"\0\0\0\0TFL3"])
def test_what_is_no_model_is_one_line(run_cli, tmp_path, content):
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    ran = run_cli("inspect", path)
    assert ran.code == 1
    assert ran.err.startswith(f"edgecnn: {path}")
    assert ran.err.count("\n") == 1


def test_a_changed_bundle_is_refused(run_cli, tmp_path):
    from edgecnn.bundle.bundle import find

    copy = tmp_path / "copy"
    shutil.copytree(find("digits"), copy)
    (copy / "int8.tflite").write_bytes((copy / "float32.tflite").read_bytes())
    ran = run_cli("inspect", copy)
    assert ran.code == 1
    assert "is not the file that bundle.json names" in ran.err


def test_tables_fit_80_columns(run_cli, shared, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    coral = shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite"
    for model in ("digits", "cifar10", "waste", coral, shared / "models/odd/ssd_head.tflite"):
        ran = run_cli("inspect", model)
        assert max(map(len, ran.out.splitlines())) <= 80, model
        assert "…" not in ran.out.replace("SHA-256", "").split("operator  ")[-1]


def test_nothing_is_minus_zero_or_one_of_many(run_cli, tmp_path, digits_file):
    from tests.models import several_outputs

    (tmp_path / "m.tflite").write_bytes(several_outputs(digits_file.read_bytes()))
    text = " ".join(run_cli("inspect", tmp_path / "m.tflite").out.split())
    assert "has 2 outputs" in text
    for model in ("digits", digits_file):
        text = run_cli("inspect", model).out
        assert "-0 " not in text
        assert "−0" not in text
        assert "1 operators" not in text
        assert "1 inputs" not in text


def test_what_leaves_the_edge_tpu_is_said_below_the_table(run_cli, tmp_path, digits_file):
    from tests.models import float_edges

    (tmp_path / "m.tflite").write_bytes(float_edges(digits_file.read_bytes()))
    text = run_cli("inspect", tmp_path / "m.tflite").out
    assert "off the Edge TPU: 1, QUANTIZE: it works on float32" in text
    assert text.count(" CPU") >= 2
