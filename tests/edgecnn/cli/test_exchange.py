import json

import pytest

from edgecnn.bundle.bundle import find as find_bundle
from tests import compiler as real
from tests.models import compiled, float_edges


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.delenv("EDGECNN_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_imported_model_runs_by_what_was_printed(run_cli, here, seven, digits_file):
    ran = run_cli("models", "import", digits_file, "--name", "mine", "--fit", "crop")
    assert ran.code == 0, ran.err
    assert "pixels 0 and 255 become 0 and 1: its metadata" in ran.out
    assert "28×28, crop: as given" in ran.out
    assert f"imported {here / 'mine'}: edgecnn live --model ./mine" in ran.out
    assert run_cli("classify", seven, "--model", "./mine").out.split()[1] == "7"
    assert "golden vectors ok" in run_cli("models", "verify", "./mine").out


def test_a_folder_of_models_takes_it_by_name(run_cli, here, monkeypatch, seven, digits_file):
    monkeypatch.setenv("EDGECNN_MODELS", str(here / "models"))
    ran = run_cli("models", "import", digits_file, "--name", "mine")
    assert "edgecnn live --model mine" in ran.out
    assert run_cli("classify", seven, "--model", "mine").out.split()[1] == "7"
    assert "mine" in run_cli("models").out


def test_what_it_can_not_know_is_asked_for(run_cli, here, shared):
    path = shared / "models/mlperf_tiny/pretrainedResnet.tflite"
    ran = run_cli("models", "import", path, "--name", "mine")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "give --labels FILE with 10 lines" in ran.err
    assert not (here / "mine").exists()


def test_exports_are_written_where_they_are_asked_for(run_cli, here):
    assert run_cli("models", "export", "cifar10").code == 0
    assert "by --fit crop (as edgecnn exported it)" in run_cli("inspect", "cifar10.tflite").out
    assert run_cli("models", "export", "cifar10", "--io", "uint8", "--out", "u.tflite").code == 0
    assert "uint8 1×32×32×3" in run_cli("inspect", "u.tflite").out
    ran = run_cli("models", "export", "digits", "--c-array", "--out", "net.h")
    assert ran.out.startswith("net.h: ")
    assert '#include "net.h"' in (here / "net.c").read_text()


def test_exports_that_can_not_be_are_one_line(run_cli, here):
    for options, part, code in (
        (["--io", "uint8", "--variant", "float32"], "only int8 becomes uint8", 1),
        (["--io", "uint8", "--c-array"], "which takes no uint8: leave --io out", 2),
        (["--out", "nowhere/x.tflite"], "no such folder", 1),
        (["--out", "-"], "not written to stdout: name a file", 2),
        (["--variant", "int4"], "choose by --variant", 1),
    ):
        ran = run_cli("models", "export", "cifar10", *options)
        assert (ran.code, ran.err.count("\n")) == (code, 1)
        assert part in ran.err
    assert not list(here.iterdir())


def test_a_c_array_can_be_made_int8_first(run_cli, here):
    assert run_cli("models", "export", "cifar10", "--io", "uint8", "--out", "u.tflite").code == 0
    ran = run_cli("models", "export", "u.tflite", "--c-array", "--out", "net")
    ran.fails("add --io int8")
    ran = run_cli("models", "export", "u.tflite", "--c-array", "--io", "int8", "--out", "net")
    assert ran.code == 0, ran.err
    assert "int8 1x32x32x3" in (here / "net.h").read_text()


def test_float_edges_are_imported_as_int8_and_compiled(run_cli, here, digits_file, compiler):
    (here / "edges.tflite").write_bytes(float_edges(digits_file.read_bytes()))
    (here / "labels.txt").write_text("\n".join("0123456789"))
    ran = run_cli("models", "import", "edges.tflite", "--name", "mine")
    assert ran.code == 0, ran.err
    assert "pixels 0 and 255 become 0 and 1: its first operator, which quantizes" in ran.out
    assert "labels.txt, which is next to it" in ran.err
    shown = run_cli("models", "show", "./mine")
    assert "Variant int8" in shown.out
    rows = (("QUANTIZE", 1, real.UNSPECIFIED), *real.DIGITS, ("DEQUANTIZE", 1, real.UNSPECIFIED))
    compiler.install(real.compiled_log(rows), float_edges(compiled(digits_file.read_bytes())))
    ran = run_cli("compile", "./mine", "--min-mapped", "0.8")
    assert ran.code == 0, ran.err
    assert "8 of 10 operators run on the Edge TPU" in ran.out
    assert "`edgecnn inspect` expected" not in ran.out, "it expected as many"


def test_an_export_replaces_only_what_is_named(run_cli, here):
    (here / "digits.tflite").write_bytes(b"mine")
    run_cli("models", "export", "digits").fails("digits.tflite already exists: name another file with --out")
    assert (here / "digits.tflite").read_bytes() == b"mine"
    assert run_cli("models", "export", "digits", "--out", "digits.tflite").code == 0
    assert run_cli("models", "export", "digits").code == 0  # the same again

    (here / "net.c").write_bytes(b"int main(void) { return 0; }\n")
    run_cli("models", "export", "digits", "--c-array", "--out", "net.h").fails("net.c already exists")
    assert not (here / "net.h").exists()
    (here / "net.c").unlink()
    for model in ("digits", "mnist", "digits"):
        assert run_cli("models", "export", model, "--c-array", "--out", "net").code == 0
    (here / "net.h").write_bytes((here / "net.h").read_bytes() + b"// mine\n")
    run_cli("models", "export", "digits", "--c-array", "--out", "net").fails("net.h already exists")


def test_an_export_never_replaces_its_own_model(run_cli, here, digits_folder, digits_file):
    before = digits_file.read_bytes()
    run_cli("models", "export", digits_file, "--out", digits_file).fails("is a file of the model that is exp")
    for name in ("int8.tflite", "CARD.md"):
        run_cli("models", "export", digits_folder, "--out", digits_folder / name).fails("is a file of the mo")
    assert digits_file.read_bytes() == before


def test_what_was_exported_is_imported_as_it_was(run_cli, here, seven):
    """Also its scores: their temperature, and the threshold of `unknown`."""
    assert run_cli("models", "export", "digits").code == 0
    assert run_cli("models", "import", "digits.tflite", "--name", "again").code == 0
    answers = []
    for model in ("digits", "digits.tflite", "./again"):
        told = json.loads(run_cli("classify", seven, "--json", "--model", model).out)
        answers.append((told["predictions"], told["unknown"]))
    assert answers[0] == answers[1] == answers[2]
    first, again = (json.loads((find_bundle(m) / "bundle.json").read_text()) for m in ("digits", "./again"))
    assert again["input"] == first["input"]
    kept = again["confidence"]["variants"]["int8"]
    assert {key: first["confidence"]["variants"]["int8"][key] for key in kept} == kept
